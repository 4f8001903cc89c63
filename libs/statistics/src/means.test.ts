import { expect, test } from 'vitest';
import { mean, meanRatio } from './means.ts';

test('a mean is the sum over the number of values', () => {
  expect(mean([1, 2, 6])).toBe(3);
  expect(() => mean([])).toThrow(/no mean/);
});

test('a ratio to nothing, or of nothing, does not exist', () => {
  expect(meanRatio([2, 4], [1, 1])).toBe(3);
  expect(meanRatio([1], [0])).toBeNull();
  expect(meanRatio([0], [1])).toBeNull();
});
