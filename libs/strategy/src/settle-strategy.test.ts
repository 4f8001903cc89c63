import { Strategy } from '@molthub/contracts';
import { Rejected } from '@molthub/decider';
import { describe, expect, test } from 'vitest';
import { checkPace, settleStrategy, shareOf } from './settle-strategy.ts';

const policies = { onInconclusive: 'PAUSE', onNoData: 'PAUSE', onError: 'PAUSE' };
const health = { minBots: { percent: 100 }, unhealthyMax: 0, waitSeconds: 300, ...policies };
const settled = {
  bakeSeconds: 0,
  finalBakeSeconds: 0,
  progressDeadlineSeconds: 600,
  failureBudget: { count: 0 },
  onFailure: 'ROLL_BACK',
  gates: { health },
};
const percentage: Strategy = { kind: 'PERCENTAGE', steps: [50, 100] };
const everyGate: Strategy = {
  ...percentage,
  gates: {
    traces: {},
    webhook: { url: 'https://judge.example/ask' },
    window: { timezone: 'Europe/Berlin', deny: [{ cron: '0 18 * * FRI', minutes: 3_600 }] },
    approval: { count: 2 },
  },
};

describe('a plan says what is in force', () => {
  const rows: readonly Strategy[] = [
    percentage,
    { kind: 'PERCENTAGE', growth: { firstPercent: 1, factor: 3 }, stratifyBy: 'tier' },
    { kind: 'RINGS', label: 'ring', rings: ['a', '*'] },
    { kind: 'CANARY', canary: { count: 1 }, steps: [30, 100] },
  ];
  test.each(rows)('%j has every default of its pace, and a health gate', (strategy) =>
    expect(settleStrategy(strategy)).toEqual({ ...strategy, ...settled }),
  );
  test('canaries go to everything where no steps are given', () =>
    expect(settleStrategy({ kind: 'CANARY', canary: { percent: 5 } })).toMatchObject({ steps: [100] }));
  test('ALL stays as it was written, but for its deadline and inside its own gates', () => {
    expect(settleStrategy({ kind: 'ALL' })).toEqual({ kind: 'ALL' });
    expect(settleStrategy({ kind: 'ALL', bakeSeconds: 5, gates: {} })).toEqual({
      kind: 'ALL',
      bakeSeconds: 5,
      progressDeadlineSeconds: 600,
      gates: {},
    });
    expect(settleStrategy({ kind: 'ALL', gates: { health: { unhealthyMax: 2 } } })).toEqual({
      kind: 'ALL',
      progressDeadlineSeconds: 600,
      gates: { health: { ...health, unhealthyMax: 2 } },
    });
  });
  test('whatever is judged has a deadline, ALL with no more than a limit too', () => {
    for (const strategy of [{ maxUnavailable: { count: 1 } }, { maxParallel: 2 }, { gates: {} }]) {
      expect(settleStrategy({ kind: 'ALL', ...strategy })).toMatchObject({ progressDeadlineSeconds: 600 });
    }
    const own = { kind: 'ALL' as const, maxParallel: 2, progressDeadlineSeconds: 30 };
    expect(settleStrategy(own)).toEqual(own);
  });
  test('each gate has its own', () =>
    expect(settleStrategy(everyGate).gates).toEqual({
      health,
      traces: {
        warmUpSeconds: 0,
        minSeconds: 300,
        minRequests: 50,
        minBots: 1,
        maxSeconds: 3_600,
        looks: 10,
        alpha: 0.05,
        errorRateIncreaseMax: 0.02,
        ...policies,
      },
      webhook: { url: 'https://judge.example/ask', timeoutSeconds: 10, waitSeconds: 300, ...policies },
      window: { timezone: 'Europe/Berlin', deny: [{ cron: '0 18 * * FRI', minutes: 3_600 }] },
      approval: { count: 2, role: 'OPERATOR', expiresSeconds: 259_200 },
    }));
  test('what somebody wrote stays', () => {
    const written: Strategy = {
      ...percentage,
      bakeSeconds: 60,
      finalBakeSeconds: 120,
      maxParallel: 3,
      maxUnavailable: { percent: 20 },
      progressDeadlineSeconds: 30,
      failureBudget: { percent: 5 },
      onFailure: 'STOP',
      gates: {
        health: { minBots: { count: 1 }, unhealthyMax: 1, waitSeconds: 1, onNoData: 'FAIL', onError: 'PASS' },
        traces: { maxSeconds: 600, errorRateMax: 0.5, alpha: 0.01, looks: 1 },
        approval: { count: 1, role: 'OPERATOR', expiresSeconds: 60 },
      },
    };
    expect(settleStrategy(written)).toMatchObject(written);
  });
  test('settling twice is settling once, and the contract takes it', () => {
    for (const strategy of [...rows, everyGate]) {
      const once = settleStrategy(strategy);
      expect(settleStrategy(once)).toEqual(once);
      expect(Strategy.parse(once)).toEqual(once);
    }
  });
});

const gated = (gates: NonNullable<Strategy['gates']>): Strategy => ({ ...percentage, gates });
const window = (more: object) => gated({ window: { timezone: 'Europe/Berlin', ...more } });

