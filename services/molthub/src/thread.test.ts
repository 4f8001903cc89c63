import { services } from '@molthub/contracts';
import { expect, test } from 'vitest';
import { readSettings } from './env.ts';
import { divided, openThread } from './thread.ts';

test('every service runs once, and whoever answers callers has a thread without the others', () => {
  const { here, apart } = divided(services, 2);
  expect([...here, ...apart.flat()].toSorted()).toEqual([...services].toSorted());
  expect(here).toEqual(expect.arrayContaining(['gateway', 'config', 'policy']));
  expect(apart).toEqual([expect.arrayContaining(['reconciler', 'audit']), ['trace']]);
  expect(divided(['gateway', 'trace'], 2).apart).toEqual([['trace']]);
});

test.each([
  ['there is one processor', services, 1],
  ['no caller is served here', ['rollout', 'reconciler'] as const, 8],
  ['there is nothing but callers to serve', ['gateway', 'config'] as const, 8],
])('nothing is divided where %s', (_, names, processors) => {
  expect(divided(names, processors)).toEqual({ here: names, apart: [] });
});

const program = (text: string) => new URL(`data:text/javascript,${encodeURIComponent(text)}`);
const names = ['audit', 'health'] as const;
const given = { addresses: {}, settings: readSettings() };

test('a thread that hangs is told as not ready, keeps no figures back, and is ended at the stop', async () => {
  const hanging = program(`
    import { parentPort } from 'node:worker_threads';
    parentPort.on('message', ({ id, what }) => {
      if (what === 'start') parentPort.postMessage({ id, otlpUrl: 'http://here' });
      else for (;;) {}
    });`);
  const thread = openThread(names, hanging, { answerMs: 100, stopMs: 100 });
  expect(await thread.start(given)).toBe('http://here');
  expect(await thread.readiness()).toEqual([
    { name: 'audit', ready: false, detail: expect.stringContaining('no answer within 100 ms') },
    { name: 'health', ready: false, detail: expect.stringContaining('no answer within 100 ms') },
  ]);
  expect(await thread.metrics()).toEqual([]);
  expect(await thread.stop()).toContain('no answer within 100 ms');
});

test('why services cannot start is told, and a thread that ends while it is stopped has stopped', async () => {
  const failing = program(`
    import { parentPort } from 'node:worker_threads';
    parentPort.on('message', ({ id, what }) => {
      if (what === 'start') parentPort.postMessage({ id, error: 'no servers' });
      else process.exit(3);
    });`);
  const thread = openThread(names, failing);
  await expect(thread.start(given)).rejects.toThrow('no servers');
  await thread.stop();
});
