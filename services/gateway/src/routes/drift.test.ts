import { expect, test } from 'vitest';
import { withPatch } from './drift.ts';

test.each([
  [
    'changes what it names and nothing else',
    { a: { b: 1, c: 2 }, d: [1] },
    { a: { b: 3 } },
    { a: { b: 3, c: 2 }, d: [1] },
  ],
  ['replaces lists', { d: [1, 2] }, { d: [2] }, { d: [2] }],
  [
    'keeps what is deleted as null, which takes it from a layer',
    { a: { b: 1 } },
    { a: { b: null } },
    { a: { b: null } },
  ],
  ['deletes what only a layer says', {}, { a: { b: null } }, { a: { b: null } }],
  ['makes an object of what was none', { a: 1 }, { a: { b: 2 } }, { a: { b: 2 } }],
])('a patch %s', (_, config, patch, result) => expect(withPatch(config, patch)).toEqual(result));
