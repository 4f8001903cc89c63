import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { powerOf, requestsFor, smallestRise } from './power.ts';

// R's manual of power.prop.test, whose 0.05 is for both sides together.
const alpha = 0.025;
test('finds what R finds: 77 on each side for 0.5 against 0.75 with power 0.9, and 0.74 with 50', () => {
  expect(requestsFor(0.25, { ratio: 1, rate: 0.5, alpha }, 0.9)).toBe(77);
  expect(powerOf(0.25, { canary: 50, control: 50, rate: 0.5, alpha })).toBeCloseTo(0.74, 3);
  expect(requestsFor(0.05, { ratio: 1, rate: 0.1, alpha }, 0.8)).toBe(686);
});

describe('what a comparison sees', () => {
  const rate = fc.integer({ min: 0, max: 50 }).map((percent) => percent / 100);
  const rise = fc.integer({ min: 1, max: 50 }).map((percent) => percent / 100);
  const alphas = fc.constantFrom(0.05, 0.01, 0.00125);
  const ratios = fc.constantFrom(0.1, 1, 9, 100);
  const powers = fc.constantFrom(0.5, 0.8, 0.95);
  test('is the rise that the requests were counted for', () => {
    fc.assert(
      fc.property(rate, rise, alphas, ratios, powers, (base, by, a, ratio, power) => {
        const canary = requestsFor(by, { ratio, rate: base, alpha: a }, power);
        const compared = { rate: base, alpha: a };
        const seen = { ...compared, canary, control: canary * ratio };
        expect(powerOf(by, seen)).toBeGreaterThanOrEqual(power - 1e-9);
        expect(smallestRise(seen, power) ?? 1).toBeLessThanOrEqual(by + 1e-9);
        const fewer = { ...compared, canary: canary - 1, control: (canary - 1) * ratio };
        if (canary > 1) expect(powerOf(by, fewer)).toBeLessThan(power);
      }),
    );
  });
  test('is smaller with more requests', () => {
    fc.assert(
      fc.property(rate, fc.integer({ min: 50, max: 5_000 }), (base, requests) => {
        const with_ = (canary: number) => smallestRise({ canary, control: 500, rate: base, alpha: 0.05 }, 0.8) ?? 2;
        expect(with_(2 * requests)).toBeLessThan(with_(requests));
      }),
    );
  });
  test('is nothing where even all requests failing would not be seen', () => {
    expect(smallestRise({ canary: 1, control: 1, rate: 0, alpha: 0.00125 }, 0.8)).toBeNull();
    expect(smallestRise({ canary: 1_000, control: 1_000, rate: 1, alpha: 0.05 }, 0.8)).toBeNull();
  });
});

test('in a simulation the rise is seen as often as was said', () => {
  // A linear congruential generator with fixed seed: the same numbers each time.
  let seed = 42;
  const chance = () => (seed = (seed * 1_664_525 + 1_013_904_223) % 2 ** 32) / 2 ** 32;
  const failures = (requests: number, share: number) =>
    Array.from({ length: requests }, chance).filter((x) => x < share).length;
  const [canary, control, rate, level] = [300, 900, 0.05, 0.05];
  const by = smallestRise({ canary, control, rate, alpha: level }, 0.8) ?? 0;
  const isSeen = () => {
    const [risen, base] = [failures(canary, rate + by) / canary, failures(control, rate) / control];
    const pooled = (canary * risen + control * base) / (canary + control);
    return risen - base > 1.6449 * Math.sqrt(pooled * (1 - pooled) * (1 / canary + 1 / control));
  };
  const seen = Array.from({ length: 2_000 }, isSeen).filter(Boolean).length / 2_000;
  expect(seen).toBeGreaterThan(0.77);
  expect(seen).toBeLessThan(0.83);
});
