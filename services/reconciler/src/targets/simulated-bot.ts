// One simulated bot: what it runs, and when it will drift, crash or be asked something. Plain data without a timer of its
// own, so that ten thousand of them cost a process next to nothing.
import { createHash } from 'node:crypto';
import { ResolvedManifest, Simulation } from '@molthub/contracts';
import { Rejected } from '@molthub/decider';
import { canonicalHash } from '@molthub/manifest';
import { z } from 'zod';
import type { Desired, Difference } from '../target.ts';

export type SimulatedBot = {
  readonly botId: string;
  readonly workspace: string;
  readonly fleetId: string;
  readonly name: string;
  generation: number;
  /** Of what it was configured to; what it really runs may differ by its own edits. */
  appliedHash: string;
  /** What it was configured to, as JSON: seldom looked at, so it is not kept as objects. */
  resolvedText: string;
  simulation: Simulation;
  channels: 'open' | 'cut';
  restarts: number;
  process: { readonly is: 'up' } | { readonly is: 'down'; readonly asAsked: boolean; readonly detail: string };
  /** How often it changed its own configuration since it was last configured. */
  selfEdits: number;
  /** State of its own random numbers: the same bot behaves the same way in every rehearsal. */
  seed: number;
  due: Due;
};

export type Happening = 'drift' | 'crash' | 'request';
type Due = { readonly [what in Happening]: number };

const never: Due = { drift: Infinity, crash: Infinity, request: Infinity };

/** A bot that is configured and not yet started. */
export const createBot = (desired: Desired): SimulatedBot => ({
  botId: desired.botId,
  workspace: desired.workspace,
  fleetId: desired.fleetId,
  name: desired.botName,
  generation: 0,
  appliedHash: '',
  resolvedText: JSON.stringify(desired.resolved),
  simulation: simulationOf(desired.resolved),
  channels: 'open',
  restarts: 0,
  process: { is: 'down', asAsked: true, detail: 'not started yet' },
  selfEdits: 0,
  seed: createHash('sha256').update(desired.botId).digest().readInt32LE(0),
  due: never,
});

/** Manifests from before the limits of `Simulation` are in the log, and their bots run on. */
const everyS = z.number().min(0).default(0);
const StoredSimulation = Simulation.extend({ driftEveryS: everyS, crashEveryS: everyS });

/** How the manifest says that the bot behaves. */
export const simulationOf = (resolved: ResolvedManifest): Simulation => {
  const parsed = StoredSimulation.safeParse(resolved.spec.config['simulation'] ?? {});
  if (parsed.success) return parsed.data;
  throw new Rejected(
    'reconciler.simulation-invalid',
    'spec.config.simulation is not valid.',
    parsed.error.issues.map((issue) => ({
      path: ['spec.config.simulation', ...issue.path].join('.'),
      code: issue.code,
      message: issue.message,
    })),
  );
};

export const configureBot = (bot: SimulatedBot, desired: Desired, now: number): void => {
  bot.simulation = simulationOf(desired.resolved);
  bot.resolvedText = JSON.stringify(desired.resolved);
  bot.appliedHash = desired.hash;
  bot.generation = desired.generation;
  bot.channels = desired.run === 'PAUSED' ? 'cut' : 'open';
  bot.selfEdits = 0;
  schedule(bot, now);
};

export const startBot = (bot: SimulatedBot, restarts: number, now: number): void => {
  bot.process = { is: 'up' };
  bot.restarts = restarts;
  schedule(bot, now);
};

export const stopBot = (bot: SimulatedBot, asAsked: boolean, detail: string): void => {
  bot.process = { is: 'down', asAsked, detail };
  bot.due = never;
};

/** The hash of what it really runs. */
export const observedHash = (bot: SimulatedBot): string => {
  if (bot.selfEdits === 0) return bot.appliedHash;
  const resolved = resolvedOf(bot);
  return canonicalHash({ ...resolved, spec: { ...resolved.spec, config: observedConfig(bot) } });
};

export const observedConfig = (bot: SimulatedBot): ResolvedManifest['spec']['config'] => {
  const { config } = resolvedOf(bot).spec;
  return bot.selfEdits === 0 ? config : { ...config, selfEdits: bot.selfEdits };
};

const resolvedOf = (bot: SimulatedBot) => ResolvedManifest.parse(JSON.parse(bot.resolvedText));

export const differencesOfBot = (bot: SimulatedBot): readonly Difference[] =>
  bot.selfEdits === 0
    ? []
    : [
        {
          class: 'config',
          path: 'spec.config.selfEdits',
          desired: resolvedOf(bot).spec.config['selfEdits'] ?? null,
          observed: bot.selfEdits,
          owner: 'bot',
        },
      ];

/** When something happens next by itself; Infinity for never. */
export const nextDue = (bot: SimulatedBot): number => Math.min(bot.due.drift, bot.due.crash, bot.due.request);

/** What is due by `now`, each at most once, with its next time set. */
export const takeDue = (bot: SimulatedBot, now: number): readonly Happening[] => {
  const { due } = bot;
  const happened = happenings.filter((what) => due[what] <= now);
  for (const what of happened) bot.due = { ...bot.due, [what]: nextTime(bot, what, now) };
  return happened;
};
const happenings = ['drift', 'crash', 'request'] as const;

const schedule = (bot: SimulatedBot, now: number): void => {
  bot.due =
    bot.process.is === 'down'
      ? never
      : {
          drift: nextTime(bot, 'drift', now),
          crash: nextTime(bot, 'crash', now),
          request: nextTime(bot, 'request', now),
        };
};

const nextTime = (bot: SimulatedBot, what: Happening, now: number): number => {
  const everyMs = intervalMs(bot, what);
  // Spread from half to one and a half of the interval, so that a fleet does not act in step.
  return everyMs === null ? Infinity : now + Math.max(soonestMs, everyMs * (0.5 + roll(bot)));
};
/** Half the interval of the most requests that a manifest may ask for; a stored one may ask for no pause at all. */
const soonestMs = 5;

const intervalMs = (bot: SimulatedBot, what: Happening): number | null => {
  const { driftEveryS, crashEveryS, requestsPerMinute } = bot.simulation;
  if (what === 'drift') return driftEveryS > 0 ? driftEveryS * 1_000 : null;
  if (what === 'crash') return crashEveryS > 0 ? crashEveryS * 1_000 : null;
  return requestsPerMinute > 0 && bot.channels === 'open' ? 60_000 / requestsPerMinute : null;
};

/** In [0, 1). Source: mulberry32. */
export const roll = (bot: SimulatedBot): number => {
  bot.seed = (bot.seed + 0x6d2b79f5) | 0;
  let mixed = Math.imul(bot.seed ^ (bot.seed >>> 15), 1 | bot.seed);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
};
