import { latencyBucketsMs, type TracesGate } from '@molthub/contracts';
import { describe, expect, test } from 'vitest';
import type { BotWindow } from './compare-sides.ts';
import { judgeTraces, type Seen } from './judge-traces.ts';

const buckets = (at: number, count: number) =>
  Array.from({ length: latencyBucketsMs.length + 1 }, (_, bucket) => (bucket === at ? count : 0));

const window = (minute: number, more: Partial<BotWindow> = {}): BotWindow => {
  const requests = more.requests ?? 20;
  return {
    botId: 'bot',
    from: new Date(minute * 60_000).toISOString(),
    requests,
    errors: 0,
    latencyCounts: buckets(5, requests),
    durationMsSum: 200 * requests,
    inputTokens: 400 * requests,
    outputTokens: 100 * requests,
    costUsd: (0.001 * requests).toFixed(12),
    unpricedCalls: 0,
    simulated: false,
    ...more,
  };
};
/** `minutes` of a bot; what each minute has may depend on which it is. */
const side = (minutes: number, each: (minute: number) => Partial<BotWindow> = () => ({})): readonly BotWindow[] =>
  Array.from({ length: minutes }, (_, minute) => window(minute, each(minute)));

const seen = (canary: readonly BotWindow[], control: readonly BotWindow[], more: Partial<Seen> = {}): Seen => ({
  canary,
  control,
  look: 1,
  elapsedSeconds: 1_800,
  ...more,
});
const judged = (canary: readonly BotWindow[], control: readonly BotWindow[], gate: TracesGate = {}) =>
  judgeTraces(gate, seen(canary, control));
const measureOf = (name: string, ...args: Parameters<typeof judged>) =>
  judged(...args).measures.find(({ measure }) => measure === name);

