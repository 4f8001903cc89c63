// The loop around the queue: who is looked at when. What it knows it read from the log's fold; hints only make it faster.
import {
  BotActionAccepted,
  DriftRevertAccepted,
  type FleetStatus,
  HealingHeld,
  HealingResumed,
  type Recorded,
  ReportBot,
} from '@molthub/contracts';
import type { Job, Runtime } from '@molthub/service';
import { z } from 'zod';
import { allBots, type BotRow, createBotLoader, desiredOf } from './bot-row.ts';
import { readFleets } from './fleets.ts';
import { createHealing, type HealingSettings } from './healing.ts';
import { createQueue, type Priority, type Queue } from './queue.ts';
import { type Outcome, reconcile, type ReconcileContext } from './reconcile.ts';
import type { Report } from './report.ts';
import type { Desired, Targets } from './target.ts';
import { createHoldKeeper, createOrphanWatch, readSilent, stuckReport, type Tell } from './watchdog.ts';
import { createWorkers, type Workers } from './workers.ts';

/** What others in this process noticed; each may be missed without harm. */
export type Hints = {
  readonly onFleets: (listener: () => void) => () => void;
  readonly onBot: (listener: (botId: string) => void) => () => void;
};

export type ReconcileSettings = {
  /** `signal` ends what may take long; the targets are closed afterwards. */
  readonly openTargets: (runtime: Runtime, signal: AbortSignal) => Promise<Targets>;
  /** Told which targets are open, and null when they are closed. */
  readonly opened: (targets: Targets | null) => void;
  readonly hints: Hints;
  readonly healing: HealingSettings;
  /** How often a bot of this kind is looked at without any cause. */
  readonly resyncMs: (kind: string) => number;
  /** How often is read what another process of this service may have committed. */
  readonly pollMs: number;
  /** How long nothing may be heard of a bot that something is to come of. */
  readonly stuckAfterMs: number;
  /** How often is looked for bots that are stuck and for what no bot accounts for. */
  readonly watchMs: number;
  readonly random: () => number;
};

type Known = { workspace: string; fleetId: string; lane: string; version: number; resyncAt: number };

const tickMs = 1_000;
const fullLookMs = 60_000;
const stopGraceMs = 20_000;
const overlapMs = 10_000;

export const reconcileJob = (settings: ReconcileSettings): Job => ({
  name: 'reconcile',
  single: true,
  run: async (runtime, signal) => {
    const targets = await settings.openTargets(runtime, signal);
    settings.opened(targets);
    try {
      await lead(settings, targets, runtime, signal);
    } finally {
      settings.opened(null);
      for (const target of targets.values()) await target.close();
    }
  },
});

