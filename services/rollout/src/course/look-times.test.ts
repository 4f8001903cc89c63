// When traces are looked at.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { looksOf } from './look-times.ts';

const minute = 60_000;
const gate = { minSeconds: 60, maxSeconds: 600, looks: 10 };

test('nothing is looked at before the least time', () => {
  expect(looksOf(gate).at(minute - 1)).toBeNull();
});

test('the first look is at the least time, the last at the end', () => {
  expect(looksOf(gate).at(minute)).toEqual({ number: 1, untilMs: minute, isLast: false });
  expect(looksOf(gate).at(10 * minute)).toEqual({ number: 10, untilMs: 10 * minute, isLast: true });
});

test('after the last look there is no other, however late it is', () => {
  expect(looksOf(gate).at(1_000 * minute)).toEqual({ number: 10, untilMs: 10 * minute, isLast: true });
});

test('between two looks only what the earlier one saw counts', () => {
  expect(looksOf(gate).at(2 * minute - 1)).toEqual({ number: 1, untilMs: minute, isLast: false });
});

test('one look is the last one', () => {
  expect(looksOf({ minSeconds: 60, maxSeconds: 60, looks: 10 }).at(minute)?.isLast).toBe(true);
});

test('looks never exceed their plan, and never look at what is still to come', () => {
  fc.assert(
    fc.property(
      fc.nat({ max: 600 }),
      fc.nat({ max: 6_000 }),
      fc.integer({ min: 1, max: 100 }),
      fc.nat({ max: 10_000_000 }),
      (minSeconds, maxSeconds, looks, elapsedMs) => {
        const look = looksOf({ minSeconds, maxSeconds, looks }).at(elapsedMs);
        if (look === null) return elapsedMs < minSeconds * 1_000;
        return look.number >= 1 && look.number <= looks && look.untilMs <= elapsedMs + 1;
      },
    ),
  );
});
