// rollout brings published versions to bots: hashed plans, waves, releases, results, the way back.
import { z } from 'zod';
import { FleetStatus } from './config.ts';
import { EntityName, Environment, Hash, ResolvedManifest } from './manifest.ts';
import { Actor, defineCommand, defineEvent, defineReadModel, WorkspaceSlug } from './message.ts';
import { PauseCause } from './course.ts';
import { Strategy } from './strategy.ts';

export const ChangeSetStatus = z.enum([
  'PLANNED',
  'AWAITING_APPROVAL',
  'APPROVED',
  'RUNNING',
  'PAUSED',
  'SUCCEEDED',
  'FAILED',
  'ABORTED',
  'ROLLING_BACK',
  'ROLLED_BACK',
  'SUPERSEDED',
  'EXPIRED',
]);
export type ChangeSetStatus = z.infer<typeof ChangeSetStatus>;

export const VersionReference = z.object({ version: z.int().min(1), generation: z.int().min(1), hash: Hash });
export type VersionReference = z.infer<typeof VersionReference>;

/** One bot of a plan: what it runs before and after, and in which wave it moves. */
export const PlannedBot = z.object({
  botId: z.uuid(),
  botName: EntityName,
  wave: z.int().min(0),
  /** Its own previous version, frozen here. Null for a bot that never ran one. */
  before: VersionReference.nullable(),
  after: VersionReference,
});
export type PlannedBot = z.infer<typeof PlannedBot>;

export const BotResult = z.enum(['CONVERGED', 'FAILED', 'SKIPPED']);
export type BotResult = z.infer<typeof BotResult>;

const changeSetId = z.uuid();
const time = z.iso.datetime();

/** A bot that was to be in a change set and is not, and why: policy denied its new version, or the version was not taken. */
export const RefusedBot = z.object({ botId: z.uuid(), botName: EntityName, code: z.string(), message: z.string() });
export type RefusedBot = z.infer<typeof RefusedBot>;
/** How many, and the first of them by name. */
const refusedOf = { refused: z.int().min(0), refusedBots: z.array(RefusedBot).max(100) };

