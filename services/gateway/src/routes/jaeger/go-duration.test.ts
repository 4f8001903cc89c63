import { expect, test } from 'vitest';
import { goDurationMs, isGoDuration } from './go-duration.ts';

test.each([
  ['100ms', 100],
  ['1.2s', 1_200],
  ['1h30m', 5_400_000],
  ['250us', 0.25],
  ['250µs', 0.25],
  ['5ns', 5e-6],
])('%s is %d ms', (text, ms) => {
  expect(isGoDuration(text)).toBe(true);
  expect(goDurationMs(text)).toBeCloseTo(ms, 9);
});

test.each(['', '5', 'ms', '-1s', '1 s', '1s;', '1.s', '1s'.repeat(7)])('%j is none', (text) =>
  expect(isGoDuration(text)).toBe(false),
);
