// What the requests of canary and control say about each measure: pure, and the same for the same windows.
import { latencyBucketsMs, type TraceWindowSummarized } from '@molthub/contracts';
import {
  type Counts,
  differenceOfProportions,
  fisherExactGreater,
  mean,
  rankTest,
  shiftByTest,
  type WithInterval,
} from '@molthub/statistics';
import type { z } from 'zod';

/** A minute of a bot on one configuration, as trace-ingest said it. */
export type BotWindow = Pick<
  z.infer<typeof TraceWindowSummarized.data>,
  | 'botId'
  | 'from'
  | 'requests'
  | 'errors'
  | 'latencyCounts'
  | 'durationMsSum'
  | 'inputTokens'
  | 'outputTokens'
  | 'costUsd'
  | 'unpricedCalls'
  | 'simulated'
>;

export type MeasureName = 'errorRate' | 'latencyMs' | 'tokens' | 'costUsd';

export type Compared = {
  readonly measure: MeasureName;
  /** Of all requests: the share that failed, or the mean of one. Null where nothing is known. */
  readonly canary: number | null;
  readonly control: number | null;
  /** Canary less control, in the unit of the measure. */
  readonly difference: WithInterval | null;
  /** One-sided: how likely the canary looks so much worse where it is not. */
  readonly p: number | null;
  /** What the limit holds for, with its interval: the difference of error rates; of the others, as a share of control. */
  readonly effect: WithInterval | null;
  /** Both sides have the same means, each as often. Failures are few whole numbers: that those agree says nothing. */
  readonly identical: boolean;
};

/** Where control has next to nothing, no share says how much more it is; this is above every limit that a gate may name. */
export const partMax = 1_000;

/** From so many bots on each side on, a bot is one value. */
export const botsToStandAlone = 10;

type SumOf = (window: BotWindow) => number | undefined;
type Sides = { readonly canary: readonly Unit[]; readonly control: readonly Unit[] };
type Unit = { readonly requests: number; readonly errors: number; readonly windows: readonly BotWindow[] };

/**
 * Both sides by every measure; `confidence` is that of the intervals.
 *
 * Requests of one bot have much in common, so they are no independent witnesses. What is compared is one value for each
 * bot where both sides have ten bots or more, and otherwise one for each bot and minute. Then a minute too may only say
 * what its bot is like, so the bots have to bear it out: `p` is at least that of the same test on one value for each bot,
 * except where every bot of the canary lies above every other, beyond which so few bots can say nothing. By chance that
 * happens to 1 in 2 for one bot against one, 1 in 20 for three against three, 1 in 31 for one against thirty.
 * - Error rates: Fisher's exact test, one-sided, on counts divided by their design effect, which is by how much the
 *   failures of the units scatter more than chance lets them (J. N. K. Rao and A. J. Scott, Biometrics 48 (1992) 577),
 *   never below 1; the interval is Newcombe's on the same counts.
 * - Means of requests: Mann and Whitney's test, one-sided, on the units' means, exact for few; the difference is that of
 *   Hodges and Lehmann.
 */
export const compareSides = (
  canary: readonly BotWindow[],
  control: readonly BotWindow[],
  confidence: number,
): readonly Compared[] => {
  const bots = { canary: unitsOf(canary, botOf), control: unitsOf(control, botOf) };
  const alone = bots.canary.length >= botsToStandAlone && bots.control.length >= botsToStandAlone;
  const units = alone ? bots : { canary: unitsOf(canary, minuteOf), control: unitsOf(control, minuteOf) };
  // Where some windows have only buckets, all are read by them: two ways to measure are no comparison.
  const summed = [...canary, ...control].every(({ durationMsSum }) => durationMsSum !== undefined);
  const measures = [
    ['errorRate', ({ errors }) => errors],
    ['latencyMs', (window) => (summed ? window.durationMsSum : byBuckets(window))],
    ['tokens', ({ inputTokens, outputTokens }) => inputTokens + outputTokens],
    ['costUsd', costOf],
  ] as const satisfies readonly (readonly [MeasureName, SumOf])[];
  return measures.map(([measure, sumOf]) => {
    const compared =
      measure === 'errorRate' ? errorRate(units, confidence) : perRequest(measure, units, confidence, sumOf);
    if (alone || compared.p === null) return compared;
    return { ...compared, p: Math.max(compared.p, doubtOfBots(bots, sumOf)) };
  });
};

/** How likely so many bots of the canary lie so high by chance; 0 where all lie above all others: few cannot say more. */
const doubtOfBots = ({ canary, control }: Sides, sumOf: SumOf): number => {
  const [these, those] = [meansOf(canary, sumOf).each, meansOf(control, sumOf).each];
  if (these.length === 0 || those.length === 0) return 1;
  const { u, pGreater } = rankTest(these, those);
  return u === these.length * those.length ? 0 : pGreater;
};