const lead = async (settings: ReconcileSettings, targets: Targets, runtime: Runtime, signal: AbortSignal) => {
  const bots = new Map<string, Known>();
  const fleets = { status: await readFleets(runtime.reads), sizes: new Map<string, number>() };
  const { workers, queue, context, cancel } = openWorkers(settings, targets, runtime, bots, fleets, signal);
  const add = (botId: string, priority: Priority, generation?: number) => {
    const known = bots.get(botId);
    if (!known) return;
    workers.add(botId, { lane: known.lane, priority, ...(generation === undefined ? {} : { generation }) });
  };
  const learn = (row: Pick<BotRow, 'bot_id' | 'workspace' | 'fleet_id' | 'target' | 'version'>) => {
    const known = bots.get(row.bot_id);
    if (!known) fleets.sizes.set(row.fleet_id, (fleets.sizes.get(row.fleet_id) ?? 0) + 1);
    const resyncAt = known?.resyncAt ?? Date.now() + settings.resyncMs(row.target) * settings.random();
    const { workspace, fleet_id: fleetId, target: lane, version } = row;
    bots.set(row.bot_id, { workspace, fleetId, lane, version, resyncAt });
    workspaces.set(fleetId, workspace);
  };
  const forget = (botId: string) => {
    const known = bots.get(botId);
    if (!known) return;
    fleets.sizes.set(known.fleetId, (fleets.sizes.get(known.fleetId) ?? 1) - 1);
    bots.delete(botId);
    workers.forget(botId);
    context.healing.forget(botId, known.fleetId);
    context.sightings.delete(botId);
    context.unsettled.delete(botId);
  };
  const tell: Tell = async (definition, data, workspace) => {
    const outcome = await runtime.execute(definition, data, { workspace });
    if (outcome.status === 'DONE' || outcome.status === 'REFUSED') return;
    throw new Error(`${definition.type} was not taken: ${JSON.stringify(outcome)}`);
  };
  const workspaces = new Map<string, string>();
  const holds = createHoldKeeper({
    healing: context.healing,
    tell,
    reads: runtime.reads,
    shareMax: settings.healing.breakerShare,
    fleet: (fleetId) => {
      const workspace = workspaces.get(fleetId);
      return workspace === undefined ? null : { workspace, bots: fleets.sizes.get(fleetId) ?? 0 };
    },
    resumed: (botIds) => {
      for (const botId of botIds) add(botId, 'drift');
    },
  });
  const watch = watchdog({ settings, targets, runtime, bots, queue, context, tell });
  const refreshFleets = async () => {
    await holds.sync(Date.now());
    const before = fleets.status;
    fleets.status = await readFleets(runtime.reads);
    for (const [botId, { fleetId }] of bots) {
      if (before.get(fleetId) !== fleets.status.get(fleetId)) add(botId, 'user');
    }
  };
  const fault = (error: unknown) => logFault(runtime, error);
  // Listening begins before reading, so that nothing falls between the two.
  const ends = [
    runtime.committed((events) => {
      heard(events, { bots, learn, forget, add, cancel });
      if (events.some(({ type }) => isHold.has(type))) void holds.sync(Date.now()).catch(fault);
    }),
    settings.hints.onFleets(() => void refreshFleets().catch(fault)),
    settings.hints.onBot((botId) => add(botId, 'drift')),
    ...[...targets.values()].map((target) => target.watch((botId) => add(botId, 'drift'))),
  ];
  try {
    // Before any bot is looked at: what is held stays held.
    await holds.sync(Date.now());
    for await (const rows of allBots(runtime.reads)) {
      const page = rows.flatMap((one) => (one.is === 'read' ? [one.row] : []));
      for (const one of rows) if (one.is === 'unreadable') logFault(runtime, one.error);
      for (const row of page) learn(row);
      await adopt(page, targets, fleets.status);
      for (const row of page)
        if (needsLook(row)) add(row.bot_id, row.drift.length > 0 ? 'drift' : 'user', row.generation);
    }
    await keepLooking({ settings, runtime, bots, signal, add, learn, forget, refreshFleets, holds, watch });
  } finally {
    for (const end of ends) end();
    await Promise.race([workers.stop(), elapsed(stopGraceMs)]);
  }
};

/** A bot of a process of its own is looked at once in any case: it may have ended while nobody watched. */
const needsLook = (row: BotRow) =>
  !row.simulated || row.drift.length > 0 || !['RUNNING', 'PAUSED', 'STOPPED'].includes(row.status);

