// Layers: what many bots have in common, below what each bot's own manifest says. config owns them.
import { z } from 'zod';
import { Engine, EntityName, Environment, Labels } from './manifest.ts';
import { defineCommand, defineEvent, defineReadModel, openList, WorkspaceSlug } from './message.ts';

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

// Templates
export const TemplateId = z
  .string()
  .regex(
    /^(?:builtin-[a-z0-9-]{1,50}|[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})$/,
    'the id of a template',
  );
export const TemplateCategory = z
  .enum(['minimal', 'slack', 'discord', 'telegram', 'webhook', 'communication', 'operations', 'development', 'custom'])
  .meta(openList);

const fieldValue = z.union([z.string().max(4_096), z.number(), z.boolean()]);
/** What whoever builds a bot fills in. A `secret` is the name of one in spec.secrets, never the secret itself. */
export const ConfigurableField = z.strictObject({
  path: LayerPath,
  label: z.string().min(1).max(100),
  description: z.string().max(500).default(''),
  type: z.enum(['string', 'number', 'boolean', 'select', 'secret']),
  required: z.boolean().default(false),
  default: fieldValue.optional(),
  options: z
    .array(z.strictObject({ value: fieldValue, label: z.string().min(1).max(100) }))
    .min(1)
    .max(50)
    .optional(),
});
export type ConfigurableField = z.infer<typeof ConfigurableField>;
/** A secret that every bot of the template declares in spec.secrets. */
export const RequiredSecret = z.strictObject({
  name: z
    .string()
    .regex(/^[A-Z_][A-Z0-9_]*$/)
    .max(128),
  description: z.string().max(500).default(''),
});

const template = {
  /** What manifests call it; it never changes. */
  name: EntityName,
  description,
  category: TemplateCategory,
  /** The engine of the bots that it is for; null for any. */
  engine: Engine.nullable(),
  configurableFields: z.array(ConfigurableField).max(50),
  requiredSecrets: z.array(RequiredSecret).max(50),
  manifest: LayerPatch,
};
export const Template = z.object(template);
export type Template = z.infer<typeof Template>;

export const TemplateCreated = defineEvent(
  'config.template.created.v1',
  'A workspace has a template that bots can be built from.',
  Template.extend({ templateId: z.uuid() }),
);
export const TemplateUpdated = defineEvent(
  'config.template.updated.v1',
  'A template is different from now on; the event has all of it.',
  Template.extend({ templateId: z.uuid() }),
);
export const TemplateDeleted = defineEvent(
  'config.template.deleted.v1',
  'A template that no bot was built from is gone.',
  z.object({ templateId: z.uuid(), name: EntityName }),
);
export const CreateTemplate = defineCommand(
  'config.template.create.v1',
  'Creates a template.',
  z.strictObject({
    templateId: z.uuid(),
    ...template,
    description: description.default(''),
    category: TemplateCategory.default('custom'),
    engine: Engine.nullable().default(null),
    configurableFields: template.configurableFields.default([]),
    requiredSecrets: template.requiredSecrets.default([]),
  }),
);
export const UpdateTemplate = defineCommand(
  'config.template.update.v1',
  'Changes fields of a template; each field that is given is given whole.',
  z.strictObject({
    templateId: TemplateId,
    ...Template.omit({ name: true }).partial().shape,
    expectedVersion: version.optional(),
  }),
);
export const DeleteTemplate = defineCommand(
  'config.template.delete.v1',
  'Deletes a template that no bot is built from.',
  z.strictObject({ templateId: TemplateId, expectedVersion: version.optional() }),
);

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

const scoped = { workspace: WorkspaceSlug };
export const TemplatesView = defineReadModel(
  'config',
  'templates',
  'Every template; those that come with Molthub have no workspace, and are everybody’s.',
  z.object({
    workspace: WorkspaceSlug.nullable(),
    id: TemplateId,
    name: z.string(),
    description: z.string(),
    category: TemplateCategory,
    engine: z.string().nullable(),
    configurable_fields: z.array(ConfigurableField),
    required_secrets: z.array(RequiredSecret),
    manifest: LayerPatch,
    is_builtin: z.boolean(),
    version,
    created_at: time.nullable(),
    updated_at: time.nullable(),
  }),
);
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
