// config owns workspaces, fleets, the bots' existence and their manifest versions.
import { z } from 'zod';
import {
  AppliedLayers,
  EntityName,
  Environment,
  Hash,
  Labels,
  Manifest,
  PackId,
  ResolvedManifest,
  TargetKind,
} from './manifest.ts';
import { Actor, defineCommand, defineEvent, defineReadModel, Problem, WorkspaceSlug } from './message.ts';
import { Strategy } from './strategy.ts';

export const FleetStatus = z.enum(['ACTIVE', 'PAUSED', 'DRAINING', 'ERROR']);
export type FleetStatus = z.infer<typeof FleetStatus>;

/** How a newly published version reaches the fleet's bots. */
export const Release = z.strictObject({
  mode: z.enum(['auto', 'manual']),
  strategy: Strategy,
});
export type Release = z.infer<typeof Release>;

const Description = z.string().max(1_000);
const Tags = Labels.refine((tags) => Object.keys(tags).length <= 50, 'at most 50 tags');
/** Policy packs that judge every bot of a fleet as if they were enforced and applied by themselves, whatever they target. */
const EnforcedPacks = z.array(PackId).max(20);
const version = z.int().min(1);
const time = z.iso.datetime();

// Workspaces
export const WorkspaceCreated = defineEvent(
  'config.workspace.created.v1',
  'A workspace exists; its slug never changes.',
  z.object({ workspaceId: z.uuid(), slug: WorkspaceSlug, name: z.string() }),
);
export const WorkspaceRenamed = defineEvent(
  'config.workspace.renamed.v1',
  'A workspace has another display name.',
  z.object({ workspaceId: z.uuid(), name: z.string() }),
);
export const CreateWorkspace = defineCommand(
  'config.workspace.create.v1',
  'Creates a workspace.',
  z.strictObject({ workspaceId: z.uuid(), slug: WorkspaceSlug, name: z.string().min(1).max(100) }),
);
export const RenameWorkspace = defineCommand(
  'config.workspace.rename.v1',
  'Gives a workspace another display name.',
  z.strictObject({ workspaceId: z.uuid(), name: z.string().min(1).max(100), expectedVersion: version.optional() }),
);

// Fleets
export const FleetCreated = defineEvent(
  'config.fleet.created.v1',
  'A fleet exists.',
  z.object({
    fleetId: z.uuid(),
    name: EntityName,
    description: z.string(),
    environment: Environment,
    tags: z.record(z.string(), z.string()),
    release: Release,
    enforcedPolicyPackIds: z.array(z.string()).optional(),
  }),
);
export const FleetUpdated = defineEvent(
  'config.fleet.updated.v1',
  'Fields of a fleet changed; absent fields did not.',
  z.object({
    fleetId: z.uuid(),
    name: EntityName.optional(),
    description: z.string().optional(),
    tags: z.record(z.string(), z.string()).optional(),
    release: Release.optional(),
    enforcedPolicyPackIds: z.array(z.string()).optional(),
  }),
);
export const FleetStatusChanged = defineEvent(
  'config.fleet.status-changed.v1',
  'A fleet is in another status, which changes what it accepts and whether its bots are healed.',
  z.object({ fleetId: z.uuid(), from: FleetStatus, to: FleetStatus, reason: z.string() }),
);
export const FleetDeleted = defineEvent(
  'config.fleet.deleted.v1',
  'An empty fleet is gone.',
  z.object({ fleetId: z.uuid() }),
);
export const CreateFleet = defineCommand(
  'config.fleet.create.v1',
  'Creates a fleet.',
  z.strictObject({
    fleetId: z.uuid(),
    name: EntityName,
    environment: Environment,
    description: Description.default(''),
    tags: Tags.default({}),
    release: Release.optional(),
    enforcedPolicyPackIds: EnforcedPacks.optional(),
  }),
);
export const UpdateFleet = defineCommand(
  'config.fleet.update.v1',
  'Changes fields of a fleet.',
  z.strictObject({
    fleetId: z.uuid(),
    name: EntityName.optional(),
    description: Description.optional(),
    tags: Tags.optional(),
    release: Release.optional(),
    enforcedPolicyPackIds: EnforcedPacks.optional(),
    expectedVersion: version.optional(),
  }),
);
export const ChangeFleetStatus = defineCommand(
  'config.fleet.change-status.v1',
  'Moves a fleet to another status.',
  z.strictObject({
    fleetId: z.uuid(),
    status: FleetStatus.exclude(['ERROR']),
    reason: z.string().max(500).default(''),
    expectedVersion: version.optional(),
  }),
);
export const DeleteFleet = defineCommand(
  'config.fleet.delete.v1',
  'Deletes a fleet that has no bots and is not in prod.',
  z.strictObject({ fleetId: z.uuid(), expectedVersion: version.optional() }),
);