const openWorkers = (
  settings: ReconcileSettings,
  targets: Targets,
  runtime: Runtime,
  bots: ReadonlyMap<string, Known>,
  fleets: { readonly status: ReadonlyMap<string, FleetStatus>; readonly sizes: ReadonlyMap<string, number> },
  signal: AbortSignal,
): {
  readonly workers: Workers;
  readonly queue: Queue;
  readonly context: ReconcileContext;
  readonly cancel: (botId: string) => void;
} => {
  const works = new Map<string, AbortController>();
  const load = createBotLoader(runtime.reads);
  const outcomes = runtime.metrics.counter('molthub_reconciles_total', 'Looks at bots, by what came of them', [
    'outcome',
  ]);
  const drifts = runtime.metrics.counter('molthub_drift_total', 'Drift that was confirmed, by class', ['class']);
  const report = async (row: BotRow, said: Report) => {
    const { workspace, bot_id: botId } = row;
    const outcome = await runtime.execute(ReportBot, { botId, report: said }, { workspace });
    if (outcome.status !== 'DONE') throw new Error(`The report on ${botId} was not taken: ${JSON.stringify(outcome)}`);
    if (said.kind === 'drifted') for (const item of said.items) drifts.inc({ class: item.class });
  };
  const context: ReconcileContext = {
    targets,
    healing: createHealing(settings.healing),
    fleetStatus: (fleetId) => fleets.status.get(fleetId) ?? 'ACTIVE',
    botsOfFleet: (fleetId) => fleets.sizes.get(fleetId) ?? 1,
    report,
    isStopping: () => signal.aborted,
    cancelled: (botId) => works.get(botId)?.signal,
    heldBack: (row, why) =>
      runtime.logger.info({ botId: row.bot_id, fleetId: row.fleet_id, why }, 'a drifted bot is not healed now'),
    now: Date.now,
    sightings: new Map(),
    unsettled: new Map(),
  };
  const count = (outcome: Outcome | 'fault') => outcomes.inc({ outcome });
  const concurrency = (lane: string) => targets.get(lane)?.concurrency ?? 1;
  const queue = createQueue({ concurrency, random: settings.random });
  const workers = createWorkers({
    queue,
    now: Date.now,
    work: async ({ key, attempt }) => {
      const row = bots.has(key) ? await load(key) : null;
      if (!row) return { kind: 'settled' };
      const controller = new AbortController();
      works.set(key, controller);
      if (signal.aborted) controller.abort();
      try {
        const { ending, outcome } = await reconcile(row, attempt, context);
        count(outcome);
        return ending;
      } finally {
        works.delete(key);
      }
    },
    failed: (botId, error) => {
      count('fault');
      runtime.logger.warn({ err: error, botId }, 'looking at a bot failed; trying again');
    },
  });
  signal.addEventListener('abort', () => {
    for (const controller of works.values()) controller.abort();
  });
  return { workers, queue, context, cancel: (botId) => works.get(botId)?.abort() };
};

/** Takes up what ran before this process did. */
const adopt = async (page: readonly BotRow[], targets: Targets, fleets: ReadonlyMap<string, FleetStatus>) => {
  for (const [kind, target] of targets) {
    const ran = page.filter(
      (row) =>
        row.target === kind &&
        row.status !== 'DELETING' &&
        row.observed_generation === row.generation &&
        (row.endpoint !== null || row.status === 'STOPPED') &&
        (target.node === null || row.node === null || row.node === target.node),
    );
    await target.adopt(
      ran.map((row): Desired => ({ ...desiredOf(row, fleets.get(row.fleet_id) ?? 'ACTIVE'), run: ranAs(row) })),
    );
  }
};

const ranAs = (row: BotRow): Desired['run'] =>
  row.status === 'PAUSED' || row.status === 'STOPPED' ? row.status : 'RUNNING';

const Assigned = z.object({ botId: z.uuid(), fleetId: z.uuid(), target: z.string(), generation: z.int() });
const OfBot = z.object({ botId: z.uuid(), action: z.string().optional() });

type Learn = (row: {
  bot_id: string;
  workspace: string;
  fleet_id: string;
  target: BotRow['target'];
  version: number;
}) => void;
type Add = (botId: string, priority: Priority, generation?: number) => void;

const heard = (
  events: readonly Recorded[],
  parts: {
    bots: ReadonlyMap<string, Known>;
    learn: Learn;
    forget: (botId: string) => void;
    add: Add;
    cancel: (botId: string) => void;
  },
) => {
  const { bots, learn, forget, add, cancel } = parts;
  for (const event of events) {
    // Our own reports are no news: only what another process wrote is looked for by version.
    const known = bots.get(event.stream.slice(streamPrefix.length));
    if (known) known.version = Math.max(known.version, event.version);
    if (event.type === 'reconciler.bot.assigned.v1') {
      const { botId, fleetId, target, generation } = Assigned.extend({ target: TargetOf }).parse(event.data);
      learn({ bot_id: botId, workspace: event.workspace, fleet_id: fleetId, target, version: event.version });
      cancel(botId);
      add(botId, 'user', generation);
    } else if (asks.has(event.type)) {
      const { botId, action } = OfBot.parse(event.data);
      // Another look is no reason to leave off.
      if (action !== 'reconcile') cancel(botId);
      add(botId, 'user');
    } else if (event.type === 'reconciler.bot.destroyed.v1') forget(OfBot.parse(event.data).botId);
  }
};
const asks: ReadonlySet<string> = new Set([BotActionAccepted.type, DriftRevertAccepted.type]);
const isHold: ReadonlySet<string> = new Set([HealingHeld.type, HealingResumed.type]);
const streamPrefix = 'bot-';
const TargetOf = z.enum(['local', 'simulated']);

