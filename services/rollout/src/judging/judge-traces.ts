// Whether bots on the new configuration do worse than those that still have the one before, by their traces.
import type { GateVerdict, TracesGate } from '@molthub/contracts';
import { unreachable } from '@molthub/decider';
import { alphaOfLook, holm, wilson } from '@molthub/statistics';
import {
  botsOf,
  type BotWindow,
  type Compared,
  compareSides,
  countsOf,
  type MeasureName,
  partMax,
} from './compare-sides.ts';

export type Seen = {
  /** Of the bots that have moved, after they warmed up. */
  readonly canary: readonly BotWindow[];
  /** Of bots that have not, in the same minutes; none where every bot has moved. */
  readonly control: readonly BotWindow[];
  /** The how-manieth look this is, from 1. */
  readonly look: number;
  readonly elapsedSeconds: number;
};

export type JudgedMeasure = Compared & {
  readonly limit: number;
  readonly verdict: Exclude<GateVerdict, 'ERROR'>;
};

export type Verdict = {
  readonly verdict: GateVerdict;
  /** One sentence with the numbers. */
  readonly message: string;
  readonly measures: readonly JudgedMeasure[];
};

/** The gate with what it asks for where it does not say. */
const settled = (gate: TracesGate) => ({
  minSeconds: gate.minSeconds ?? 300,
  minRequests: gate.minRequests ?? 50,
  minBots: gate.minBots ?? 1,
  looks: gate.looks ?? 10,
  alpha: gate.alpha ?? 0.05,
  errorRateMax: gate.errorRateMax ?? null,
  limits: {
    errorRate: gate.errorRateIncreaseMax ?? 0.02,
    latencyMs: gate.latencyIncreaseMax ?? 0.25,
    tokens: gate.tokensIncreaseMax ?? 0.25,
    costUsd: gate.costIncreaseMax ?? 0.25,
  },
});

/** A hard limit is broken at once, but not by the first request: by two failures of ten at least, and 99 % surely. */
const hardLimit = { requestsMin: 10, errorsMin: 2, confidence: 0.98 };

/**
 * In this order:
 * 1. Above `errorRateMax` for sure (Wilson's lower bound): FAIL at once.
 * 2. Less time, requests or bots than the gate asks for: NO_DATA. No requests at all are never a PASS.
 * 3. No control: PASS only where `errorRateMax` holds for sure, otherwise INCONCLUSIVE.
 * 4. A measure FAILs that is worse than control, significantly (one-sided, Holm over the measures, at the share of alpha
 *    that this look may spend), and by more than allowed. So a change that is none fails with a chance of at most alpha,
 *    over all looks and measures; by more only where few bots differ of themselves by more than is allowed.
 * 5. A measure PASSes where its interval (one-sided, at 1 − alpha) rules out a rise above what is allowed, or where both
 *    sides have the same means. Neither FAIL nor PASS is INCONCLUSIVE: too little was seen to tell.
 * 6. One FAIL fails, and all measures that there are have to PASS. What has no values on a side, such as cost without
 *    prices, is left out, unless the gate names a limit for it.
 */
export const judgeTraces = (gate: TracesGate, seen: Seen): Verdict => {
  const unsound = whatIsUnsound(seen);
  if (unsound !== null) return said('ERROR', unsound);
  const canary = countsOf(seen.canary);
  if (canary.total === 0) return said('NO_DATA', 'Bots on the new configuration have had no request yet.');
  const broken = brokenLimit(gate, seen);
  if (broken !== null) return said('FAIL', broken);
  const missing = whatIsMissing(gate, seen);
  if (missing.length > 0) return said('NO_DATA', `Too little was seen to judge: ${missing.join(', ')}.`);
  if (seen.control.length === 0) return withoutControl(gate, seen);
  return byMeasures(gate, seen);
};

const said = (verdict: GateVerdict, message: string, measures: readonly JudgedMeasure[] = []): Verdict => ({
  verdict,
  message,
  measures,
});

const whatIsUnsound = ({ canary, control }: Seen): string | null => {
  const windows = [...canary, ...control];
  const wrong = windows.find(
    ({ requests, errors }) => !(errors >= 0 && errors <= requests && Number.isFinite(requests)),
  );
  if (wrong) {
    return `The window of bot ${wrong.botId} from ${wrong.from} has ${wrong.errors} errors in ${wrong.requests} requests.`;
  }
  return new Set(windows.map(({ simulated }) => simulated)).size > 1
    ? 'Simulated requests are not compared with real ones: the sides have both.'
    : null;
};

const brokenLimit = ({ errorRateMax }: TracesGate, seen: Seen): string | null => {
  const counts = countsOf(seen.canary);
  const enough = counts.total >= hardLimit.requestsMin && counts.hits >= hardLimit.errorsMin;
  if (errorRateMax === undefined || !enough) return null;
  const { low } = wilson(counts, hardLimit.confidence);
  if (low <= errorRateMax) return null;
  return `${counts.hits} of ${counts.total} requests on the new configuration failed: more than ${percent(errorRateMax)}, whatever the others do.`;
};

