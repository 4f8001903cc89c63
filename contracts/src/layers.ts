// Layers: what many bots have in common, below what each bot's own manifest says. config owns them.
import { z } from 'zod';
import { Release } from './config.ts';
import { EntityName, Environment, Hash, Labels, LayerReference } from './manifest.ts';
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

// Overlays
/** Which bots an overlay is for, by one of four; labels are those of a bot's own manifest, all of them. */
export const OverlayTarget = z.union([
  z.strictObject({ instanceIds: z.array(z.uuid()).min(1).max(1_000) }),
  z.strictObject({ fleetId: z.uuid() }),
  z.strictObject({ environment: Environment }),
  z.strictObject({ tags: Labels.refine((tags) => Object.keys(tags).length > 0, 'at least one tag') }),
]);
export type OverlayTarget = z.infer<typeof OverlayTarget>;

/** Only some of them: a share by the rank of a hash, or those that are named. */
export const OverlayRollout = z.union([
  z.strictObject({ percentage: z.number().min(0).max(100).multipleOf(0.01) }),
  z.strictObject({ canary: z.array(z.uuid()).min(1).max(1_000) }),
]);

const localTime = z.string().max(40);
/** Local times of the zone, such as 2026-12-24T18:00: the first moment in, and the first moment out. */
export const OverlaySchedule = z.strictObject({
  start: localTime.optional(),
  end: localTime.optional(),
  timeZone: z.string().min(1).max(64),
});

const overlay = {
  name: EntityName,
  description,
  target: OverlayTarget,
  priority,
  patch: LayerPatch,
  /** Null means always. */
  schedule: OverlaySchedule.nullable(),
  /** Null means all that it is for. */
  rollout: OverlayRollout.nullable(),
  enabled: z.boolean(),
};
export const Overlay = z.object(overlay);
export type Overlay = z.infer<typeof Overlay>;

/** Bots of a share; what names more of them does not fit into an event. */
export const cohortMax = 10_000;
/** What an overlay does at the moment: whether its schedule has it on, and which bots are in its share; null without one. */
export const OverlayMoment = z.object({
  /** When that was found. */
  at: time,
  active: z.boolean(),
  cohort: z.array(z.uuid()).max(cohortMax).nullable(),
});
export type OverlayMoment = z.infer<typeof OverlayMoment>;

export const OverlayCreated = defineEvent(
  'config.overlay.created.v1',
  'A workspace has an overlay: what bots are to run otherwise, some of them, or for some time.',
  Overlay.extend({ overlayId: z.uuid(), ...OverlayMoment.shape }),
);
export const OverlayUpdated = defineEvent(
  'config.overlay.updated.v1',
  'An overlay is different from now on; the event has all of it.',
  Overlay.extend({ overlayId: z.uuid(), ...OverlayMoment.shape }),
);
export const OverlayDeleted = defineEvent(
  'config.overlay.deleted.v1',
  'An overlay is gone; the bots that it reached go on without it.',
  z.object({ overlayId: z.uuid(), name: EntityName }),
);
export const OverlayActivated = defineEvent(
  'config.overlay.activated.v1',
  'The window of an overlay began.',
  z.object({ overlayId: z.uuid(), name: EntityName, at: time }),
);
export const OverlayDeactivated = defineEvent(
  'config.overlay.deactivated.v1',
  'The window of an overlay ended.',
  z.object({ overlayId: z.uuid(), name: EntityName, at: time }),
);
export const OverlayCohortChanged = defineEvent(
  'config.overlay.cohort-changed.v1',
  'Bots came or went, and the share of an overlay is of others since.',
  z.object({ overlayId: z.uuid(), name: EntityName, cohort: z.array(z.uuid()).max(cohortMax) }),
);
export const CreateOverlay = defineCommand(
  'config.overlay.create.v1',
  'Creates an overlay.',
  z.strictObject({
    overlayId: z.uuid(),
    ...overlay,
    description: description.default(''),
    priority: priority.default(100),
    schedule: overlay.schedule.default(null),
    rollout: overlay.rollout.default(null),
    enabled: z.boolean().default(true),
  }),
);
export const UpdateOverlay = defineCommand(
  'config.overlay.update.v1',
  'Changes fields of an overlay; each field that is given is given whole.',
  z.strictObject({ overlayId: z.uuid(), ...Overlay.partial().shape, expectedVersion: version.optional() }),
);
export const DeleteOverlay = defineCommand(
  'config.overlay.delete.v1',
  'Deletes an overlay; its bots go on without it.',
  z.strictObject({ overlayId: z.uuid(), expectedVersion: version.optional() }),
);
export const PassOverlayEdge = defineCommand(
  'config.overlay.pass-edge.v1',
  "An edge of an overlay's schedule is reached. Config's own timer; not for callers.",
  z.strictObject({ overlayId: z.uuid(), at: time }),
);
export const ChooseCohort = defineCommand(
  'config.overlay.choose-cohort.v1',
  "Finds the share of an overlay anew, since bots came or went. Config's own job; not for callers.",
  z.strictObject({ overlayId: z.uuid() }),
);

// What a change of a layer does
export const LayerChange = z
  .enum(['created', 'updated', 'deleted', 'activated', 'deactivated', 'cohort-changed'])
  .meta(openList);

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
export const OverlaysView = defineReadModel(
  'config',
  'overlays',
  'Overlays that exist, with what they do at the moment.',
  z.object({
    ...scoped,
    id: z.uuid(),
    name: z.string(),
    description: z.string(),
    target: OverlayTarget,
    priority: z.int(),
    patch: LayerPatch,
    schedule: OverlaySchedule.nullable(),
    rollout: OverlayRollout.nullable(),
    enabled: z.boolean(),
    is_active: z.boolean(),
    cohort: z.array(z.uuid()).nullable(),
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
