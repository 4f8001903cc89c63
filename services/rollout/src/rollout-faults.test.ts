// docs/rollout-faults.md names tests as proofs: each of them is there.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '../../..');
const page = readFileSync(join(root, 'docs/rollout-faults.md'), 'utf8');
const proofs = [...page.matchAll(/^ +`(?<file>[^`]+\.test\.ts)`: "(?<name>[^"]+)"$/gm)];
/** As it is written in a test, with its quotes. */
const written = (text: string): string => text.replaceAll("\\'", "'");

test('every test that is named as a proof exists', () => {
  const named = page.match(/\.test\.ts`/g)?.length;
  expect(proofs.length, 'each line that names a test file is `file`: "name"').toBe(named);
  const missing = proofs.flatMap(({ groups: { file = '', name = '' } = {} }) =>
    written(readFileSync(join(root, 'services', file), 'utf8')).includes(`'${name}'`) ? [] : [`${file}: ${name}`],
  );
  expect(missing).toEqual([]);
});

test('the faults are numbered without a gap', () => {
  const numbers = [...page.matchAll(/^(\d+)\. /gm)].map(([, number]) => Number(number));
  expect(numbers).toEqual(numbers.map((_, index) => index + 1));
  expect(numbers.length).toBeGreaterThan(40);
});
