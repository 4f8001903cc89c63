import { expect, test } from 'vitest';
import { newLines } from './log-tail.ts';

test('only what came behind the last look is new', () => {
  expect(newLines([], ['a', 'b'])).toEqual(['a', 'b']);
  expect(newLines(['a', 'b'], ['a', 'b'])).toEqual([]);
  expect(newLines(['a', 'b'], ['a', 'b', 'c'])).toEqual(['c']);
  expect(newLines(['a', 'b', 'c'], ['b', 'c', 'd', 'e'])).toEqual(['d', 'e']);
});

test('when more came than is answered at once, all of it is new', () => {
  expect(newLines(['a', 'b'], ['x', 'y'])).toEqual(['x', 'y']);
});

test('lines that repeat are not taken twice', () => {
  expect(newLines(['tick', 'tick'], ['tick', 'tick', 'tick'])).toEqual(['tick']);
});
