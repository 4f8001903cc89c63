// Traces of bots that do as told, so that what the judge says can be compared with what is true. Seeded: no chance.
import { latencyBucketsMs, type TracesGate } from '@molthub/contracts';
import type { BotWindow } from './compare-sides.ts';
import { judgeTraces, type Verdict } from './judge-traces.ts';

export type Behaviour = {
  readonly errorRate: number;
  /** The median of a request; log-normal with this deviation of the logarithm. */
  readonly latencyMs: number;
  readonly latencySigma: number;
  readonly tokens: number;
  readonly requestsPerMinute: number;
  /** By how much bots differ from each other for reasons of their own: deviation of the logarithm of their rates. */
  readonly betweenBots: number;
};

export const usual: Behaviour = {
  errorRate: 0.05,
  latencyMs: 200,
  latencySigma: 0.5,
  tokens: 500,
  requestsPerMinute: 6,
  betweenBots: 0,
};

export type Rehearsal = {
  readonly canary: Behaviour;
  readonly control: Behaviour;
  readonly botsEach: number;
  readonly minutes: number;
};

/** A number from 0 up to 1 that only the seed decides (mulberry32, 32 bits of state). */
export const seeded = (seed: number): (() => number) => {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
};

/** Box and Muller's: one from the standard normal distribution. */
const normal = (random: () => number): number =>
  Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());

/** Minutes of a side, in their order, all bots of a minute together. */
export const windowsOf = (
  side: string,
  behaviour: Behaviour,
  { botsEach, minutes }: Pick<Rehearsal, 'botsEach' | 'minutes'>,
  random: () => number,
): readonly (readonly BotWindow[])[] => {
  const bots = Array.from({ length: botsEach }, (_, at) => {
    const own = () => (behaviour.betweenBots === 0 ? 1 : Math.exp(behaviour.betweenBots * normal(random)));
    const errorRate = Math.min(1, behaviour.errorRate * own());
    return { botId: `${side}-${at}`, ...behaviour, errorRate, latencyMs: behaviour.latencyMs * own() };
  });
  return Array.from({ length: minutes }, (_, minute) => bots.map((bot) => windowOf(bot, minute, random)));
};

const windowOf = (bot: Behaviour & { readonly botId: string }, minute: number, random: () => number): BotWindow => {
  const latencyCounts = Array.from({ length: latencyBucketsMs.length + 1 }, () => 0);
  let [errors, durationMsSum, tokens] = [0, 0, 0];
  for (let request = 0; request < bot.requestsPerMinute; request += 1) {
    if (random() < bot.errorRate) errors += 1;
    const ms = bot.latencyMs * Math.exp(bot.latencySigma * normal(random));
    durationMsSum += ms;
    const bucket = latencyBucketsMs.findIndex((upTo) => ms <= upTo);
    const at = bucket === -1 ? latencyBucketsMs.length : bucket;
    latencyCounts[at] = (latencyCounts[at] ?? 0) + 1;
    tokens += Math.round(bot.tokens * (0.5 + random()));
  }
  return {
    botId: bot.botId,
    from: new Date(minute * 60_000).toISOString(),
    requests: bot.requestsPerMinute,
    errors,
    latencyCounts,
    durationMsSum,
    inputTokens: tokens,
    outputTokens: 0,
    costUsd: (tokens / 1_000_000).toFixed(12),
    unpricedCalls: 0,
    simulated: true,
  };
};

/** What the judge says at each of the gate's looks, evenly over the minutes, whatever it said before. */
export const verdictsOf = (rehearsal: Rehearsal, gate: TracesGate, random: () => number): readonly Verdict[] => {
  const canary = windowsOf('canary', rehearsal.canary, rehearsal, random);
  const control = windowsOf('control', rehearsal.control, rehearsal, random);
  const looks = gate.looks ?? 10;
  return Array.from({ length: looks }, (_, at) => {
    const minutes = Math.ceil((rehearsal.minutes * (at + 1)) / looks);
    return judgeTraces(gate, {
      canary: canary.slice(0, minutes).flat(),
      control: control.slice(0, minutes).flat(),
      look: at + 1,
      elapsedSeconds: minutes * 60,
    });
  });
};

/** Of so many rehearsals, the shares in which any look said FAIL, and in which the first of FAIL and PASS was PASS. */
export const sharesOf = (runs: number, seed: number, rehearsal: Rehearsal, gate: TracesGate) => {
  const random = seeded(seed);
  let [failed, passedFirst] = [0, 0];
  for (let run = 0; run < runs; run += 1) {
    const said = verdictsOf(rehearsal, gate, random).map(({ verdict }) => verdict);
    if (said.includes('FAIL')) failed += 1;
    if (said.find((verdict) => verdict === 'FAIL' || verdict === 'PASS') === 'PASS') passedFirst += 1;
  }
  return { failed: failed / runs, passedFirst: passedFirst / runs };
};
