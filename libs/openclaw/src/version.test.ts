import { Rejected } from '@molthub/decider';
import { expect, test } from 'vitest';
import { assertPinnedVersion, isPinnedVersion } from './version.ts';

test('exact versions are pinned', () => {
  for (const version of ['2026.9.6', '2026.4.29', '2026.1.24-3']) expect(isPinnedVersion(version)).toBe(true);
});

const unpinned = [
  'latest',
  '',
  '^2026.9.6',
  '2026.9.x',
  '>=2026.9.6',
  '2026.9.6 || 2026.8.1',
  '2026.9',
  '../../x',
  'git+ssh://git@host/x',
  'file:../x',
  'npm:other@1.0.0',
  'http://host/x.tgz',
  '2026.9.6\n',
  '2026.9.6;id',
  '--help',
];
for (const version of unpinned) {
  test(`"${version.replace('\n', '\\n')}" is refused as no exact version, naming the field`, () => {
    const refused = () => assertPinnedVersion(version);
    expect(refused).toThrow(Rejected);
    expect(refused).toThrow(
      expect.objectContaining({ errors: [expect.objectContaining({ path: 'spec.runtime.version' })] }),
    );
  });
}
