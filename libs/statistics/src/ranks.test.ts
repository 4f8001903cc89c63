import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { mannWhitney, quantile, shift, shiftByTest } from './ranks.ts';

const ascending = (values: readonly number[]) => values.toSorted((a, b) => a - b);
const values = fc.array(fc.integer({ min: -20, max: 20 }), { minLength: 1, maxLength: 30 }).map(ascending);

test('permeability of membranes (Hollander and Wolfe): U is 35', () => {
  const a = ascending([0.8, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46]);
  expect(mannWhitney(a, ascending([1.15, 0.88, 0.9, 0.74, 1.21])).u).toBe(35);
});

test('ages at a diagnosis (documentation of SciPy): U is 17, p 0.11134688653', () => {
  const found = mannWhitney(ascending([19, 22, 16, 29, 24]), ascending([20, 11, 17, 12]));
  expect(found.u).toBe(17);
  expect(found.p).toBeCloseTo(0.11134688653314041, 12);
});

test('U counts the pairs in which the first is larger, and the sides are mirrors', () => {
  fc.assert(
    fc.property(values, values, (a, b) => {
      const pairs = a.flatMap((x) => b.map((y): number => (x > y ? 1 : x < y ? 0 : 0.5)));
      const found = mannWhitney(a, b);
      expect(found.u).toBe(pairs.reduce((sum, pair) => sum + pair, 0));
      expect(found.p).toBeGreaterThanOrEqual(0);
      expect(found.p).toBeLessThanOrEqual(1);
      const other = mannWhitney(b, a);
      expect(other.p).toBe(found.p);
      expect(other.rankBiserial).toBeCloseTo(-found.rankBiserial, 12);
    }),
  );
});

test('the correction for ties is the variance that every order of the values has', () => {
  // 2, 2, 3 | 2, 3, 5: of all 20 ways to split them, the variance of U is what the deviation says.
  const all = [2, 2, 3, 2, 3, 5];
  const us: number[] = [];
  for (let mask = 0; mask < 64; mask += 1) {
    const a = all.filter((_, i) => (mask >> i) % 2 === 1);
    if (a.length === 3) us.push(mannWhitney(ascending(a), ascending(all.filter((_, i) => (mask >> i) % 2 === 0))).u);
  }
  const variance = us.reduce((sum, u) => sum + (u - 4.5) ** 2, 0) / us.length;
  expect(us).toHaveLength(20);
  const ties = 3 ** 3 - 3 + (2 ** 3 - 2);
  expect(variance).toBeCloseTo((9 / 12) * (7 - ties / 30), 12);
});

test('equal samples do not differ', () => {
  expect(mannWhitney([1, 1, 1], [1, 1])).toEqual({ u: 3, p: 1, probabilityOfSuperiority: 0.5, rankBiserial: 0 });
});

test('the shift and its interval are those of all differences in order', () => {
  fc.assert(
    fc.property(values, values, (a, b) => {
      const differences = ascending(a.flatMap((x) => b.map((y) => x - y)));
      const found = shift(a, b, 0.95);
      expect(found.value).toBe(quantile(differences, 0.5));
      const z = 1.959963984540054;
      const half = z * Math.sqrt((a.length * b.length * (a.length + b.length + 1)) / 12);
      const outer = Math.max(1, Math.floor(differences.length / 2 - half));
      expect([found.low, found.high]).toEqual([differences[outer - 1], differences[differences.length - outer]]);
    }),
  );
});

test('the interval holds the true shift about as often as it says', () => {
  let seed = 7;
  const next = () => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
  const sample = (by: number) => ascending(Array.from({ length: 40 }, () => -Math.log(next()) * 100 + by));
  let held = 0;
  for (let run = 0; run < 1_000; run += 1) {
    const { low, high } = shift(sample(25), sample(0), 0.95);
    if (low <= 25 && high >= 25) held += 1;
  }
  // 950 expected; four standard deviations to each side.
  expect(Math.abs(held - 950)).toBeLessThan(28);
});

test('the interval by the test holds just the shifts that the test does not call different', () => {
  fc.assert(
    fc.property(values, values, (a, b) => {
      const { low, high, value } = shiftByTest(a, b, 0.95);
      expect(value).toBe(shift(a, b, 0.95).value);
      // Halves lie between whole differences, where the test says the same until the next one.
      const differs = (by: number) => mannWhitney(ascending(a.map((x) => x - by)), b).p < 0.05;
      const [least, most] = [(a[0] ?? 0) - (b.at(-1) ?? 0), (a.at(-1) ?? 0) - (b[0] ?? 0)];
      if (low > least) expect(differs(low - 0.5)).toBe(true);
      if (high < most) expect(differs(high + 0.5)).toBe(true);
      if (low < high) expect([differs(low + 0.5), differs(high - 0.5)]).toEqual([false, false]);
    }),
  );
});

test('fractions and large samples keep their exact differences', () => {
  const a = Float64Array.from({ length: 300 }, (_, i) => i * 0.1);
  const b = Float64Array.from({ length: 200 }, (_, i) => i * 0.3);
  const differences = Float64Array.from([...a].flatMap((x) => [...b].map((y) => x - y))).sort();
  expect(shift(a, b, 0.95).value).toBe(quantile(differences, 0.5));
});

test('quantiles lie between the values, as in R', () => {
  expect([0, 0.25, 0.5, 11 / 12, 1].map((p) => quantile([1, 2, 4, 8], p))).toEqual([1, 1.75, 3, 7, 8]);
  expect(() => quantile([], 0.5)).toThrow(/empty/);
});

test.each([
  [[], [1]],
  [[1], []],
  [[Number.NaN], [1]],
])('%j and %j cannot be compared', (a, b) => {
  expect(() => mannWhitney(a, b)).toThrow(RangeError);
  expect(() => shift(a, b, 0.95)).toThrow(RangeError);
});

test('values that are mostly equal are walked along a few times, not a thousand', () => {
  const values = ascending(Array.from({ length: 300 }, (_, i) => i % 3));
  let reads = 0;
  const counting: ArrayLike<number> = new Proxy(values, {
    get: (target, key) => {
      if (key !== 'length') reads += 1;
      return Reflect.get(target, key);
    },
  });
  expect(shift(counting, values, 0.95)).toEqual({ value: 0, low: 0, high: 0 });
  // Four ranks are looked for, and each walk reads a value at most four times.
  expect(reads / values.length).toBeLessThan(4 * 4 * 64);
});
