import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { exactUpTo, rankTest } from './exact-ranks.ts';
import { mannWhitney } from './ranks.ts';

const ascending = (values: readonly number[]) => values.toSorted((a, b) => a - b);
const few = fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 1, maxLength: 6 }).map(ascending);

/** U by its definition. */
const uOf = (a: readonly number[], b: readonly number[]) =>
  a.reduce((sum, x) => sum + b.reduce((wins, y) => wins + (x > y ? 1 : x < y ? 0 : 0.5), 0), 0);

/** Deals all values to the sides in every way there is. */
const byHand = (a: readonly number[], b: readonly number[]) => {
  const all = [...a, ...b];
  const seen = uOf(a, b);
  const middle = (a.length * b.length) / 2;
  let [ways, asFar, asHigh] = [0, 0, 0];
  for (let mask = 0; mask < 2 ** all.length; mask += 1) {
    const dealt = all.filter((_, at) => (mask >> at) % 2 === 1);
    if (dealt.length !== a.length) continue;
    const rest = all.filter((_, at) => (mask >> at) % 2 === 0);
    const u = uOf(dealt, rest);
    ways += 1;
    if (Math.abs(u - middle) >= Math.abs(seen - middle)) asFar += 1;
    if (u >= seen) asHigh += 1;
  }
  return { p: asFar / ways, pGreater: asHigh / ways };
};

test('few values, tied or not, are counted as dealing them by hand does', () => {
  fc.assert(
    fc.property(few, few, (a, b) => {
      const found = rankTest(a, b);
      const counted = byHand(a, b);
      expect(found.method).toBe('exact');
      expect(found.p).toBeCloseTo(counted.p, 12);
      expect(found.pGreater).toBeCloseTo(counted.pGreater, 12);
      expect(found.u).toBe(uOf(a, b));
    }),
    { numRuns: 200 },
  );
});

test.each([
  [3, 3, 2 / 20],
  [4, 4, 2 / 70],
  [4, 5, 2 / 126],
  [5, 5, 2 / 252],
  [20, 20, 2 / 137_846_528_820],
])('%i above %i others cannot have a smaller p than the tables say', (ofA, ofB, p) => {
  const a = Array.from({ length: ofA }, (_, at) => 100 + at);
  const b = Array.from({ length: ofB }, (_, at) => at);
  expect(rankTest(a, b).p / p).toBeCloseTo(1, 10);
  expect(rankTest(a, b).pGreater / (p / 2)).toBeCloseTo(1, 10);
  expect(rankTest(b, a).pGreater).toBe(1);
});

test('permeability of membranes (Hollander and Wolfe; documentation of R): one-sided p 0.1272', () => {
  const a = ascending([0.8, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46]);
  expect(rankTest(a, ascending([1.15, 0.88, 0.9, 0.74, 1.21])).pGreater).toBeCloseTo(0.1272, 4);
});

test('ages at a diagnosis (documentation of SciPy): exact p is one ninth', () => {
  expect(rankTest(ascending([19, 22, 16, 29, 24]), ascending([20, 11, 17, 12])).p).toBeCloseTo(1 / 9, 12);
});

test('more values are approximated, and there the two ways agree to the third digit', () => {
  const spread = (length: number, by: number) => Array.from({ length }, (_, at) => ((at * 37) % 101) + by);
  for (const by of [0, 5, 15, 30]) {
    const [a, b] = [ascending(spread(20, by + 0.5)), ascending(spread(20, 0))];
    const exact = rankTest(a, b);
    expect(exact.method).toBe('exact');
    expect(Math.abs(exact.p - mannWhitney(a, b).p)).toBeLessThan(0.004);
    const more = rankTest([...a, 1_000], b);
    expect(more.method).toBe('normal');
    expect(more.p).toBe(mannWhitney([...a, 1_000], b).p);
    expect(more.pGreater).toBeCloseTo(more.p / 2, 12);
  }
  expect(exactUpTo).toBe(40);
});

test.each([2, 5, 10, 20])(
  'where p is small, the approximation is the more careful one: %i above the others',
  (size) => {
    const b = Array.from({ length: exactUpTo - size }, (_, at) => at);
    for (let rank = exactUpTo - size; rank > 0; rank -= 1) {
      // All above all others, then one after another sinks.
      const a = ascending([rank - 0.5, ...Array.from({ length: size - 1 }, (_, at) => 1_000 + at)]);
      const exact = rankTest(a, b);
      if (exact.pGreater > 0.005) break;
      expect(mannWhitney(a, b).p / 2).toBeGreaterThan(exact.pGreater);
    }
    expect.hasAssertions();
  },
);

test('equal samples do not differ, few or many', () => {
  for (const length of [1, 3, 20, 30]) {
    const same = Array.from({ length }, () => 7);
    expect(rankTest(same, same)).toMatchObject({ p: 1, pGreater: 1, probabilityOfSuperiority: 0.5 });
  }
});

test.each([
  [[], [1]],
  [[1], []],
  [[Number.NaN], [1]],
])('%j and %j cannot be compared', (a, b) => {
  expect(() => rankTest(a, b)).toThrow(RangeError);
});