describe('what can never work is refused, naming field and fix', () => {
  const at = 'strategy.gates.window';
  const rows: readonly (readonly [Strategy, string, RegExp])[] = [
    [gated({ window: { timezone: 'Europe/Atlantis' } }), `${at}.timezone`, /Europe\/Berlin/],
    [gated({ window: { timezone: '+01:00' } }), `${at}.timezone`, /no time zone \+01:00/],
    [window({ allow: [] }), `${at}.allow`, /empty list allows nothing/],
    [window({ allow: [{ cron: '0 24 * * *', minutes: 5 }] }), `${at}.allow.0.cron`, /no cron expression .*hour/],
    [
      window({
        deny: [
          { cron: '* * * * *', minutes: 1 },
          { cron: '0 0 30 2 *', minutes: 5 },
        ],
      }),
      `${at}.deny.1.cron`,
      /no day/,
    ],
    [window({ deny: [{ cron: '0 0 0 * * *', minutes: 5 }] }), `${at}.deny.0.cron`, /not five fields/],
    [window({ deny: [{ cron: '2026-12-24T00:00:00', minutes: 5 }] }), `${at}.deny.0.cron`, /not five fields/],
    [window({ deny: [{ cron: '@annually', minutes: 5 }] }), `${at}.deny.0.cron`, /not five fields/],
    [window({ deny: [{ cron: '0 0 * * FRIDAY', minutes: 5 }] }), `${at}.deny.0.cron`, /0 22 \* \* FRI/],
    [gated({ traces: { minSeconds: 4_000 } }), 'strategy.gates.traces.maxSeconds', /minSeconds \(4000\)/],
    [{ kind: 'ALL', gates: { traces: {} } }, 'strategy.gates.traces', /another strategy, or give errorRateMax/i],
  ];
  test.each(rows)('%j', (strategy, path, message) => {
    expect(() => settleStrategy(strategy)).toThrow(Rejected);
    expect(() => settleStrategy(strategy)).toThrow(
      expect.objectContaining({
        code: 'rollout.strategy-refused',
        errors: [expect.objectContaining({ path, message: expect.stringMatching(message) })],
      }),
    );
  });
  test('all that is wrong is told at once', () => {
    const wrong = window({
      allow: [
        { cron: '0 0 31 4 *', minutes: 1 },
        { cron: 'a b c d e', minutes: 1 },
      ],
      deny: [],
    });
    const both = { ...wrong, gates: { ...wrong.gates, traces: { maxSeconds: 10 } } };
    const three = Array.from({ length: 3 }, () => expect.anything());
    expect(() => settleStrategy(both)).toThrow(expect.objectContaining({ errors: three }));
  });
  test('an absolute limit needs nothing to compare with', () =>
    expect(settleStrategy({ kind: 'ALL', gates: { traces: { errorRateMax: 0.2 } } }).gates?.traces?.errorRateMax).toBe(
      0.2,
    ));
});

describe('a pace that cannot work with so many bots is refused', () => {
  const rows: readonly (readonly [Strategy, number, string, RegExp])[] = [
    [
      { kind: 'ALL', maxUnavailable: { percent: 10 } },
      9,
      'strategy.maxUnavailable',
      /9 bots, 10 % is none.*count, or 12 %/,
    ],
    [{ kind: 'ALL', maxUnavailable: { percent: 99 } }, 1, 'strategy.maxUnavailable', /1 bot, 99 %.*100 % and more/],
    [gated({ health: { minBots: { count: 6 } } }), 5, 'strategy.gates.health.minBots', /6 bots are needed.*has 5 bots/],
    [gated({ traces: { minBots: 3 } }), 5, 'strategy.gates.traces.minBots', /6 bots are needed.*on each side/],
  ];
  test.each(rows)('%j with %d', (strategy, bots, path, message) => {
    expect(() => checkPace(strategy, bots)).toThrow(
      expect.objectContaining({
        code: 'rollout.strategy-refused',
        errors: [expect.objectContaining({ path, message: expect.stringMatching(message) })],
      }),
    );
  });
  test.each([
    [{ kind: 'ALL', maxUnavailable: { percent: 10 } }, 10],
    [{ kind: 'ALL', maxUnavailable: { percent: 12 } }, 9],
    [{ kind: 'ALL', maxUnavailable: { count: 20 } }, 3],
    [gated({ health: { minBots: { count: 5 } }, traces: { minBots: 2 } }), 5],
    [gated({ traces: {} }), 1],
  ] satisfies (readonly [Strategy, number])[])('%j with %d is not', (strategy, bots) => {
    expect(() => checkPace(strategy, bots)).not.toThrow();
  });
  test('a percent of bots is rounded down, so that no more are away than was allowed', () => {
    expect([9, 10, 19, 20].map((bots) => shareOf({ percent: 10 }, bots))).toEqual([0, 1, 1, 2]);
    expect(shareOf({ percent: 29 }, 100)).toBe(29);
    expect(shareOf({ count: 7 }, 5)).toBe(5);
  });
});
