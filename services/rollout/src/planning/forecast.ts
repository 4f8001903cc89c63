// What a plan can promise before it starts: how long it takes at least, and what its traces gate would see.
import type { Strategy } from '@molthub/contracts';
import { requestsFor, smallestRise } from './power.ts';
import { settleTraces } from '@molthub/strategy';
import { bots as counted } from './wording.ts';

/** What a bot had to do of late; a share of failed requests only where there were any. */
export type Traffic = { readonly requestsPerHour: number; readonly errorRate: number | null };

/** What the gate compares at a wave's end: all that have moved against all that have not. */
export type Sight =
  | { readonly kind: 'nothing-to-compare'; readonly message: string }
  | { readonly kind: 'unknown'; readonly message: string }
  | {
      readonly kind: 'known';
      /** The smallest rise in the share of failed requests that it sees by maxSeconds; null where it sees none. */
      readonly smallestRise: number | null;
      /** How long it must look to see a rise of the gate's errorRateIncreaseMax; null where that is 0. */
      readonly secondsForAsked: number | null;
      /** Requests of the moved bots by maxSeconds; where none of them fails, the rate is only known to be below this. */
      readonly requests: number;
      readonly cleanRateBelow: number;
      readonly message: string;
    };

export type WaveForecast = {
  readonly wave: number;
  readonly bots: number;
  readonly moved: number;
  readonly remaining: number;
  /** From its last bot to the next wave, where nothing is wrong. */
  readonly leastSeconds: number;
  /** Null without a traces gate. */
  readonly sight: Sight | null;
};

export type Forecast = {
  readonly leastSeconds: number;
  readonly waves: readonly WaveForecast[];
  readonly notes: readonly string[];
};

const power = 0.8;
/** Errors, latency, tokens and cost share the gate's alpha. */
const measures = 4;

/**
 * The least time of each wave, and how small a change its gate can see with the traffic of late; bots that nothing is known
 * of are told, never guessed. Requests are taken as independent of each other, and looks and measures as sharing alpha
 * evenly. So it is no promise that a rise is seen: those of one bot resemble each other, which makes them worth less.
 */
export const forecast = (
  strategy: Strategy,
  waves: readonly (readonly string[])[],
  traffic: ReadonlyMap<string, Traffic>,
): Forecast => {
  const all = waves.flat();
  let moved = 0;
  const told = waves.map((wave, at): WaveForecast => {
    moved += wave.length;
    return {
      wave: at,
      bots: wave.length,
      moved,
      remaining: all.length - moved,
      leastSeconds: leastSeconds(strategy, at === waves.length - 1),
      sight: sightOf(strategy, all.slice(0, moved), all.slice(moved), traffic),
    };
  });
  return {
    leastSeconds: told.reduce((sum, wave) => sum + wave.leastSeconds, 0),
    waves: told,
    notes: notesOf(strategy),
  };
};

/** Gates look while a wave bakes, so that the longer of both counts. After the last there is nothing to compare with. */
const leastSeconds = ({ bakeSeconds = 0, finalBakeSeconds = 0, gates }: Strategy, isLast: boolean): number => {
  if (isLast) return finalBakeSeconds;
  const traces = gates?.traces && settleTraces(gates.traces);
  return Math.max(bakeSeconds, traces ? traces.warmUpSeconds + traces.minSeconds : 0);
};

const notesOf = ({ gates }: Strategy): readonly string[] => [
  'Bots take time to start, too: that is not counted.',
  ...(gates?.approval ? [`Nothing starts before ${gates.approval.count} approved it.`] : []),
  ...(gates?.window ? ['Waves start only while the window is open: waiting for it is not counted.'] : []),
  ...(gates?.webhook ? ['How long the webhook takes to decide is not known.'] : []),
];

const sightOf = (
  { gates }: Strategy,
  moved: readonly string[],
  remaining: readonly string[],
  traffic: ReadonlyMap<string, Traffic>,
): Sight | null => {
  if (!gates?.traces) return null;
  if (remaining.length === 0) {
    return {
      kind: 'nothing-to-compare',
      message: 'No bot has the configuration before any more: nothing to compare with.',
    };
  }
  const [canaries, controls] = [seenOf(moved, traffic), seenOf(remaining, traffic)];
  const message = unknownOf(canaries, 'moved') ?? unknownOf(controls, 'remaining');
  if (message !== null) return { kind: 'unknown', message };
  const rate = rateOf([...moved, ...remaining], traffic);
  if (rate === null) return { kind: 'unknown', message: 'How many requests failed of late is not known.' };
  return known(settleTraces(gates.traces), { canaries, controls, rate });
};

type Seen = { readonly bots: number; readonly unknown: number; readonly requestsPerHour: number };

