// reconciler keeps each bot's process and configuration equal to what was released for it: one stream `bot-<id>`.
import { z } from 'zod';
import { FleetStatus } from './config.ts';
import { DriftMode, EntityName, Environment, Hash, ResolvedManifest, TargetKind } from './manifest.ts';
import { defineCommand, defineEvent, defineReadModel, WorkspaceSlug } from './message.ts';

export const BotStatus = z.enum([
  'CREATING',
  'PENDING',
  'RECONCILING',
  'RUNNING',
  'DEGRADED',
  'PAUSED',
  'STOPPED',
  'ERROR',
  'DELETING',
]);
export type BotStatus = z.infer<typeof BotStatus>;

export const DriftClass = z.enum([
  'config',
  'version',
  'process',
  'health',
  'image',
  'port',
  'secret',
  'missing',
  'orphan',
  'unreachable',
]);
export type DriftClass = z.infer<typeof DriftClass>;

/** One difference between desired and observed; secrets are redacted before they get here. */
export const DriftItem = z.object({
  class: DriftClass,
  path: z.string(),
  desired: z.json(),
  observed: z.json(),
  /** Who changed it, as far as it can be known: the bot itself, someone with access to its files, or unknown. */
  owner: z.enum(['bot', 'external', 'unknown']),
  since: z.iso.datetime(),
});
export type DriftItem = z.infer<typeof DriftItem>;

/** Where a bot answers; the process id is null for bots that are no process of their own. */
export const Endpoint = z.object({ url: z.string(), pid: z.int().nullable() });
export type Endpoint = z.infer<typeof Endpoint>;

/** One step of a reconcile, as it really went. */
export const Step = z.object({
  name: z.string(),
  startedAt: z.iso.datetime(),
  durationMs: z.number().min(0),
  message: z.string(),
});
export type Step = z.infer<typeof Step>;

export const BotError = z.object({ code: z.string(), message: z.string(), permanent: z.boolean() });
export type BotError = z.infer<typeof BotError>;

const bot = { botId: z.uuid(), fleetId: z.uuid() };
const generation = z.int().min(1);
const simulated = z.boolean();

export const BotAssigned = defineEvent(
  'reconciler.bot.assigned.v1',
  'A released version is what this bot is to run; the work begins.',
  z.object({
    ...bot,
    botName: EntityName,
    fleetStatus: FleetStatus,
    environment: Environment,
    changeSetId: z.uuid(),
    version: z.int().min(1),
    generation,
    hash: Hash,
    resolved: ResolvedManifest,
    target: TargetKind,
    simulated,
  }),
);
export const BotStarted = defineEvent(
  'reconciler.bot.started.v1',
  "A bot's process answers.",
  z.object({
    ...bot,
    generation,
    endpoint: Endpoint,
    adopted: z.boolean(),
    /** The machine it runs on, for targets that are bound to one; nobody else touches it from now on. */
    node: z.string().nullable().default(null),
    /** What was done up to here; the rest is told by the event that ends the attempt. */
    steps: z.array(Step).default([]),
    simulated,
  }),
);
export const BotConverged = defineEvent(
  'reconciler.bot.converged.v1',
  'The target reports the generation and the hash that were released.',
  z.object({
    ...bot,
    changeSetId: z.uuid(),
    version: z.int().min(1),
    generation,
    hash: Hash,
    endpoint: Endpoint,
    /** Where health reads the bot's gateway token; never the token itself. Null for bots without one. */
    tokenReference: z.string().nullable(),
    target: TargetKind,
    /** How the configuration got there. */
    applied: z.enum(['started', 'hot', 'restarted', 'unchanged']),
    steps: z.array(Step),
    simulated,
  }),
);
export const BotFailed = defineEvent(
  'reconciler.bot.failed.v1',
  'A bot could not be brought to its generation.',
  z.object({
    ...bot,
    changeSetId: z.uuid(),
    generation,
    error: BotError,
    attempt: z.int().min(1),
    steps: z.array(Step),
    simulated,
  }),
);
export const BotStopped = defineEvent(
  'reconciler.bot.stopped.v1',
  'A bot was stopped as asked; its state is kept.',
  z.object({ ...bot, steps: z.array(Step), reason: z.string() }),
);
export const BotPaused = defineEvent(
  'reconciler.bot.paused.v1',
  "A bot's process goes on, its channels are cut.",
  z.object({ ...bot, steps: z.array(Step) }),
);
export const BotDestroyed = defineEvent(
  'reconciler.bot.destroyed.v1',
  "A retired bot's process and state are gone.",
  z.object({ ...bot, steps: z.array(Step) }),
);
export const BotActionAccepted = defineEvent(
  'reconciler.bot.action-accepted.v1',
  'Someone asked for a lifecycle action that is now being carried out.',
  z.object({
    ...bot,
    action: z.enum(['restart', 'pause', 'resume', 'stop', 'start', 'reconcile', 'destroy']),
    reason: z.string(),
  }),
);
export const DriftDetected = defineEvent(
  'reconciler.drift.detected.v1',
  'What a bot really is differs from what was released, seen twice.',
  z.object({
    ...bot,
    generation,
    observedHash: Hash.nullable(),
    items: z.array(DriftItem).min(1).max(100),
    mode: DriftMode,
  }),
);
export const DriftHealed = defineEvent(
  'reconciler.drift.healed.v1',
  'A drifted bot equals what was released again.',
  z.object({
    ...bot,
    generation,
    classes: z.array(DriftClass),
    endpoint: Endpoint,
    tokenReference: z.string().nullable(),
    steps: z.array(Step),
    simulated,
  }),
);

