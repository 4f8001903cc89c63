import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { spread } from './spread.ts';

const groupOf = (bot: string): string => bot.slice(0, 1);
/** Bots such as `a7`, in any order, of up to six groups of very different sizes. */
const fleets = fc
  .array(fc.oneof(fc.constant('a'), fc.constantFrom('b', 'c'), fc.constantFrom('d', 'e', 'f')), { maxLength: 80 })
  .map((groups) => groups.map((group, at) => `${group}${at}`));
const sizes = (bots: readonly string[]) => new Map([...Map.groupBy(bots, groupOf)].map(([g, all]) => [g, all.length]));

test('every beginning has of each group what is its part of it, rounded down or up', () => {
  fc.assert(
    fc.property(fleets, (bots) => {
      const order = spread(bots, groupOf);
      const total = sizes(bots);
      order.forEach((_, before) => {
        const h = before + 1;
        const taken = sizes(order.slice(0, h));
        for (const [group, size] of total) {
          const has = taken.get(group) ?? 0;
          // |has − size·h/n| < 1, by whole numbers.
          expect(Math.abs(has * bots.length - size * h)).toBeLessThan(bots.length);
        }
      });
    }),
    { numRuns: 500 },
  );
});

test('it has each bot once, and those of one group stay in their order', () => {
  fc.assert(
    fc.property(fleets, (bots) => {
      const order = spread(bots, groupOf);
      expect(order.toSorted()).toEqual(bots.toSorted());
      for (const [group, members] of Map.groupBy(order, groupOf)) {
        expect(members).toEqual(bots.filter((bot) => groupOf(bot) === group));
      }
    }),
  );
});

test('with one group, or each bot in one of its own, nothing moves', () => {
  const bots = ['a3', 'b1', 'c2', 'd9'];
  expect(spread(bots, () => 'same')).toEqual(bots);
  expect(spread(bots, groupOf)).toEqual(bots);
  expect(spread([], groupOf)).toEqual([]);
});

test('where largest remainders of each number alone would take a bot back, none is taken back', () => {
  // Sizes 6, 6 and 2: of ten places they are worth 4.29, 4.29, 1.43, and the small group gets the tenth; of eleven,
  // 4.71, 4.71, 1.57, both others are first and it would lose it again.
  const bots = 'aaaaaabbbbbbcc'.split('').map((group, at) => `${group}${at}`);
  const order = spread(bots, groupOf);
  const small = order.map((_, before) => sizes(order.slice(0, before + 1)).get('c') ?? 0);
  expect(small).toEqual(small.toSorted((a, b) => a - b));
  expect(sizes(order.slice(0, 7))).toEqual(
    new Map([
      ['a', 3],
      ['b', 3],
      ['c', 1],
    ]),
  );
});