describe('the whole', () => {
  test('the same on both sides passes, and says with which numbers', () => {
    const both = side(30, (minute) => ({ errors: minute % 5 === 0 ? 1 : 0, durationMsSum: 4_000 + (minute % 7) * 10 }));
    expect(judged(both, both)).toMatchObject({
      verdict: 'PASS',
      message:
        'The new configuration is no worse: error rate 1 % against 1 %; latency 201 ms against 201 ms; ' +
        'tokens of a request 500 against 500; cost of a request $0.001 against $0.001.',
    });
  });

  test('twice the errors fail', () => {
    const errors = (count: number) => side(60, (minute) => ({ errors: minute % 2 === 0 ? count : 1 }));
    const { verdict, message } = judged(errors(3), errors(1));
    expect(verdict).toBe('FAIL');
    expect(message).toMatch(/^The new configuration is worse: error rate 10 % against 5 %, higher by 5 points \(p /);
  });

  test('fewer errors, and shorter requests, pass', () => {
    const better = side(30, () => ({ durationMsSum: 2_000 }));
    expect(
      judged(
        better,
        side(30, () => ({ errors: 2 })),
      ).verdict,
    ).toBe('PASS');
  });

  test('too little to rule out a rise is inconclusive', () => {
    const few = (errors: number) => side(6, (minute) => ({ requests: 10, errors: minute === 0 ? errors : 0 }));
    const found = judged(few(2), few(1));
    expect(found.verdict).toBe('INCONCLUSIVE');
    expect(found.message).toMatch(/error rate 3.33 % against 1.67 %, which may be .* points higher where 2 points/);
  });

  test('the same means on both sides pass, however few; as many failures do not', () => {
    const few = side(5, (minute) => ({ requests: 10, errors: minute % 3, durationMsSum: 2_000 + 900 * minute }));
    const later = few.map((each, at) => ({ ...each, botId: 'other', from: few.at(-1 - at)?.from ?? '' })).toReversed();
    expect(measureOf('latencyMs', few, later)?.verdict).toBe('PASS');
    expect(measureOf('errorRate', few, later)?.verdict).toBe('INCONCLUSIVE');
    const [first, ...rest] = few;
    const one = first ? [{ ...first, durationMsSum: 2_001 }, ...rest] : rest;
    expect(measureOf('latencyMs', one, later)?.verdict).toBe('INCONCLUSIVE');
  });

  test('the same windows are always judged the same, in whatever order they come', () => {
    const canary = side(30, (minute) => ({ durationMsSum: 4_000 + ((minute * 37) % 11), errors: minute % 3 }));
    const control = side(30, (minute) => ({ durationMsSum: 4_000 + ((minute * 17) % 13), errors: minute % 2 }));
    const first = judged(canary, control);
    expect(judged(canary, control)).toEqual(first);
    expect(judged(canary.toReversed(), control.toReversed()).verdict).toBe(first.verdict);
  });

  test.each([
    ['latency', { durationMsSum: 6_000 }, /latency 300 ms against 200 ms, higher by 50 %/],
    ['tokens', { inputTokens: 13_000 }, /tokens of a request 750 against 500, higher by 50 %/],
    ['cost', { costUsd: '0.03' }, /cost of a request \$0.0015 against \$0.001, higher by 50 %/],
  ])('%s that rose by half fails, by a fifth passes', (_, half, message) => {
    const found = judged(
      side(30, () => half),
      side(30),
    );
    expect(found.verdict).toBe('FAIL');
    expect(found.message).toMatch(message);
    expect(
      judged(
        side(30, () => ({ durationMsSum: 4_800 })),
        side(30),
      ).verdict,
    ).toBe('PASS');
  });
});

describe('what is too little', () => {
  test('no request at all is no data, whatever is allowed', () => {
    for (const control of [[], side(30)]) {
      for (const canary of [[], side(30, () => ({ requests: 0, costUsd: '0' }))]) {
        expect(judged(canary, control, { errorRateMax: 1 }).verdict).toBe('NO_DATA');
      }
    }
  });

  test('what is missing is said, of time and of each side', () => {
    const gate = { minSeconds: 600, minRequests: 100, minBots: 2 };
    const one = { ...seen(side(4), side(2)), elapsedSeconds: 240 };
    expect(judgeTraces(gate, one)).toEqual({
      verdict: 'NO_DATA',
      message:
        'Too little was seen to judge: 240 of 600 s, 80 of 100 requests on the new configuration, ' +
        '1 of 2 bots on the new configuration, 40 of 100 requests on the former configuration, ' +
        '1 of 2 bots on the former configuration.',
      measures: [],
    });
  });

  test('bots without a request are not counted', () => {
    const idle = window(0, { botId: 'idle', requests: 0 });
    expect(judged([...side(30), idle], side(30), { minBots: 2 }).verdict).toBe('NO_DATA');
  });

  test('a gate that asks for five minutes and fifty requests where it says nothing', () => {
    expect(judgeTraces({}, seen(side(30), side(30), { elapsedSeconds: 299 })).verdict).toBe('NO_DATA');
    expect(judgeTraces({}, seen(side(30), side(30), { elapsedSeconds: 300 })).verdict).toBe('PASS');
    const few = side(7, () => ({ requests: 7 }));
    expect(judged(few, side(30)).message).toMatch(/49 of 50 requests/);
  });
});

describe('the hard limit', () => {
  const gate = { errorRateMax: 0.2 };
  test('is broken at once, before anything else was seen enough of', () => {
    const canary = side(1, () => ({ requests: 10, errors: 9 }));
    const { verdict, message } = judgeTraces(gate, seen(canary, [], { elapsedSeconds: 5 }));
    expect([verdict, message]).toEqual([
      'FAIL',
      '9 of 10 requests on the new configuration failed: more than 20 %, whatever the others do.',
    ]);
  });

  test.each([
    [1, 1, 0.001],
    [1, 100, 0.001],
    [9, 9, 0.2],
    [5, 20, 0.2],
  ])('is not broken by %d of %d requests', (errors, requests, errorRateMax) => {
    const canary = side(1, () => ({ requests, errors }));
    expect(judgeTraces({ errorRateMax }, seen(canary, [], { elapsedSeconds: 5 })).verdict).toBe('NO_DATA');
  });

  test('holds where the others fail as often', () => {
    const half = side(30, () => ({ errors: 10 }));
    expect(judged(half, half, gate).verdict).toBe('FAIL');
    expect(judged(half, half).verdict).not.toBe('FAIL');
  });
});

describe('without a control', () => {
  test('only the hard limit can pass it', () => {
    expect(judged(side(30), [], { errorRateMax: 0.05 })).toMatchObject({
      verdict: 'PASS',
      message: 'On the new configuration 0 of 600 requests failed, surely no more than 5 %.',
    });
    expect(judged(side(30), [])).toMatchObject({
      verdict: 'INCONCLUSIVE',
      message:
        'No bot has the former configuration any more to compare with (0 of 600 requests failed): ' +
        'give errorRateMax to judge it alone.',
    });
  });

  test('a rate that may be above the limit is inconclusive', () => {
    const near = side(10, (minute) => ({ errors: minute % 2 }));
    expect(judged(near, [], { errorRateMax: 0.03 })).toMatchObject({
      verdict: 'INCONCLUSIVE',
      message: 'On the new configuration 5 of 200 requests failed: it may be 5.05 %, 3 % are allowed.',
    });
  });
});

describe('what counts as evidence', () => {
  test('failures of one bad minute are one witness, the same number spread over the time are many', () => {
    const control = side(60);
    const spread = side(60, (minute) => ({ errors: minute % 3 === 0 ? 2 : 0 }));
    const burst = side(60, (minute) => ({ errors: minute < 2 ? 20 : 0 }));
    expect(measureOf('errorRate', spread, control)).toMatchObject({ canary: 40 / 1_200, verdict: 'FAIL' });
    expect(measureOf('errorRate', burst, control)).toMatchObject({ canary: 40 / 1_200, verdict: 'INCONCLUSIVE' });
  });

  test('from ten bots on each side on, a bot is one value', () => {
    const fleet = (slow: (bot: number) => boolean) =>
      Array.from({ length: 10 }, (_, bot) =>
        side(30, () => ({ botId: `bot-${bot}`, durationMsSum: slow(bot) ? 12_000 : 4_000 + bot })),
      ).flat();
    const pOf = (canary: readonly BotWindow[]) =>
      measureOf(
        'latencyMs',
        canary,
        fleet(() => false),
      )?.p ?? 1;
    // Two slow bots of ten have 60 slow minutes, which would be overwhelming if each were a witness.
    expect(pOf(fleet((bot) => bot < 2))).toBeGreaterThan(0.01);
    expect(pOf(fleet(() => true))).toBeCloseTo(1 / 184_756, 10);
  });

  test('of few bots, all of the canary have to bear out what their minutes say', () => {
    const bots = (...latencies: readonly number[]) =>
      latencies.flatMap((ms, bot) =>
        side(30, (minute) => ({ botId: `bot-${bot}`, durationMsSum: 20 * ms + (minute % 5) })),
      );
    const control = bots(200, 210, 220);
    expect(measureOf('latencyMs', bots(300, 310, 320), control)).toMatchObject({ verdict: 'FAIL' });
    // One bot as fast as before: three of twenty ways to deal six bots look like this or worse.
    expect(measureOf('latencyMs', bots(300, 310, 205), control)).toMatchObject({ verdict: 'INCONCLUSIVE', p: 0.2 });
  });

  test('each look spends its share of alpha, and one that was not planned spends none', () => {
    const canary = side(6, (minute) => ({ durationMsSum: 6_000 + minute }));
    const control = side(6, (minute) => ({ durationMsSum: 4_000 + minute }));
    const atLook = (look: number, looks: number) => judgeTraces({ looks }, seen(canary, control, { look })).verdict;
    // Six above six: p is 1 in 924, four times that by Holm.
    expect([atLook(1, 10), atLook(10, 10), atLook(1, 20), atLook(11, 10)]).toEqual([
      'FAIL',
      'FAIL',
      'INCONCLUSIVE',
      'INCONCLUSIVE',
    ]);
  });

  test('where a window has only buckets, all latencies are read by them', () => {
    const slow = side(30, () => ({ latencyCounts: buckets(6, 20), durationMsSum: undefined }));
    const found = measureOf('latencyMs', slow, side(30));
    expect(found?.verdict).toBe('FAIL');
    expect(found?.canary).toBeCloseTo(640 / Math.SQRT2, 9);
    expect(found?.control).toBeCloseTo(320 / Math.SQRT2, 9);
  });

  test('what differs only by how sums are rounded does not differ', () => {
    const bots = (minutes: number) =>
      Array.from({ length: 10 }, (_, bot) =>
        side(minutes, () => ({ botId: `bot-${bot}`, durationMsSum: 0.7, costUsd: '0.0007', requests: 3 + bot })),
      ).flat();
    const nothing = { errorRateIncreaseMax: 0, latencyIncreaseMax: 0, costIncreaseMax: 0 };
    expect(judged(bots(31), bots(17), nothing).measures.map(({ effect }) => effect?.value)).toEqual([0, 0, 0, 0]);
  });

  test('what has no price is left out, unless a limit for it is named', () => {
    const unpriced = side(30, () => ({ unpricedCalls: 1 }));
    expect(measureOf('costUsd', unpriced, side(30))).toMatchObject({ canary: null, verdict: 'NO_DATA' });
    expect(judged(unpriced, side(30)).verdict).toBe('PASS');
    expect(judged(unpriced, side(30), { costIncreaseMax: 0.1 })).toMatchObject({
      verdict: 'INCONCLUSIVE',
      message: 'It cannot be told yet: cost of a request is not known of both sides.',
    });
  });

  test('something where there was nothing is more than any limit', () => {
    const none = side(30, () => ({ costUsd: '0' }));
    const { measures, message } = judged(side(30), none, { costIncreaseMax: 100 });
    expect(message).toMatch(/cost of a request \$0.001 against \$0, higher by 1000 times or more/);
    // What goes into an event has to be finite.
    expect(JSON.parse(JSON.stringify(measures))).toEqual(measures);
    expect(measureOf('costUsd', none, none)?.verdict).toBe('PASS');
  });
});

describe('what cannot be judged is an error that names it', () => {
  test('more errors than requests', () => {
    const { verdict, message } = judged(
      side(30, () => ({ errors: 21 })),
      side(30),
    );
    expect([verdict, message]).toEqual([
      'ERROR',
      'The window of bot bot from 1970-01-01T00:00:00.000Z has 21 errors in 20 requests.',
    ]);
  });

  test('simulated requests beside real ones', () => {
    expect(
      judged(
        side(30, () => ({ simulated: true })),
        side(30),
      ).verdict,
    ).toBe('ERROR');
  });
});
