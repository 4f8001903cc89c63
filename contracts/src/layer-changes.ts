// What a change of a template, a profile or an overlay does to bots: told, and brought to them. config owns it.
import { z } from 'zod';
import { Release } from './config.ts';
import { EntityName, Environment, Hash, LayerReference } from './manifest.ts';
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
    change_set_ids: z.array(z.uuid()),
    changed_at: z.iso.datetime(),
  }),
);
