import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Counts,
  differenceOfProportions,
  fisherExact,
  fisherExactGreater,
  totalToDetect,
  wilson,
} from './proportions.ts';

const of = (hits: number, total: number): Counts => ({ hits, total });
const rounded = ({ low, high }: { low: number; high: number }) => [Number(low.toFixed(4)), Number(high.toFixed(4))];

// Newcombe 1998 (857), table I, method 3.
test.each([
  [81, 263, [0.2553, 0.3662]],
  [15, 148, [0.0624, 0.1605]],
  [0, 20, [0, 0.1611]],
  [1, 29, [0.0061, 0.1718]],
])('the share %d of %d has the published interval', (hits, total, interval) =>
  expect(rounded(wilson(of(hits, total), 0.95))).toEqual(interval),
);

// Newcombe 1998 (873), table II, method 10.
test.each([
  [of(56, 70), of(48, 80), [0.0524, 0.3339]],
  [of(9, 10), of(3, 10), [0.1705, 0.809]],
  [of(6, 7), of(2, 7), [0.0582, 0.8062]],
  [of(5, 56), of(0, 29), [-0.0381, 0.1926]],
  [of(0, 10), of(0, 20), [-0.1611, 0.2775]],
  [of(0, 10), of(0, 10), [-0.2775, 0.2775]],
  [of(10, 10), of(0, 20), [0.6791, 1]],
])('%j less %j has the published interval', (a, b, interval) =>
  expect(rounded(differenceOfProportions(a, b, 0.95))).toEqual(interval),
);

const choose = (n: number, k: number): bigint => {
  let result = 1n;
  for (let i = 1; i <= k; i += 1) result = (result * BigInt(n - k + i)) / BigInt(i);
  return result;
};
const byHand = (a: Counts, b: Counts): number => {
  const hits = a.hits + b.hits;
  const ways = (k: number) => choose(a.total, k) * choose(b.total, hits - k);
  const tables = Array.from({ length: a.total + 1 }, (_, k) => k).filter((k) => k <= hits && hits - k <= b.total);
  const asRare = tables.filter((k) => ways(k) <= ways(a.hits)).reduce((sum, k) => sum + ways(k), 0n);
  const all = choose(a.total + b.total, hits);
  return Number((asRare * 10n ** 15n) / all) / 1e15;
};

describe("Fisher's test", () => {
  test('finds what Fisher found: of tea, and of convicted twins', () => {
    expect(fisherExact(of(3, 4), of(1, 4))).toBeCloseTo(0.485714, 6);
    expect(fisherExact(of(2, 17), of(10, 13))).toBeCloseTo(0.0005367, 7);
  });
  test('agrees with counting every table', () => {
    const counts = fc
      .integer({ min: 1, max: 60 })
      .chain((total) => fc.integer({ min: 0, max: total }).map((hits) => of(hits, total)));
    fc.assert(
      fc.property(counts, counts, (a, b) => {
        expect(fisherExact(a, b)).toBeCloseTo(byHand(a, b), 10);
      }),
    );
  });
  test('one-sided, counts the tables in which the first has as many hits or more', () => {
    expect(fisherExactGreater(of(3, 4), of(1, 4))).toBeCloseTo(17 / 70, 12);
    const counts = fc
      .integer({ min: 1, max: 40 })
      .chain((total) => fc.integer({ min: 0, max: total }).map((hits) => of(hits, total)));
    fc.assert(
      fc.property(counts, counts, (a, b) => {
        const ways = (k: number) => choose(a.total, k) * choose(b.total, a.hits + b.hits - k);
        const most = Math.min(a.total, a.hits + b.hits);
        let asMany = 0n;
        for (let k = Math.max(a.hits, a.hits + b.hits - b.total); k <= most; k += 1) asMany += ways(k);
        const p = Number((asMany * 10n ** 15n) / choose(a.total + b.total, a.hits + b.hits)) / 1e15;
        expect(fisherExactGreater(a, b)).toBeCloseTo(p, 10);
      }),
    );
  });
  test('takes millions of requests', () => {
    expect(fisherExact(of(1_000, 1_000_000), of(1_000, 1_000_000))).toBe(1);
    expect(fisherExact(of(5_000, 1_000_000), of(4_000, 1_000_000))).toBeLessThan(1e-20);
    expect(fisherExact(of(900_000, 1_000_000), of(1, 1_000_000))).toBe(0);
  });
});

test.each([of(2, 1), of(-1, 2), of(0, 0), of(0.5, 1), of(Number.NaN, 1)])('%j is no share', (counts) => {
  expect(() => wilson(counts, 0.95)).toThrow(/whole numbers/);
  expect(() => fisherExact(counts, of(1, 2))).toThrow(/whole numbers/);
});

test.each([
  [0.5, 0.75, 0.05, 0.9, 77], // documentation of R's power.prop.test: 76.7
  [0.05, 0.1, 0.05, 0.8, 435],
])('a share that goes from %d to %d needs so many requests', (from, to, alpha, power, total) => {
  expect(totalToDetect(from, to, alpha, power)).toBe(total);
  expect(totalToDetect(to, from, alpha, power)).toBe(total);
});