const keepLooking = async (parts: {
  readonly settings: ReconcileSettings;
  readonly runtime: Runtime;
  readonly bots: Map<string, Known>;
  readonly signal: AbortSignal;
  readonly add: Add;
  readonly learn: Learn;
  readonly forget: (botId: string) => void;
  readonly refreshFleets: () => Promise<void>;
  readonly holds: { readonly tick: (now: number) => Promise<void> };
  readonly watch: () => Promise<void>;
}) => {
  const { settings, bots, signal } = parts;
  let polledAt = Date.now();
  let watchedAt = Date.now();
  let lookedAt = Date.now();
  while (!signal.aborted) {
    await elapsed(tickMs, signal);
    const now = Date.now();
    for (const [botId, known] of bots) {
      if (known.resyncAt > now) continue;
      known.resyncAt = now + settings.resyncMs(known.lane);
      parts.add(botId, 'resync');
    }
    await parts.holds.tick(now);
    if (now - watchedAt >= settings.watchMs) {
      await parts.watch();
      watchedAt = now;
    }
    if (now - polledAt < settings.pollMs) continue;
    const isFull = now - lookedAt >= fullLookMs;
    await catchUp(parts, isFull ? null : new Date(polledAt - overlapMs));
    await parts.refreshFleets();
    polledAt = now;
    if (isFull) lookedAt = now;
  }
};

/** Tells bots of which nothing is heard, and what no bot accounts for. */
const watchdog = (parts: {
  readonly settings: ReconcileSettings;
  readonly targets: Targets;
  readonly runtime: Runtime;
  readonly bots: ReadonlyMap<string, Known>;
  readonly queue: Queue;
  readonly context: ReconcileContext;
  readonly tell: Tell;
}): (() => Promise<void>) => {
  const { settings, targets, runtime, bots, queue, context, tell } = parts;
  const { stuckAfterMs: limitMs } = settings;
  const load = createBotLoader(runtime.reads);
  const known = runtime.metrics.gauge('molthub_orphans', "What has Molthub's mark and no bot", []);
  const orphans = createOrphanWatch({ targets, tell, reads: runtime.reads, isKnown: (botId) => bots.has(botId) });
  return async () => {
    for (const botId of await readSilent(runtime.reads, limitMs)) {
      // One that waits for its turn is not stuck: whoever keeps it from that is.
      const now = Date.now();
      if (queue.waitsForRoom(botId, now) || (queue.inFlightMs(botId, now) ?? limitMs) < limitMs) continue;
      const row = await load(botId);
      if (row)
        await context.report(row, stuckReport(row, limitMs, context.unsettled.get(botId)?.acts.underway() ?? null));
    }
    known.set((await orphans()).length);
  };
};

/** What another process of this service committed: bots that are newer, or gone, compared with what is known here. */
const catchUp = async (
  parts: { runtime: Runtime; bots: Map<string, Known>; add: Add; learn: Learn; forget: (botId: string) => void },
  since: Date | null,
) => {
  const before = [...parts.bots.keys()];
  const rows = await parts.runtime.reads<{
    bot_id: string;
    workspace: string;
    fleet_id: string;
    target: BotRow['target'];
    version: number;
    generation: number;
  }>(
    `select bot_id, workspace, fleet_id, target, version, generation from bots
     ${since === null ? '' : 'where updated_at > $1'}`,
    since === null ? [] : [since],
  );
  for (const row of rows) {
    const isNew = (parts.bots.get(row.bot_id)?.version ?? 0) < row.version;
    if (!isNew) continue;
    parts.learn(row);
    parts.add(row.bot_id, 'user', row.generation);
  }
  if (since !== null) return;
  const existing = new Set(rows.map((row) => row.bot_id));
  for (const botId of before) if (!existing.has(botId)) parts.forget(botId);
};

const logFault = (runtime: Runtime, error: unknown) =>
  runtime.logger.warn({ err: error }, 'reading what the loop needs failed; trying again with the next look');

const elapsed = (ms: number, signal?: AbortSignal) =>
  new Promise<void>((resolve) => {
    const timer = setTimeout(end, ms);
    function end() {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      resolve();
    }
    signal?.addEventListener('abort', end);
  });
