import { expect, test } from 'vitest';
import { normalBeyond, normalQuantile } from './normal.ts';

test.each([
  // Abramowitz and Stegun, table 26.1.
  [0, 0.5],
  [1, 0.15865525393145707],
  [1.96, 0.02499789514822043],
  [3, 0.0013498980316300957],
  [5, 2.866515718791946e-7],
  [10, 7.61985302416053e-24],
])('beyond %d lies %d', (z, share) => {
  expect(Math.abs(normalBeyond(z) / share - 1)).toBeLessThan(1e-13);
  expect(normalBeyond(-z)).toBeCloseTo(1 - share, 15);
});

test.each([
  [0.5, 0],
  [0.975, 1.959963984540054],
  [0.995, 2.5758293035489004],
  [0.1, -1.2815515655446004],
])('below the quantile lies %d', (p, z) => expect(normalQuantile(p)).toBeCloseTo(z, 12));

test.each([0, 1, -1, 2, Number.NaN])('%d has no quantile', (p) => expect(() => normalQuantile(p)).toThrow(RangeError));

test('where the series ends and the fraction begins there is no step', () => {
  expect(Math.abs(normalBeyond(3) / normalBeyond(3 - 1e-15) - 1)).toBeLessThan(1e-13);
});