export const botsOf = (windows: readonly BotWindow[]): number =>
  new Set(windows.filter(({ requests }) => requests > 0).map(({ botId }) => botId)).size;

export const countsOf = (windows: readonly { readonly requests: number; readonly errors: number }[]): Counts => ({
  hits: windows.reduce((sum, { errors }) => sum + errors, 0),
  total: windows.reduce((sum, { requests }) => sum + requests, 0),
});

const botOf = ({ botId }: BotWindow): string => botId;
const minuteOf = ({ botId, from }: BotWindow): string => `${botId} ${from}`;
const unitsOf = (windows: readonly BotWindow[], keyOf: (window: BotWindow) => string): readonly Unit[] => {
  const units = new Map<string, BotWindow[]>();
  for (const window of windows) {
    if (window.requests === 0) continue;
    const key = keyOf(window);
    const unit = units.get(key);
    if (unit) unit.push(window);
    else units.set(key, [window]);
  }
  return [...units.values()].map((of) => {
    const { hits, total } = countsOf(of);
    return { requests: total, errors: hits, windows: of };
  });
};

const errorRate = ({ canary, control }: Sides, confidence: number): Compared => {
  const [these, those] = [countsOf(canary), countsOf(control)];
  const [ofCanary, ofControl] = [these.hits / these.total, those.hits / those.total];
  const [fewer, fewerOthers] = [independent(canary, these), independent(control, those)];
  const { low, high } = differenceOfProportions(fewer, fewerOthers, confidence);
  const difference = { value: ofCanary - ofControl, low, high };
  const p = fisherExactGreater(fewer, fewerOthers);
  return {
    measure: 'errorRate',
    canary: ofCanary,
    control: ofControl,
    difference,
    p,
    effect: difference,
    identical: false,
  };
};

const isSame = <T>(a: ArrayLike<T>, b: ArrayLike<T>): boolean =>
  a.length === b.length && Array.from(a).every((value, at) => value === b[at]);

/** As many requests as say the same if they had nothing in common. */
const independent = (units: readonly Unit[], { hits, total }: Counts): Counts => {
  const share = hits / total;
  if (share === 0 || share === 1 || units.length < 2) return { hits, total };
  const scatter = units.reduce((sum, { errors, requests }) => sum + (errors - share * requests) ** 2, 0);
  const expected = total * share * (1 - share);
  const designEffect = Math.max(1, ((units.length / (units.length - 1)) * scatter) / expected);
  const fewer = Math.max(1, Math.round(total / designEffect));
  return { hits: Math.min(fewer, Math.round(hits / designEffect)), total: fewer };
};

const perRequest = (measure: MeasureName, { canary, control }: Sides, confidence: number, sumOf: SumOf): Compared => {
  const [these, those] = [meansOf(canary, sumOf), meansOf(control, sumOf)];
  const values = { measure, canary: these.overall, control: those.overall };
  if (these.each.length === 0 || those.each.length === 0) {
    return { ...values, difference: null, p: null, effect: null, identical: false };
  }
  const difference = shiftByTest(these.each, those.each, confidence);
  const usual = mean(those.each);
  const part = (by: number) => (by === 0 ? 0 : Math.max(-partMax, Math.min(partMax, by / usual)));
  const effect = { value: part(difference.value), low: part(difference.low), high: part(difference.high) };
  const p = rankTest(these.each, those.each).pGreater;
  return { ...values, difference, p, effect, identical: isSame(these.each, those.each) };
};

/** Means that differ only by how their sums were rounded have to tie. */
const digitsThatMean = 12;

/** The mean of one request: of all, and of each unit, ascending. What a window does not know is left out. */
const meansOf = (units: readonly Unit[], sumOf: SumOf) => {
  const each: number[] = [];
  let [all, requests] = [0, 0];
  for (const unit of units) {
    let [sum, counted] = [0, 0];
    for (const window of unit.windows) {
      const known = sumOf(window);
      if (known === undefined) continue;
      sum += known;
      counted += window.requests;
    }
    if (counted === 0) continue;
    each.push(Number((sum / counted).toPrecision(digitsThatMean)));
    all += sum;
    requests += counted;
  }
  return { each: Float64Array.from(each).sort(), overall: requests === 0 ? null : all / requests };
};

/** What all requests took, each taken for the middle of its bucket (on the scale that buckets double on). */
const byBuckets = ({ latencyCounts }: BotWindow): number =>
  latencyCounts.reduce((sum, count, at) => sum + count * (bucketMiddles[at] ?? 0), 0);
const bucketMiddles = [...latencyBucketsMs, 2 * (latencyBucketsMs.at(-1) ?? 0)].map((upTo) => upTo / Math.SQRT2);

/** Unknown where a call has no price: what is known would look cheap. */
const costOf = ({ costUsd, unpricedCalls = 0 }: BotWindow): number | undefined =>
  costUsd === undefined || unpricedCalls > 0 ? undefined : Number(costUsd);
