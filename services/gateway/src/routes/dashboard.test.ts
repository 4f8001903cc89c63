import { latencyBucketsMs } from '@molthub/contracts';
import { expect, test } from 'vitest';
import { latencyQuantile } from './dashboard.ts';

const counts = (more: Readonly<Record<number, number>>) =>
  Array.from({ length: latencyBucketsMs.length + 1 }, (_, at) => more[at] ?? 0);
const [first, second] = latencyBucketsMs;

test('nothing is said of the latency of no requests', () => {
  expect(latencyQuantile(counts({}), 0.5)).toBeNull();
});

test('a quantile lies within the bucket that holds it, as far as its share', () => {
  expect(latencyQuantile(counts({ 0: 4 }), 0.5)).toBe(first / 2);
  expect(latencyQuantile(counts({ 0: 2, 1: 2 }), 0.5)).toBe(first);
  expect(latencyQuantile(counts({ 0: 2, 1: 2 }), 1)).toBe(second);
});

test('what took longer than every bound counts as the last bound', () => {
  expect(latencyQuantile(counts({ [latencyBucketsMs.length]: 3 }), 0.99)).toBe(latencyBucketsMs.at(-1));
});