const seenOf = (ids: readonly string[], traffic: ReadonlyMap<string, Traffic>): Seen => {
  const those = ids.flatMap((id) => traffic.get(id) ?? []);
  const requestsPerHour = those.reduce((sum, bot) => sum + bot.requestsPerHour, 0);
  return { bots: ids.length, unknown: ids.length - those.length, requestsPerHour };
};

const unknownOf = ({ bots, unknown, requestsPerHour }: Seen, which: string): string | null => {
  if (requestsPerHour > 0) return null;
  if (unknown === 0) return `The ${counted(bots)} ${which} had no requests of late: without any there is no verdict.`;
  return `The traffic of ${unknown === bots ? '' : `${unknown} of `}the ${counted(bots)} ${which} is not known.`;
};

/** Of all requests together, whoever answered them: without the change they would go on as they did. */
const rateOf = (ids: readonly string[], traffic: ReadonlyMap<string, Traffic>): number | null => {
  const those = ids.flatMap((id) => traffic.get(id) ?? []).filter(({ errorRate }) => errorRate !== null);
  const requests = those.reduce((sum, bot) => sum + bot.requestsPerHour, 0);
  const failed = those.reduce((sum, bot) => sum + bot.requestsPerHour * (bot.errorRate ?? 0), 0);
  return requests > 0 ? failed / requests : null;
};

type Gate = ReturnType<typeof settleTraces>;
type Compared = { readonly canaries: Seen; readonly controls: Seen; readonly rate: number };
type Numbers = Omit<Extract<Sight, { kind: 'known' }>, 'kind' | 'message'> & { readonly others: number };

const known = (gate: Gate, compared: Compared): Sight => {
  const { others, ...numbers } = numbersOf(gate, compared);
  return { kind: 'known', ...numbers, message: sentences(gate, compared, { ...numbers, others }).join(' ') };
};

const numbersOf = (gate: Gate, { canaries, controls, rate }: Compared): Numbers => {
  const alpha = gate.alpha / (gate.looks * measures);
  const [requests, others] = [canaries, controls].map(({ requestsPerHour }) =>
    Math.floor((requestsPerHour * gate.maxSeconds) / 3_600),
  );
  const [canary, control] = [requests ?? 0, others ?? 0];
  const isEnough = Math.min(canary, control) >= gate.minRequests;
  return {
    requests: canary,
    others: control,
    smallestRise: isEnough ? smallestRise({ canary, control, rate, alpha }, power) : null,
    secondsForAsked: secondsForAsked(gate, { canaries, controls, rate }, alpha),
    cleanRateBelow: canary === 0 ? 1 : Math.min(1, 3 / canary),
  };
};

/** Until both sides have minRequests, and the canaries as many as it takes to see the rise that the gate forbids. */
const secondsForAsked = (gate: Gate, { canaries, controls, rate }: Compared, alpha: number): number | null => {
  const rise = gate.errorRateIncreaseMax;
  if (rise === 0 || rate + rise > 1) return null;
  const ratio = controls.requestsPerHour / canaries.requestsPerHour;
  const seconds = (requests: number, { requestsPerHour }: Seen) => Math.ceil((3_600 * requests) / requestsPerHour);
  return Math.max(
    gate.minSeconds,
    seconds(requestsFor(rise, { ratio, rate, alpha }, power), canaries),
    seconds(gate.minRequests, canaries),
    seconds(gate.minRequests, controls),
  );
};

const sentences = (gate: Gate, { canaries, controls, rate }: Compared, numbers: Numbers): readonly string[] => {
  const { requests, others, smallestRise: rise, secondsForAsked: needed, cleanRateBelow } = numbers;
  const isFew = Math.min(requests, others) < gate.minRequests;
  const unknown = canaries.unknown + controls.unknown;
  const asked = percentOf(gate.errorRateIncreaseMax);
  return [
    `In ${gate.maxSeconds} s come about ${requests} requests to moved bots and ${others} to the others.`,
    isFew
      ? `A verdict takes ${gate.minRequests} of each: there will be none.`
      : rise === null
        ? `That shows no rise in errors, however large.`
        : `Four times of five that shows a rise in errors from ${percentOf(rate)} by ${percentOf(rise)}, not a smaller one.`,
    ...(needed === null ? [] : [`To see one by ${asked} takes ${needed} s.`]),
    ...(needed !== null && needed > gate.maxSeconds ? ['That is more than maxSeconds.'] : []),
    ...(requests === 0 ? [] : [`If none fails, the rate is only known to be below ${percentOf(cleanRateBelow)}.`]),
    ...(unknown === 0 ? [] : [`The traffic of ${counted(unknown)} is not known, and counted as none.`]),
  ];
};

const percentOf = (share: number): string => `${Number((100 * share).toPrecision(2))} %`;