const whatIsMissing = (gate: TracesGate, { canary, control, elapsedSeconds }: Seen): readonly string[] => {
  const { minSeconds, minRequests, minBots } = settled(gate);
  const missing: string[] = [];
  if (elapsedSeconds < minSeconds) missing.push(`${elapsedSeconds} of ${minSeconds} s`);
  const sides = [['new', canary] as const, ...(control.length === 0 ? [] : [['former', control] as const])];
  for (const [side, windows] of sides) {
    const [{ total }, bots] = [countsOf(windows), botsOf(windows)];
    if (total < minRequests) missing.push(`${total} of ${minRequests} requests on the ${side} configuration`);
    if (bots < minBots) missing.push(`${bots} of ${minBots} bots on the ${side} configuration`);
  }
  return missing;
};

const withoutControl = (gate: TracesGate, seen: Seen): Verdict => {
  const { errorRateMax, alpha } = settled(gate);
  const counts = countsOf(seen.canary);
  const failed = `${counts.hits} of ${counts.total} requests failed`;
  if (errorRateMax === null) {
    const fix = 'give errorRateMax to judge it alone';
    return said('INCONCLUSIVE', `No bot has the former configuration any more to compare with (${failed}): ${fix}.`);
  }
  const { high } = wilson(counts, 1 - 2 * alpha);
  return high <= errorRateMax
    ? said('PASS', `On the new configuration ${failed}, surely no more than ${percent(errorRateMax)}.`)
    : said(
        'INCONCLUSIVE',
        `On the new configuration ${failed}: it may be ${percent(high)}, ${percent(errorRateMax)} are allowed.`,
      );
};

const namesLimit = (gate: TracesGate, measure: MeasureName): boolean => {
  switch (measure) {
    case 'errorRate':
      return gate.errorRateIncreaseMax !== undefined;
    case 'latencyMs':
      return gate.latencyIncreaseMax !== undefined;
    case 'tokens':
      return gate.tokensIncreaseMax !== undefined;
    case 'costUsd':
      return gate.costIncreaseMax !== undefined;
    default:
      return unreachable(measure);
  }
};

const byMeasures = (gate: TracesGate, seen: Seen): Verdict => {
  const { alpha, looks, limits } = settled(gate);
  const compared = compareSides(seen.canary, seen.control, 1 - 2 * alpha);
  const raised = holm(compared.flatMap(({ p }) => (p === null ? [] : [p])));
  const spent = alphaOfLook(alpha, looks, seen.look);
  let tested = 0;
  const measures = compared.map((each): JudgedMeasure => {
    const limit = limits[each.measure];
    if (each.p === null || each.effect === null) return { ...each, limit, verdict: 'NO_DATA' };
    const significant = (raised[tested++] ?? 1) <= spent;
    if (significant && each.effect.value > limit) return { ...each, limit, verdict: 'FAIL' };
    return { ...each, limit, verdict: each.identical || each.effect.high <= limit ? 'PASS' : 'INCONCLUSIVE' };
  });
  const worse = measures.filter(({ verdict }) => verdict === 'FAIL');
  if (worse.length > 0) {
    return said('FAIL', `The new configuration is worse: ${worse.map(worsened).join('; ')}.`, measures);
  }
  const open = measures.filter(
    ({ verdict, measure }) => verdict === 'INCONCLUSIVE' || (verdict === 'NO_DATA' && namesLimit(gate, measure)),
  );
  if (open.length > 0) {
    return said('INCONCLUSIVE', `It cannot be told yet: ${open.map(undecided).join('; ')}.`, measures);
  }
  const known = measures.filter(({ verdict }) => verdict === 'PASS').map(compareInWords);
  return said('PASS', `The new configuration is no worse: ${known.join('; ')}.`, measures);
};

const names: Readonly<Record<MeasureName, string>> = {
  errorRate: 'error rate',
  latencyMs: 'latency',
  tokens: 'tokens of a request',
  costUsd: 'cost of a request',
};
const percent = (share: number): string => (share < partMax ? `${short(share * 100)} %` : `${partMax} times or more`);
const short = (value: number): string => String(Number(value.toPrecision(3)));
const valueOf = (measure: MeasureName, value: number | null): string => {
  if (value === null) return 'unknown';
  switch (measure) {
    case 'errorRate':
      return percent(value);
    case 'latencyMs':
      return `${short(value)} ms`;
    case 'tokens':
      return short(value);
    case 'costUsd':
      return `$${short(value)}`;
    default:
      return unreachable(measure);
  }
};
const rise = (measure: MeasureName, by: number): string =>
  measure === 'errorRate' ? `${short(by * 100)} points` : percent(by);

const compareInWords = ({ measure, canary, control }: JudgedMeasure): string =>
  `${names[measure]} ${valueOf(measure, canary)} against ${valueOf(measure, control)}`;

const worsened = (judged: JudgedMeasure): string => {
  const { measure, effect, limit, p } = judged;
  const by = effect === null ? 'more' : rise(measure, effect.value);
  return `${compareInWords(judged)}, higher by ${by} (p ${short(p ?? 1)}) where ${rise(measure, limit)} are allowed`;
};

const undecided = (judged: JudgedMeasure): string => {
  const { measure, effect, limit } = judged;
  if (effect === null) return `${names[measure]} is not known of both sides`;
  const most = rise(measure, effect.high);
  return `${compareInWords(judged)}, which may be ${most} higher where ${rise(measure, limit)} are allowed`;
};