export const DriftRevertAccepted = defineEvent(
  'reconciler.drift.revert-accepted.v1',
  'Someone wants a drifted bot to be as released again, now and whatever its mode, the budget or a hold say.',
  z.object({ ...bot, classes: z.array(DriftClass), reason: z.string() }),
);

export const SimulatorKeyPublished = defineEvent(
  'reconciler.simulator-key.published.v1',
  'Simulated bots sign their ingest tokens with this key; it is good for simulated bots only.',
  z.object({ keyId: z.string(), publicKey: z.record(z.string(), z.string()) }),
);

export const PublishSimulatorKey = defineCommand(
  'reconciler.simulator-key.publish.v1',
  "Makes the simulator's key known. The reconciler's own job; not for callers.",
  z.strictObject({ keyId: z.string().min(1).max(128), publicKey: z.record(z.string(), z.string()) }),
);

export const AssignBot = defineCommand(
  'reconciler.bot.assign.v1',
  "Takes a released version. The reconciler's own reaction; not for callers.",
  BotAssigned.data,
);
const action = z.strictObject({ botId: z.uuid(), reason: z.string().max(500).default('') });
export const RestartBot = defineCommand('reconciler.bot.restart.v1', "Restarts the bot's process.", action);
export const PauseBot = defineCommand(
  'reconciler.bot.pause.v1',
  "Cuts the bot's channels; the process goes on.",
  action,
);
export const ResumeBot = defineCommand('reconciler.bot.resume.v1', 'Gives a paused bot its channels back.', action);
export const StopBot = defineCommand('reconciler.bot.stop.v1', 'Stops the process and keeps the state.', action);
export const StartBot = defineCommand('reconciler.bot.start.v1', 'Starts a stopped bot again.', action);
export const ReconcileBot = defineCommand(
  'reconciler.bot.reconcile.v1',
  'Looks at the bot now and makes it right.',
  action,
);
export const RevertDrift = defineCommand(
  'reconciler.drift.revert.v1',
  'Makes a drifted bot as released again, now.',
  action,
);
/** Asks the bot itself, `records: false`: what was told of its drift is shortened and hides secrets. */
export const ReadObservedConfig = defineCommand(
  'reconciler.drift.read-config.v1',
  'Answers what would make spec.config what the bot was found to run; refused where that holds a secret.',
  z.strictObject({ botId: z.uuid() }),
);
export const ObservedConfig = z.object({
  /** The released version that the bot differs from. */
  version: z.int().min(1),
  /** JSON merge patch (RFC 7396) of spec.config. */
  patch: z.record(z.string(), z.json()),
  paths: z.array(z.string()).min(1),
  /** Who changed it, as far as it can be known. */
  owner: DriftItem.shape.owner,
});
export type ObservedConfig = z.infer<typeof ObservedConfig>;
export const DestroyBot = defineCommand(
  'reconciler.bot.destroy.v1',
  "Destroys a retired bot. The reconciler's own reaction; not for callers.",
  z.strictObject({ ...bot, reason: z.string().max(500).default('') }),
);
/** What the reconcile loop reports about its own work; it goes through the decider like every other change. */
export const ReportBot = defineCommand(
  'reconciler.bot.report.v1',
  "Records what the reconcile loop saw and did. The reconciler's own; not for callers.",
  z.strictObject({
    botId: z.uuid(),
    report: z.discriminatedUnion('kind', [
      z.strictObject({
        kind: z.literal('started'),
        generation,
        endpoint: Endpoint,
        adopted: z.boolean(),
        node: z.string().nullable().default(null),
        steps: z.array(Step).default([]),
      }),
      z.strictObject({
        kind: z.literal('converged'),
        generation,
        hash: Hash,
        endpoint: Endpoint,
        tokenReference: z.string().nullable(),
        applied: z.enum(['started', 'hot', 'restarted', 'unchanged']),
        /** How many restarts had been asked for when this was brought about; fewer than by now means not done yet. */
        restarts: z.int().min(0).default(0),
        steps: z.array(Step),
      }),
      z.strictObject({
        kind: z.literal('failed'),
        generation,
        error: BotError,
        attempt: z.int().min(1),
        steps: z.array(Step),
      }),
      z.strictObject({ kind: z.literal('stopped'), steps: z.array(Step), reason: z.string().default('') }),
      z.strictObject({ kind: z.literal('paused'), steps: z.array(Step) }),
      z.strictObject({ kind: z.literal('destroyed'), steps: z.array(Step) }),
      z.strictObject({
        kind: z.literal('drifted'),
        generation,
        observedHash: Hash.nullable(),
        items: z.array(DriftItem).min(1).max(100),
        mode: DriftMode.default('heal'),
      }),
    ]),
  }),
);
/** Reads the last lines of a bot's log; `records: false`. */
export const ReadBotLogs = defineCommand(
  'reconciler.bot.read-logs.v1',
  "Answers the last lines of a bot's log.",
  z.strictObject({ botId: z.uuid(), lines: z.int().min(1).max(1_000).default(100) }),
);

