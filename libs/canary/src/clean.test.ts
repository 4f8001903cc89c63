// Vectors: TransformSuite and DetectorSuite of Kayenta (spinnaker/spinnaker, folder kayenta).
import { quantile } from '@molthub/statistics';
import { expect, test } from 'vitest';
import { outliers, withoutMissing, withoutOutliers } from './clean.ts';
import { manySmall, nistOutlier } from './kayenta-vectors.ts';

test('missing values are removed', () => {
  expect(withoutMissing([0, 1, Number.NaN, 1, 0], 'remove')).toEqual([0, 1, 1, 0]);
  expect(withoutMissing([Number.NaN, Number.NaN, Number.NaN], 'remove')).toEqual([]);
});

test('missing values become zeros where none means none', () => {
  const values = [Number.NaN, 10.1, 20.2, 30.3, Number.NaN, 40.4];
  expect(withoutMissing(values, 'zero')).toEqual([0, 10.1, 20.2, 30.3, 0, 40.4]);
});

const one = [21, 23, 24, 25, 50, 29, 23, 21];
const placesOf = (values: readonly number[], factor: number, options = {}) =>
  outliers(values, factor, options).flatMap((out, at) => (out ? [at] : []));

test('an outlier lies beyond the fences, on either side', () => {
  expect(placesOf(one, 1.5)).toEqual([4]);
  expect(placesOf([1, 1, 1, 5, -1, -1, -1, -5], 1.5)).toEqual([3, 7]);
  expect(placesOf(nistOutlier, 1.5)).toEqual([nistOutlier.length - 1]);
  expect(outliers([], 1.5)).toEqual([]);
});

test('outliers are removed, and the others keep their order', () => {
  expect(withoutOutliers(one, 1.5)).toEqual([21, 23, 24, 25, 29, 23, 21]);
});

test('sparing leaves the middle 98 % where most values are equal', () => {
  const values = [...Array.from({ length: 180 }, () => 1), ...Array.from({ length: 20 }, (_, at) => 2 + at)];
  expect(placesOf(values, 3)).toHaveLength(20);
  expect(placesOf(values, 3, { sparing: true })).toEqual([198, 199]);
});

test('a factor of nothing is refused', () => {
  expect(() => outliers(one, 0)).toThrow(/above 0/);
});

test.each([
  [[0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5], 0.05, 0.175],
  [[0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5], 0.5, 1.75],
  [[0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5], 1, 3.5],
  [[0, 1, 2, 3, 4, 5, 6, 7, 8, 9], 0.5, 4.5],
  [
    [95.061, 95.0925, 95.1195, 95.1442, 95.1567, 95.1591, 95.1682, 95.1772, 95.1772, 95.1937, 95.1959, 95.199],
    0.9,
    95.19568,
  ],
  [[1], 1, 1],
  [manySmall, 0.25, 0],
  [manySmall, 0.75, 0.0416],
])('percentiles are those of StatisticSuite', (ascending, p, value) => {
  expect(Math.abs(quantile(ascending, p) - value)).toBeLessThan(1e-4);
});