// Bots and their manifests: one stream `bot-<id>`
export const ManifestOrigin = z.enum(['create', 'update', 'rollback', 'accept-drift', 'layers']);

/** What a version has to do with layers. Absent in events of before there were any. */
const ofLayers = {
  layers: AppliedLayers.optional(),
  /** What the manifest resolved to by its layers, where `resolved` is an earlier version's; null where it does not. */
  layeredHash: Hash.nullable().optional(),
  /** The change set in which a changed layer brings this version to its bot, together with others. */
  layersChangeSetId: z.uuid().optional(),
};

export const ManifestProposed = defineEvent(
  'config.manifest.proposed.v1',
  'Someone wants a bot to run this manifest; policy judges it next.',
  z.object({
    proposalId: z.uuid(),
    botId: z.uuid(),
    fleetId: z.uuid(),
    fleetName: z.string(),
    environment: Environment,
    origin: ManifestOrigin,
    version,
    manifest: Manifest,
    resolved: ResolvedManifest,
    hash: Hash,
    reason: z.string(),
    /** The change set that asks for this version as a part of its own rollback. */
    forChangeSetId: z.uuid().nullable(),
    ...ofLayers,
    /** The fleet's at this moment; absent where it has none. */
    enforcedPolicyPackIds: z.array(z.string()).optional(),
    author: Actor,
  }),
);
export const VerdictAsked = defineEvent(
  'config.verdict.asked.v1',
  'Policy has not judged a proposal for long, and is asked again. Its answer, if there was one, did not arrive.',
  z.object({
    proposalId: z.uuid(),
    botId: z.uuid(),
    fleetId: z.uuid(),
    environment: Environment,
    origin: ManifestOrigin,
    resolved: ResolvedManifest,
    enforcedPolicyPackIds: z.array(z.string()).optional(),
    /** Which time policy is asked; the first was the proposal. */
    asked: z.int().min(2),
  }),
);
export const ManifestRefused = defineEvent(
  'config.manifest.refused.v1',
  'A proposed manifest was not taken; the bot keeps what it had.',
  z.object({
    proposalId: z.uuid(),
    botId: z.uuid(),
    forChangeSetId: z.uuid().nullable(),
    layersChangeSetId: ofLayers.layersChangeSetId,
    code: z.string(),
    message: z.string(),
    errors: z.array(Problem),
  }),
);
export const BotCreated = defineEvent(
  'config.bot.created.v1',
  'A bot exists in a fleet.',
  z.object({
    botId: z.uuid(),
    fleetId: z.uuid(),
    fleetName: z.string(),
    name: EntityName,
    environment: Environment,
    engine: z.string(),
    target: TargetKind,
  }),
);
export const ManifestPublished = defineEvent(
  'config.manifest.published.v1',
  'A manifest version passed policy and is what the bot is to run, as soon as a change set releases it.',
  z.object({
    proposalId: z.uuid(),
    botId: z.uuid(),
    botName: EntityName,
    fleetId: z.uuid(),
    fleetName: z.string(),
    fleetStatus: FleetStatus,
    environment: Environment,
    origin: ManifestOrigin,
    version,
    hash: Hash,
    /** Rises only when the hash changes. */
    generation: z.int().min(1),
    previous: z.object({ version, hash: Hash, generation: z.int().min(1) }).nullable(),
    manifest: Manifest,
    resolved: ResolvedManifest,
    release: Release,
    /**
     * Known before it exists: `derivedId(proposalId, 'change-set')`, or that of the changed layer. Null where nothing is
     * released by itself.
     */
    changeSetId: z.uuid().nullable(),
    forChangeSetId: z.uuid().nullable(),
    ...ofLayers,
    /** When policy judged it, if that verdict also lets it be released; absent where policy is to be asked again. */
    judgedAt: time.optional(),
    reason: z.string(),
    author: Actor,
  }),
);
export const BotRetired = defineEvent(
  'config.bot.retired.v1',
  'A bot is to be destroyed and will not come back.',
  z.object({ botId: z.uuid(), fleetId: z.uuid(), name: EntityName }),
);
export const CreateBot = defineCommand(
  'config.bot.create.v1',
  'Proposes a new bot with its first manifest.',
  z.strictObject({ botId: z.uuid(), fleetId: z.uuid(), manifest: Manifest }),
);
export const ProposeManifest = defineCommand(
  'config.manifest.propose.v1',
  'Proposes a new manifest version of a bot.',
  z.strictObject({
    botId: z.uuid(),
    manifest: Manifest,
    reason: z.string().max(500).default(''),
    expectedVersion: version.optional(),
    /** `accept-drift`: it says what the bot was found to run. Default `update`: somebody wrote it. */
    origin: ManifestOrigin.extract(['update', 'accept-drift']).optional(),
  }),
);
export const RollBackManifest = defineCommand(
  'config.manifest.roll-back.v1',
  'Proposes a new version with the content of an old one: the one before the current, unless told which.',
  z.strictObject({
    botId: z.uuid(),
    toVersion: version.optional(),
    /** Only while this is still the bot's current version. */
    fromVersion: version.optional(),
    reason: z.string().max(500).default(''),
    forChangeSetId: z.uuid().optional(),
    expectedVersion: version.optional(),
  }),
);
export const AskAgain = defineCommand(
  'config.verdict.ask-again.v1',
  "Asks policy again about a proposal that it has not judged for long. Config's own job; not for callers.",
  z.strictObject({ botId: z.uuid(), proposalId: z.uuid(), asked: z.int().min(2) }),
);
export const ConcludeManifest = defineCommand(
  'config.manifest.conclude.v1',
  "Takes policy's verdict on a proposed manifest. Config's own reaction; not for callers.",
  z.strictObject({
    botId: z.uuid(),
    proposalId: z.uuid(),
    valid: z.boolean(),
    errors: z.array(Problem),
    judgedAt: time.optional(),
  }),
);
export const RetireBot = defineCommand(
  'config.bot.retire.v1',
  'Deletes a bot: its process and state are destroyed.',
  z.strictObject({ botId: z.uuid(), expectedVersion: version.optional() }),
);
export const ValidateManifest = defineCommand(
  'config.manifest.validate.v1',
  'Checks a manifest as a proposal would be checked, of the bot that is named or of none, and records nothing.',
  z.strictObject({ manifest: z.json(), environment: Environment.optional(), botId: z.uuid().optional() }),
);