export const ChangeSetPlanned = defineEvent(
  'rollout.change-set.planned.v1',
  'A plan exists: who moves, from what to what, in which order. Its hash names exactly this plan.',
  z.object({
    changeSetId,
    name: z.string(),
    fleetId: z.uuid(),
    fleetName: z.string(),
    environment: Environment,
    strategy: Strategy,
    planHash: Hash,
    bots: z.int().min(1),
    waves: z.int().min(1),
    /** What starts by itself is a `release`; a `request` waits for somebody to start it. */
    origin: z.enum(['release', 'request']),
    /** What ranks its bots: the change set that it repeats, or itself. */
    lineageId: z.uuid().optional(),
    /** What a person should know of the plan before it starts. */
    notes: z.array(z.string()).max(20).optional(),
    ...z.object(refusedOf).partial().shape,
    author: Actor,
    reason: z.string(),
  }),
);
export const ChangeSetRefused = defineEvent(
  'rollout.change-set.refused.v1',
  'A change of a layer reaches none of the bots of a fleet that it was to move: no new version of theirs was taken.',
  z.object({
    changeSetId,
    name: z.string(),
    fleetId: z.uuid(),
    fleetName: z.string(),
    environment: Environment,
    strategy: Strategy,
    planHash: Hash,
    ...refusedOf,
    author: Actor,
    reason: z.string(),
    message: z.string(),
  }),
);
export const PlanRecorded = defineEvent(
  'rollout.plan.recorded.v1',
  'A part of a plan: at most 250 bots.',
  z.object({ changeSetId, chunk: z.int().min(0), bots: z.array(PlannedBot).max(250) }),
);
export const PlanEntered = defineEvent(
  'rollout.plan.entered.v1',
  'A plan that is judged is entered in the list of its fleet, by which plans of the same moment see each other.',
  z.object({ changeSetId, fleetId: z.uuid() }),
);
export const ChangeSetStarted = defineEvent(
  'rollout.change-set.started.v1',
  'A plan is being carried out.',
  z.object({ changeSetId }),
);
export const WaveStarted = defineEvent(
  'rollout.wave.started.v1',
  'The bots of a wave are released next.',
  z.object({ changeSetId, wave: z.int().min(0), bots: z.int().min(0), at: time.optional() }),
);
export const BotReleased = defineEvent(
  'rollout.bot.released.v1',
  'A bot is to run this now. Carries the whole resolved manifest, so nobody has to ask back.',
  z.object({
    changeSetId,
    wave: z.int().min(0),
    direction: z.enum(['forward', 'rollback']),
    botId: z.uuid(),
    botName: EntityName,
    fleetId: z.uuid(),
    fleetName: z.string(),
    fleetStatus: FleetStatus,
    environment: Environment,
    version: z.int().min(1),
    generation: z.int().min(1),
    hash: Hash,
    resolved: ResolvedManifest,
  }),
);
export const BotSettled = defineEvent(
  'rollout.bot.settled.v1',
  'A released bot reached its generation, or will not.',
  z.object({
    changeSetId,
    botId: z.uuid(),
    direction: z.enum(['forward', 'rollback']),
    generation: z.int().min(1),
    result: BotResult,
    message: z.string(),
    /** The change set that took this bot over before it got there. */
    supersededBy: z.uuid().optional(),
  }),
);
export const ChangeSetFinished = defineEvent(
  'rollout.change-set.finished.v1',
  'A change set ended by itself.',
  z.object({
    changeSetId,
    status: z.enum(['SUCCEEDED', 'FAILED']),
    /** Ended early: so many bots were never reached, and stay as they are. */
    untouched: z.int().min(1).optional(),
    updated: z.int().min(0),
    failed: z.int().min(0),
    message: z.string(),
  }),
);
export const ChangeSetAborted = defineEvent(
  'rollout.change-set.aborted.v1',
  'No further bot of this change set is started.',
  z.object({ changeSetId, reason: z.string() }),
);
export const ChangeSetSuperseded = defineEvent(
  'rollout.change-set.superseded.v1',
  'A newer version of its bot took the place of this change set.',
  z.object({ changeSetId, byChangeSetId: z.uuid() }),
);
export const RollbackStarted = defineEvent(
  'rollout.change-set.rollback-started.v1',
  'Each bot that this change set moved goes back to its own previous version.',
  /** What made it go back by itself; absent where somebody asked for it. */
  z.object({ changeSetId, reason: z.string(), bots: z.int().min(0), cause: PauseCause.optional() }),
);
export const BotRollbackRequested = defineEvent(
  'rollout.bot.rollback-requested.v1',
  'Config is to publish the content of an older version of this bot again.',
  z.object({
    changeSetId,
    botId: z.uuid(),
    toVersion: z.int().min(1),
    fromVersion: z.int().min(1),
    reason: z.string(),
  }),
);
export const ChangeSetRolledBack = defineEvent(
  'rollout.change-set.rolled-back.v1',
  'Every bot that could go back has done so.',
  z.object({
    changeSetId,
    restored: z.int().min(0),
    failed: z.int().min(0),
    skipped: z.int().min(0),
    message: z.string(),
  }),
);

