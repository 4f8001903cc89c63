// What a change of a template, a profile or an overlay does to bots: told, and brought to them. config owns it.
import { z } from 'zod';
import { Release } from './config.ts';
import { TemplateId } from './layers.ts';
import { EntityName, Environment, Hash, Labels, LayerKind, LayerReference, TemplateUse } from './manifest.ts';
import { Actor, defineCommand, defineEvent, defineReadModel, openList, WorkspaceSlug } from './message.ts';

const version = z.int().min(1);

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
const refusal = { code: z.string(), message: z.string() };
export const LayersRefused = defineEvent(
  'config.layers.refused.v1',
  'Which bots a change of a layer moves cannot be told, so it moves none. Its next change starts from what the bots have.',
  z.object({ layersVersion: version, layer: LayerReference, ...refusal }),
);
export const EvaluateLayers = defineCommand(
  'config.layers.evaluate.v1',
  "Finds the bots that a change of a layer moves. Config's own job; not for callers.",
  z.strictObject({ changeId: z.uuid() }),
);
export const RefuseLayers = defineCommand(
  'config.layers.refuse.v1',
  "Ends a change of a layer whose bots could not be told, with the reason. Config's own job; not for callers.",
  z.strictObject({ changeId: z.uuid(), ...refusal }),
);
export const ResolveAgain = defineCommand(
  'config.manifest.resolve-again.v1',
  "Proposes what a bot's manifest resolves to now, since a layer changed. Config's own job; not for callers.",
  z.strictObject({
    botId: z.uuid(),
    changeSetId: z.uuid(),
    reason: z.string(),
    /** A timer or a share changed the layer, and nobody asked: bots that were rolled back stay as they are. */
    isAutomatic: z.boolean().optional(),
  }),
);

export const ExplainManifest = defineCommand(
  'config.manifest.explain.v1',
  'Answers where each value of what a bot is to run is from, at and below a path; records nothing.',
  z.strictObject({ botId: z.uuid(), version: version.optional(), path: z.string().min(1).max(300).optional() }),
);
/** Where a value is from: a layer, the bot's own manifest, or secure defaults, which have no id and name of their own. */
export const ExplainedLeaf = z.object({
  path: z.string(),
  value: z.json(),
  layer: z.union([LayerKind, z.enum(['instance', 'secure-defaults'])]),
  layerId: z.string().nullable(),
  layerName: z.string().nullable(),
  /** Of the layer; of the manifest where it is the bot's own. */
  version,
  author: Actor,
});
export const Explanation = z.object({
  version,
  generation: version,
  hash: Hash,
  changeSetId: z.uuid().nullable(),
  leaves: z.array(ExplainedLeaf),
});

export const ListOverlayTargets = defineCommand(
  'config.overlay.list-targets.v1',
  'Answers which bots an overlay is for, and which run something else by it; records nothing.',
  z.strictObject({ overlayId: z.uuid() }),
);
export const OverlayTargets = z.object({
  overlayId: z.uuid(),
  /** Whether it is enabled, and on by its schedule. */
  isActive: z.boolean(),
  counts: z.object({ targeted: z.int(), chosen: z.int(), reached: z.int(), changed: z.int() }),
  items: z.array(
    z.object({
      botInstanceId: z.uuid(),
      name: z.string(),
      fleetId: z.uuid(),
      fleetName: z.string(),
      environment: Environment,
      /** In its share, or among those that it names. */
      isChosen: z.boolean(),
      /** Chosen, and the overlay is on now. */
      isReached: z.boolean(),
      /** Whether what it runs is other with the overlay on than without it. */
      isChanged: z.boolean(),
    }),
  ),
  isComplete: z.boolean(),
});

export const PreviewTemplate = defineCommand(
  'config.template.preview.v1',
  'Answers what a bot of a template would run in a fleet, with what is wrong with it; records nothing.',
  z.strictObject({
    templateId: TemplateId,
    values: TemplateUse.shape.values,
    fleetId: z.uuid().optional(),
    environment: Environment.default('dev'),
    /** Such as 2026.9.6. */
    engineVersion: z.string().max(64).optional(),
    labels: Labels.default({}),
  }),
);

export const LayerChangesView = defineReadModel(
  'config',
  'layer_changes',
  'Every change of a layer, in the order of the workspace, with the change sets that bring it to bots.',
  z.object({
    workspace: WorkspaceSlug,
    layers_version: version,
    kind: z.string(),
    layer_id: z.string(),
    name: z.string(),
    layer_version: version,
    change: z.string(),
    author: Actor,
    /** Null until it is known which bots it moves. */
    bots: z.int().nullable(),
    /** Why it is not known, and will not be: then the change moves no bot. */
    refused: z.object(refusal).nullable(),
    change_set_ids: z.array(z.uuid()),
    changed_at: z.iso.datetime(),
  }),
);