const scoped = { workspace: WorkspaceSlug };
export const WorkspacesView = defineReadModel(
  'config',
  'workspaces',
  'Every workspace.',
  z.object({ ...scoped, id: z.uuid(), name: z.string(), version, created_at: time, updated_at: time }),
);
export const FleetsView = defineReadModel(
  'config',
  'fleets',
  'Fleets that exist.',
  z.object({
    ...scoped,
    id: z.uuid(),
    name: z.string(),
    description: z.string(),
    environment: Environment,
    status: FleetStatus,
    tags: z.record(z.string(), z.string()),
    release: Release,
    enforced_policy_pack_ids: z.array(z.string()),
    version,
    created_at: time,
    updated_at: time,
  }),
);
export const BotsView = defineReadModel(
  'config',
  'bots',
  'Bots that exist, with what they are to run.',
  z.object({
    ...scoped,
    id: z.uuid(),
    fleet_id: z.uuid(),
    fleet_name: z.string(),
    name: z.string(),
    environment: Environment,
    engine: z.string(),
    engine_version: z.string().nullable(),
    target: z.string(),
    labels: z.record(z.string(), z.string()),
    manifest_version: version,
    generation: z.int(),
    desired_hash: Hash,
    version,
    created_at: time,
    updated_at: time,
  }),
);
export const ManifestsView = defineReadModel(
  'config',
  'manifests',
  'Every published manifest version of every bot.',
  z.object({
    ...scoped,
    bot_id: z.uuid(),
    version,
    generation: z.int(),
    hash: Hash,
    manifest: Manifest,
    resolved: ResolvedManifest,
    origin: ManifestOrigin,
    reason: z.string(),
    author: Actor,
    change_set_id: z.uuid().nullable(),
    created_at: time,
  }),
);