export const DriftStatus = z.enum(['IN_SYNC', 'DRIFTED', 'PROGRESSING', 'UNKNOWN']);
const time = z.iso.datetime();
export const ReconcilerBotsView = defineReadModel(
  'reconciler',
  'bots',
  'Each bot as the reconciler sees it. A bot without a row is CREATING.',
  z.object({
    workspace: WorkspaceSlug,
    bot_id: z.uuid(),
    fleet_id: z.uuid(),
    status: BotStatus,
    generation: z.int(),
    desired_hash: Hash,
    manifest_version: z.int(),
    observed_generation: z.int(),
    observed_hash: Hash.nullable(),
    change_set_id: z.uuid(),
    target: z.string(),
    simulated,
    endpoint: Endpoint.nullable(),
    last_error: BotError.nullable(),
    drift_status: DriftStatus,
    drift: z.array(DriftItem),
    converged_at: time.nullable(),
    updated_at: time,
    version: z.int(),
  }),
);
export const TimelineView = defineReadModel(
  'reconciler',
  'timeline',
  'Everything that happened to a bot, in order; `sequence` has no gaps.',
  z.object({
    workspace: WorkspaceSlug,
    bot_id: z.uuid(),
    sequence: z.int().min(1),
    type: z.string(),
    time,
    message: z.string(),
    data: z.record(z.string(), z.json()),
  }),
);
