// How often the judge is wrong, where it is known what is true. `npm run bench judging` does the same with more runs.
import { describe, expect, test } from 'vitest';
import { sharesOf, usual } from './simulated-traces.ts';

const rehearsal = { canary: usual, control: usual, botsEach: 2, minutes: 40 };
/** What alone keeps a change that is none from failing is then the test. */
const nothingAllowed = { errorRateIncreaseMax: 0, latencyIncreaseMax: 0, tokensIncreaseMax: 0, costIncreaseMax: 0 };
const alpha = 0.05;
/** Three standard deviations above. */
const noise = (share: number, runs: number) => 3 * Math.sqrt((share * (1 - share)) / runs);

describe('a change that is none', () => {
  test.each([11, 21, 31, 41])(
    'fails in at most one of twenty cases over ten looks, though nothing is allowed (seed %i)',
    (seed) => {
      const runs = 500;
      const { failed } = sharesOf(runs, seed, { ...rehearsal, minutes: 20 }, nothingAllowed);
      expect(failed).toBeLessThanOrEqual(alpha + noise(alpha, runs));
    },
  );

  test('fails as seldom where bots differ and there are ten of each', () => {
    const runs = 200;
    const differing = { ...usual, betweenBots: 0.3, requestsPerMinute: 3 };
    const fleet = { canary: differing, control: differing, botsEach: 10, minutes: 20 };
    expect(sharesOf(runs, 12, fleet, nothingAllowed).failed).toBeLessThanOrEqual(alpha + noise(alpha, runs));
  });

  test('passes before long where failures are rare', () => {
    const rare = { ...usual, errorRate: 0.005 };
    const { failed, passedFirst } = sharesOf(100, 13, { ...rehearsal, canary: rare, control: rare }, {});
    expect(failed).toBeLessThan(0.01);
    expect(passedFirst).toBeGreaterThan(0.95);
  });
});

describe('a change for the worse', () => {
  test('that doubles the errors is found, and hardly ever passes before', () => {
    const doubled = { ...rehearsal, minutes: 80, canary: { ...usual, errorRate: 2 * usual.errorRate } };
    const { failed, passedFirst } = sharesOf(100, 14, doubled, {});
    expect(failed).toBeGreaterThan(0.8);
    expect(passedFirst).toBeLessThan(0.05);
  });

  test('that takes half as long again is always found', () => {
    const slower = { ...rehearsal, canary: { ...usual, latencyMs: 1.5 * usual.latencyMs } };
    expect(sharesOf(100, 15, slower, {})).toEqual({ failed: 1, passedFirst: 0 });
  });
});
