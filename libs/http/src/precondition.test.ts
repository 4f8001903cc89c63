import { expect, test } from 'vitest';
import { etagOf, expectedVersionOf, preferredWaitMs } from './precondition.ts';

test('If-Match takes the ETag that was answered, and * for whatever is there', () => {
  expect(expectedVersionOf(etagOf(3))).toBe(3);
  expect(expectedVersionOf('*')).toBeUndefined();
  expect(expectedVersionOf(undefined)).toBeUndefined();
});

test.each(['3', '"0"', '"-1"', '"3", "4"', 'W/"3"', '"x"', '""', '"99999999999999999999"', ''])(
  'If-Match %j is no ETag',
  (text) => {
    expect(() => expectedVersionOf(text)).toThrow(/If-Match must be/);
  },
);

test.each([
  [undefined, 10_000],
  ['wait=30', 30_000],
  ['respond-async, wait=5', 5_000],
  ['WAIT = "7"; x=1', 7_000],
  ['wait=9999', 60_000],
  ['wait=0', 0],
  ['wait=x', 10_000],
  ['nowait=3', 10_000],
])('Prefer %j waits %d ms', (prefer, expected) => {
  expect(preferredWaitMs(prefer, 10_000)).toBe(expected);
});