export const PlanRelease = defineCommand(
  'rollout.release.plan.v1',
  "Plans and starts the change set of a published version. Rollout's own reaction; not for callers.",
  z.strictObject({
    changeSetId,
    fleetId: z.uuid(),
    fleetName: z.string(),
    fleetStatus: FleetStatus,
    environment: Environment,
    strategy: Strategy,
    author: Actor,
    reason: z.string(),
    bot: PlannedBot,
    resolved: ResolvedManifest,
    judgedAt: time.optional(),
    /** Why it does not start yet: the bot is held, or on its way in another change set. */
    waits: z.string().optional(),
  }),
);
export const PlanLayers = defineCommand(
  'rollout.layers.plan.v1',
  "Plans the change set of a changed layer, once each of its bots is published or refused. Rollout's own job; not for callers.",
  z.strictObject({ changeSetId }),
);
export const CreateChangeSet = defineCommand(
  'rollout.change-set.create.v1',
  'Plans a change set that releases the newest published version of the chosen bots.',
  z.strictObject({
    changeSetId,
    name: z.string().min(1).max(200),
    targets: z.union([
      z.strictObject({ fleetId: z.uuid() }),
      z.strictObject({ botInstanceIds: z.array(z.uuid()).min(1).max(10_000) }),
    ]),
    strategy: Strategy.default({ kind: 'ALL' }),
    /** What is done where a bot is in another change set that is not over. */
    onConflict: z.enum(['REFUSE', 'SUPERSEDE']).optional(),
    /** Only its bots that failed, in the same order of waves. */
    retryOf: z.uuid().optional(),
    /** Sum of the newest published versions of the targets, as whoever asks knows them: no older ones are planned. */
    publishedVersions: z.int().min(0).optional(),
    reason: z.string().max(500).default(''),
  }),
);
const onChangeSet = z.strictObject({ changeSetId, reason: z.string().max(500).default('') });
export const StartChangeSet = defineCommand('rollout.change-set.start.v1', 'Starts a planned change set.', onChangeSet);
export const AbortChangeSet = defineCommand(
  'rollout.change-set.abort.v1',
  'Starts no further bot; idempotent.',
  onChangeSet,
);
export const RollBackChangeSet = defineCommand(
  'rollout.change-set.roll-back.v1',
  'Takes each bot back to its own previous version.',
  onChangeSet,
);
export const SettleBot = defineCommand(
  'rollout.bot.settle.v1',
  "Notes how a released bot ended. Rollout's own reaction; not for callers.",
  z.strictObject({
    changeSetId,
    botId: z.uuid(),
    generation: z.int().min(1),
    result: BotResult,
    message: z.string(),
    supersededBy: z.uuid().optional(),
    /** Policy denies the release, which says nothing of a bot that was released meanwhile. */
    isDenied: z.literal(true).optional(),
  }),
);
const ofChangeSet = z.strictObject({ changeSetId, botId: z.uuid() });
export const ReleaseBot = defineCommand(
  'rollout.bot.release.v1',
  "Releases one bot of a running change set. Rollout's own job; not for callers.",
  ofChangeSet,
);
export const RollBackBot = defineCommand(
  'rollout.bot.roll-back.v1',
  "Sends one bot of a change set back to its own previous version. Rollout's own job; not for callers.",
  ofChangeSet,
);
export const FinishChangeSet = defineCommand(
  'rollout.change-set.finish.v1',
  "Ends a change set whose bots have all settled. Rollout's own job; not for callers.",
  z.strictObject({ changeSetId }),
);
export const ReleaseRollback = defineCommand(
  'rollout.bot.release-rollback.v1',
  "Releases a bot's restored version, or notes that it was refused. Rollout's own reaction; not for callers.",
  z.strictObject({
    changeSetId,
    botId: z.uuid(),
    restored: z
      .strictObject({
        botName: EntityName,
        fleetId: z.uuid(),
        fleetName: z.string(),
        fleetStatus: FleetStatus,
        environment: Environment,
        after: VersionReference,
        resolved: ResolvedManifest,
      })
      .nullable(),
    message: z.string(),
  }),
);

export const ChangeSetsView = defineReadModel(
  'rollout',
  'change_sets',
  'Change sets with their progress.',
  z.object({
    workspace: WorkspaceSlug,
    id: changeSetId,
    name: z.string(),
    status: ChangeSetStatus,
    origin: z.string(),
    fleet_id: z.uuid(),
    fleet_name: z.string(),
    strategy: Strategy,
    plan_hash: Hash,
    total: z.int(),
    updated: z.int(),
    failed: z.int(),
    skipped: z.int(),
    current_wave: z.int().nullable(),
    waves: z.int(),
    refused: z.int(),
    refused_bots: z.array(RefusedBot),
    notes: z.array(z.string()),
    reason: z.string(),
    message: z.string(),
    author: Actor,
    version: z.int(),
    created_at: time,
    started_at: time.nullable(),
    finished_at: time.nullable(),
  }),
);
export const ChangeSetBotsView = defineReadModel(
  'rollout',
  'change_set_bots',
  'The bots of each plan, with how each went.',
  z.object({
    workspace: WorkspaceSlug,
    change_set_id: changeSetId,
    bot_id: z.uuid(),
    bot_name: z.string(),
    wave: z.int(),
    state: z.enum(['PLANNED', 'RELEASED', 'CONVERGED', 'FAILED', 'SKIPPED', 'RESTORED']),
    before: VersionReference.nullable(),
    after: VersionReference,
    message: z.string(),
    updated_at: time,
  }),
);
