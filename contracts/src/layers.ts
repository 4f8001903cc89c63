// Layers: what many bots have in common, below what each bot's own manifest says. config owns them.
import { z } from 'zod';
import { Release } from './config.ts';
import { EntityName, Environment, Hash, LayerReference } from './manifest.ts';
import { Actor, defineCommand, defineEvent, defineReadModel, openList, WorkspaceSlug } from './message.ts';

/** A place in a manifest, such as `spec.config.logging.level`. */
export const LayerPath = z.string().min(1).max(300);
/** Changes to a manifest: objects are merged key by key, `null` takes a value away. */
export const LayerPatch = z.record(z.string(), z.json());
export type LayerPatch = z.infer<typeof LayerPatch>;

/** How a list of a layer meets the list below it. `merge` adds what is not there yet. */
export const MergeStrategy = z.enum(['override', 'merge', 'prepend', 'append']);
export type MergeStrategy = z.infer<typeof MergeStrategy>;

const version = z.int().min(1);
const time = z.iso.datetime();
const description = z.string().max(1_000);
/** Layers are applied from the lowest to the highest, so that the highest has the last word. */
const priority = z.int().min(0).max(1_000);

// Profiles
const profile = {
  name: EntityName,
  description,
  /** Empty means every fleet. */
  fleetIds: z.array(z.uuid()).max(200),
  priority,
  defaults: LayerPatch,
  strategies: z.record(LayerPath, MergeStrategy).refine((all) => Object.keys(all).length <= 100, 'at most 100 paths'),
  /** What no profile of a higher priority, no overlay and no bot may say otherwise; nor anything above or below it. */
  lockedFields: z.array(LayerPath).max(100),
  /** Whether a bot's own manifest may say otherwise than `defaults`. */
  allowInstanceOverrides: z.boolean(),
  isActive: z.boolean(),
};
export const Profile = z.object(profile);
export type Profile = z.infer<typeof Profile>;

export const ProfileCreated = defineEvent(
  'config.profile.created.v1',
  'A workspace has a profile: what the bots of its fleets have in common.',
  Profile.extend({ profileId: z.uuid() }),
);
export const ProfileUpdated = defineEvent(
  'config.profile.updated.v1',
  'A profile is different from now on; the event has all of it.',
  Profile.extend({ profileId: z.uuid() }),
);
export const ProfileDeleted = defineEvent(
  'config.profile.deleted.v1',
  'A profile is gone; the bots that it reached go on without it.',
  z.object({ profileId: z.uuid(), name: EntityName }),
);
export const CreateProfile = defineCommand(
  'config.profile.create.v1',
  'Creates a profile.',
  z.strictObject({
    profileId: z.uuid(),
    ...profile,
    description: description.default(''),
    fleetIds: profile.fleetIds.default([]),
    priority: priority.default(100),
    strategies: profile.strategies.default({}),
    lockedFields: profile.lockedFields.default([]),
    allowInstanceOverrides: z.boolean().default(true),
    isActive: z.boolean().default(true),
  }),
);
export const UpdateProfile = defineCommand(
  'config.profile.update.v1',
  'Changes fields of a profile; each field that is given is given whole.',
  z.strictObject({ profileId: z.uuid(), ...Profile.partial().shape, expectedVersion: version.optional() }),
);
export const DeleteProfile = defineCommand(
  'config.profile.delete.v1',
  'Deletes a profile; its bots go on without it.',
  z.strictObject({ profileId: z.uuid(), expectedVersion: version.optional() }),
);

// What a change of a layer does
export const LayerChange = z.enum(['created', 'updated', 'deleted']).meta(openList);

export const LayersChanged = defineEvent(
  'config.layers.changed.v1',
  'A layer of the workspace changed. The events of this stream are the order in which its layers changed.',
  z.object({ layer: LayerReference, change: LayerChange }),
);
export const ResolutionChanged = defineEvent(
  'config.resolution.changed.v1',
  'Bots of a fleet resolve to something else, because a layer changed: at most 250 of them in one event. Each is ' +
    'proposed anew, and one change set brings them what policy passes.',
  z.object({
    /** Of all bots of this fleet that the change moves. */
    changeSetId: z.uuid(),
    layer: LayerReference,
    change: LayerChange,
    layersVersion: version,
    fleetId: z.uuid(),
    fleetName: z.string(),
    environment: Environment,
    release: Release,
    author: Actor,
    reason: z.string(),
    /** From 0; of `chunks`. */
    chunk: z.int().min(0),
    chunks: z.int().min(1),
    /** `after` is null where nothing comes of it: the bot is refused then, with the reason. */
    bots: z
      .array(z.object({ botId: z.uuid(), botName: EntityName, before: Hash.nullable(), after: Hash.nullable() }))
      .max(250),
  }),
);
export const LayersEvaluated = defineEvent(
  'config.layers.evaluated.v1',
  'Which bots a change of a layer moves is known, and said.',
  z.object({ layersVersion: version, layer: LayerReference, bots: z.int().min(0), changeSetIds: z.array(z.uuid()) }),
);
export const EvaluateLayers = defineCommand(
  'config.layers.evaluate.v1',
  "Finds the bots that a change of a layer moves. Config's own job; not for callers.",
  z.strictObject({ changeId: z.uuid() }),
);
export const ResolveAgain = defineCommand(
  'config.manifest.resolve-again.v1',
  "Proposes what a bot's manifest resolves to now, since a layer changed. Config's own job; not for callers.",
  z.strictObject({ botId: z.uuid(), changeSetId: z.uuid(), reason: z.string() }),
);

const scoped = { workspace: WorkspaceSlug };
export const ProfilesView = defineReadModel(
  'config',
  'profiles',
  'Profiles that exist.',
  z.object({
    ...scoped,
    id: z.uuid(),
    name: z.string(),
    description: z.string(),
    fleet_ids: z.array(z.uuid()),
    priority: z.int(),
    defaults: LayerPatch,
    strategies: z.record(z.string(), MergeStrategy),
    locked_fields: z.array(z.string()),
    allow_instance_overrides: z.boolean(),
    is_active: z.boolean(),
    version,
    created_at: time,
    updated_at: time,
  }),
);
export const LayerChangesView = defineReadModel(
  'config',
  'layer_changes',
  'Every change of a layer, in the order of the workspace, with the change sets that bring it to bots.',
  z.object({
    ...scoped,
    layers_version: version,
    kind: z.string(),
    layer_id: z.string(),
    name: z.string(),
    layer_version: version,
    change: z.string(),
    author: Actor,
    /** Null until it is known which bots it moves. */
    bots: z.int().nullable(),
    change_set_ids: z.array(z.uuid()),
    changed_at: time,
  }),
);
