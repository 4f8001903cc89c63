import { expect, test } from 'vitest';
import { refuseDocker } from './servers.ts';

test('asked for Docker, tests refuse instead of falling back silently', () => {
  expect(() => refuseDocker('docker')).toThrow(/needs a Docker engine.*MOLTHUB_TEST_DEPS=embedded/);
  expect(() => refuseDocker('podman')).toThrow('must be auto, docker or embedded, not "podman"');
  for (const wanted of [undefined, '', 'auto', 'embedded']) expect(() => refuseDocker(wanted)).not.toThrow();
});
