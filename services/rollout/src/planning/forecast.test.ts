import type { Strategy } from '@molthub/contracts';
import { describe, expect, test } from 'vitest';
import { forecast, type Traffic } from './forecast.ts';
import { settleStrategy } from '@molthub/strategy';

const waves = [['a'], ['b', 'c'], ['d', 'e', 'f', 'g', 'h', 'i', 'j']];
const traffic = (requestsPerHour: number, errorRate: number | null, ids = waves.flat()): ReadonlyMap<string, Traffic> =>
  new Map(ids.map((id) => [id, { requestsPerHour, errorRate }]));
const canary = (more: Partial<Extract<Strategy, { kind: 'CANARY' }>> = {}): Strategy =>
  settleStrategy({ kind: 'CANARY', canary: { count: 1 }, steps: [30, 100], gates: { traces: {} }, ...more });
const sights = (strategy: Strategy, of: ReadonlyMap<string, Traffic>) =>
  forecast(strategy, waves, of).waves.map(({ sight }) => sight);

describe('the least time', () => {
  test('of a wave is its bake or the time before which no gate decides, whichever is longer', () => {
    const least = (more: Partial<Extract<Strategy, { kind: 'CANARY' }>>) =>
      forecast(canary(more), waves, new Map()).waves.map((w) => w.leastSeconds);
    expect(least({})).toEqual([300, 300, 0]);
    expect(least({ bakeSeconds: 600, finalBakeSeconds: 60 })).toEqual([600, 600, 60]);
    expect(least({ bakeSeconds: 10, gates: { traces: { warmUpSeconds: 120, minSeconds: 30 } } })).toEqual([
      150, 150, 0,
    ]);
    expect(least({ bakeSeconds: 10, gates: {} })).toEqual([10, 10, 0]);
  });
  test('of a plan is that of its waves; for what else it waits is said and not counted', () => {
    const gates = {
      approval: { count: 2 },
      window: { timezone: 'UTC', allow: [{ cron: '0 8 * * *', minutes: 60 }] },
      webhook: { url: 'https://judge.example/' },
    };
    const { leastSeconds, notes } = forecast(canary({ bakeSeconds: 60, gates }), waves, new Map());
    expect(leastSeconds).toBe(120);
    expect(notes.join(' ')).toMatch(/start, too.*before 2 approved.*window is open.*webhook/);
  });
  test('counts who has moved, and who is left', () => {
    expect(
      forecast(canary(), waves, new Map()).waves.map(({ bots, moved, remaining }) => [bots, moved, remaining]),
    ).toEqual([
      [1, 1, 9],
      [2, 3, 7],
      [7, 10, 0],
    ]);
  });
});

describe('what a traces gate would see', () => {
  test('is not asked without one', () =>
    expect(sights(canary({ gates: {} }), traffic(60, 0))).toEqual([null, null, null]));
  test('grows with the bots that have moved; after the last wave there is nothing to compare with', () => {
    const [first, second, last] = sights(canary(), traffic(600, 0.01));
    expect(first).toMatchObject({ kind: 'known', requests: 600, cleanRateBelow: 0.005 });
    expect(second).toMatchObject({ kind: 'known', requests: 1_800, cleanRateBelow: 3 / 1_800 });
    expect(last?.kind).toBe('nothing-to-compare');
    const [one, three] = [first, second].map((sight) => (sight?.kind === 'known' ? (sight.smallestRise ?? 1) : 1));
    expect(one).toBeGreaterThan(three ?? 1);
    expect(three).toBeGreaterThan(0);
  });
  test('and how long it has to look for the rise that it forbids, is told with what that means', () => {
    const [first] = sights(canary(), traffic(600, 0.01));
    if (first?.kind !== 'known') throw new Error('known');
    // At 0.05 for ten looks at four measures, 0.01 against 0.03: 818 requests, with nine times as many others.
    expect(first.secondsForAsked).toBeGreaterThan(3_600);
    expect(first.smallestRise ?? 0).toBeGreaterThan(0.02);
    expect(first.message).toMatch(
      /^In 3600 s come about 600 requests to moved bots and 5400 to the others\. Four times of five .* from 1 % by .* takes \d+ s\. That is more than maxSeconds\. If none fails, the rate is only known to be below 0\.5 %\.$/,
    );
    const [busy] = sights(canary(), traffic(60_000, 0.01));
    expect(busy).toMatchObject({ secondsForAsked: 300 });
    const [patient] = sights(
      canary({ gates: { traces: { maxSeconds: first.secondsForAsked ?? 0 } } }),
      traffic(600, 0.01),
    );
    expect(patient?.kind === 'known' ? patient.smallestRise : null).toBeCloseTo(0.02, 3);
  });
  test('is less the more looks it takes', () => {
    const rise = (looks: number) => {
      const [first] = sights(canary({ gates: { traces: { looks } } }), traffic(600, 0.01));
      return first?.kind === 'known' ? (first.smallestRise ?? 1) : 1;
    };
    expect(rise(1)).toBeLessThan(rise(10));
    expect(rise(10)).toBeLessThan(rise(100));
  });
  test('is no verdict at all where too few requests come in time', () => {
    const [first] = sights(canary(), traffic(10, 0));
    expect(first).toMatchObject({ kind: 'known', smallestRise: null, requests: 10, cleanRateBelow: 0.3 });
    expect(first).toMatchObject({ message: expect.stringMatching(/takes 50 of each: there will be none\./) });
  });
  test('is not asked for a rise that could not be', () => {
    expect(sights(canary({ gates: { traces: { errorRateIncreaseMax: 0 } } }), traffic(60, 0))[0]).toMatchObject({
      secondsForAsked: null,
    });
    expect(sights(canary(), traffic(60, 0.99))[0]).toMatchObject({ secondsForAsked: null });
  });
});

describe('what is not known is told, never guessed', () => {
  const rows: readonly (readonly [string, ReadonlyMap<string, Traffic>, RegExp])[] = [
    ['nothing of any bot', new Map(), /traffic of the 1 bot moved is not known/],
    ['nothing of the others', traffic(60, 0, ['a']), /traffic of the 9 bots remaining is not known/],
    [
      'no requests to the canary',
      new Map([...traffic(60, 0), ['a', { requestsPerHour: 0, errorRate: null }]]),
      /no requests of late/,
    ],
    ['no share of failed ones', traffic(60, null), /How many requests failed of late is not known/],
  ];
  test.each(rows)('%s', (_, of, message) =>
    expect(sights(canary(), of)[0]).toEqual({ kind: 'unknown', message: expect.stringMatching(message) }),
  );
  test('some of them: those are counted as none', () => {
    const [first] = sights(canary(), traffic(600, 0.01, ['a', 'b', 'd']));
    expect(first).toMatchObject({
      message: expect.stringMatching(/traffic of 7 bots is not known, and counted as none\.$/),
    });
  });
});
