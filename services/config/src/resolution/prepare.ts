// Which bots resolve to something else since a layer changed, found bot by bot without holding up anybody.
import {
  type CommandOf,
  Environment,
  type EvaluateLayers,
  LayerChange,
  LayerReference,
  type RefuseLayers,
  Release,
} from '@molthub/contracts';
import type { Reads } from '@molthub/event-store';
import { derivedId } from '@molthub/identity';
import type { Prepared } from '@molthub/service';
import { z } from 'zod';
import { KnownLayer, type Layers, layersOf } from '../layers/known-layers.ts';
import { layeredHash, reaches } from '../layers/layered.ts';
import { botsOf, type ReachedBot } from '../layers/reached-bots.ts';
import type { Evaluation, ResolutionCommand } from './decider.ts';

const Changed = z.object({ layersVersion: z.int(), layer: LayerReference, change: LayerChange });
const Fleet = z.object({ fleetId: z.uuid(), fleetName: z.string(), environment: Environment, release: Release });

export const prepareResolution = async (
  command: CommandOf<typeof EvaluateLayers> | CommandOf<typeof RefuseLayers>,
  reads: Reads,
): Promise<Prepared<ResolutionCommand>> => {
  const { changeId } = command.data;
  const rows = await reads(
    `select layers_version as "layersVersion", change, json_build_object('kind', kind, 'id', layer_id, 'name', name,
       'version', layer_version) as layer
     from layer_changes where id = $1 and workspace = $2`,
    [changeId, command.workspace],
  );
  const change = Changed.parse(rows[0]);
  return command.type === 'config.layers.refuse.v1'
    ? { command: { ...command, change } }
    : { command: await evaluation(command, change, reads) };
};

/**
 * The bots that are to run something else by the layers of now than by those before the change. What several changes in a
 * row do to a bot is found at the first of them.
 */
const evaluation = async (
  command: CommandOf<typeof EvaluateLayers>,
  change: z.infer<typeof Changed>,
  reads: Reads,
): Promise<Evaluation> => {
  const { workspace } = command;
  const { changeId } = command.data;
  const layers = await layersOf(workspace, reads);
  const then = await layerBefore(change.layer, reads);
  const now = layers.all.find(({ id }) => id === change.layer.id);
  const moved = new Map<string, { readonly fleet: z.infer<typeof Fleet>; readonly bots: Moved[] }>();
  for await (const bot of botsOf(workspace, reads)) {
    const isConcerned = [then, now].some((layer) => layer && reaches(layer, bot, bot.manifest));
    if (!isConcerned) continue;
    const after = layeredHash(bot.manifest, bot, layers);
    if (after === bot.layeredHash || isOnlyRenamed(bot, layers)) continue;
    const { fleetId, fleetName, environment, release } = bot;
    const known = moved.get(fleetId) ?? { fleet: { fleetId, fleetName, environment, release }, bots: [] };
    known.bots.push({ botId: bot.botId, botName: bot.botName, before: bot.layeredHash, after });
    moved.set(fleetId, known);
  }
  const reason = `${change.layer.kind} ${change.layer.name} ${change.change}`;
  const fleets = [...moved.values()].map(({ fleet, bots }) => ({
    ...fleet,
    bots,
    changeSetId: derivedId(changeId, fleet.fleetId),
  }));
  return { ...command, change: { ...change, reason }, fleets };
};

/** The name of a fleet is in the hash of what its bots are to run, and another name alone moves none of them. */
const isOnlyRenamed = (bot: ReachedBot, layers: Layers): boolean =>
  bot.resolvedFleetName !== bot.fleetName &&
  layeredHash(bot.manifest, { ...bot, fleetName: bot.resolvedFleetName }, layers) === bot.layeredHash;

/** The layer as it was before a change; null where the change made it. What neither reached nor reaches a bot moves none. */
const layerBefore = async (layer: LayerReference, reads: Reads): Promise<KnownLayer | null> => {
  const rows = await reads(
    'select kind, id, version, author, content from layer_versions where id = $1 and version = $2',
    [layer.id, layer.version - 1],
  );
  return rows[0] ? KnownLayer.parse(rows[0]) : null;
};

type Moved = Evaluation['fleets'][number]['bots'][number];
