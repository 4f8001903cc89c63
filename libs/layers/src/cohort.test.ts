import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cohort, cohortSize } from './index.ts';

const ids = fc.uniqueArray(fc.uuid(), { maxLength: 60 });
const percentage = fc.integer({ min: 0, max: 10_000 }).map((hundredths) => hundredths / 100);
const fleet = Array.from({ length: 1_000 }, (_, index) => `bot-${index}`);

describe('how many a percentage is', () => {
  const rounded: readonly (readonly [percentage: number, total: number, size: number])[] = [
    [0, 10, 0],
    [100, 10, 10],
    [10, 37, 4],
    [25, 10, 3],
    [12.5, 4, 1],
    [33.33, 3, 1],
    [50, 3, 2],
    [99.99, 10, 9],
    [1, 3, 1],
    [1, 1, 1],
    [50, 0, 0],
    [29, 100, 29],
    [57, 100, 57],
  ];
  test.each(rounded)('%d %% of %d is %d', (share, total, size) =>
    expect(cohortSize({ percentage: share }, total)).toBe(size),
  );
  test('never falls when the percentage rises', () => {
    fc.assert(
      fc.property(percentage, percentage, fc.nat({ max: 100_000 }), (a, b, total) => {
        const [low, high] = a < b ? [a, b] : [b, a];
        expect(cohortSize({ percentage: low }, total)).toBeLessThanOrEqual(cohortSize({ percentage: high }, total));
      }),
    );
  });
  test('is within one of the exact share', () => {
    fc.assert(
      fc.property(percentage, fc.nat({ max: 100_000 }), (share, total) => {
        expect(Math.abs(cohortSize({ percentage: share }, total) - (total * share) / 100)).toBeLessThanOrEqual(1);
      }),
    );
  });
  test.each([-1, 100.01, Number.NaN, 12.345, Number.POSITIVE_INFINITY])('%d is none', (wrong) =>
    expect(() => cohortSize({ percentage: wrong }, 10)).toThrow(/0 to 100/),
  );
  test.each([-1, 1.5, Number.NaN])('a count of %d is none', (count) =>
    expect(() => cohortSize({ count }, 10)).toThrow(/whole number/),
  );
});

describe('a cohort', () => {
  test('has exactly as many as it says, all of them asked for, each once', () => {
    fc.assert(
      fc.property(ids, percentage, fc.string(), (all, share, seed) => {
        const members = cohort({ percentage: share }, seed, [...all, ...all]);
        expect(members).toHaveLength(cohortSize({ percentage: share }, all.length));
        expect(new Set(members).size).toBe(members.length);
        expect(all).toEqual(expect.arrayContaining([...members]));
      }),
    );
  });
  test('of a larger percentage begins with that of a smaller one', () => {
    fc.assert(
      fc.property(ids, percentage, percentage, fc.string(), (all, a, b, seed) => {
        const [small, large] = a < b ? [a, b] : [b, a];
        const members = cohort({ percentage: small }, seed, all);
        expect(cohort({ percentage: large }, seed, all).slice(0, members.length)).toEqual(members);
      }),
    );
  });
  test('does not depend on the order of the ids', () => {
    fc.assert(
      fc.property(ids, fc.nat({ max: 60 }), fc.string(), (all, count, seed) => {
        expect(cohort({ count }, seed, all.toReversed())).toEqual(cohort({ count }, seed, all));
      }),
    );
  });
  test('is another one for another seed, and always the same one for the same', () => {
    const members = cohort({ percentage: 10 }, 'overlay-1', fleet);
    expect(members.slice(0, 4)).toEqual(['bot-287', 'bot-920', 'bot-289', 'bot-928']);
    const others = cohort({ percentage: 10 }, 'overlay-2', fleet);
    expect(others.filter((id) => members.includes(id)).length).toBeLessThan(40);
  });
  test('begins with the canaries that are there', () => {
    const members = cohort({ count: 3 }, 'seed', fleet, ['bot-7', 'bot-500', 'no-bot-of-these']);
    expect(members.slice(0, 2).toSorted()).toEqual(['bot-500', 'bot-7']);
    expect(members).toHaveLength(3);
    expect(cohort({ count: 1 }, 'seed', fleet, ['bot-7', 'bot-500'])).toEqual(members.slice(0, 1));
  });
  test('changes by one at most when one bot comes or goes', () => {
    fc.assert(
      fc.property(ids, fc.uuid(), fc.nat({ max: 60 }), (all, comes, count) => {
        const before = new Set(cohort({ count }, 'seed', all));
        const left = cohort({ count }, 'seed', [...all, comes]).filter((id) => !before.has(id));
        expect(left.length).toBeLessThanOrEqual(1);
      }),
    );
  });
});
