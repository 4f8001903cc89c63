// Where each value of what a bot is to run is from: resolved again by the very versions of the layers it was made of.
import {
  Actor,
  type AppliedLayers,
  Environment,
  Hash,
  type LayerKind,
  Manifest,
  ResolvedManifest,
} from '@molthub/contracts';
import { Rejected } from '@molthub/decider';
import type { Reads } from '@molthub/event-store';
import { leavesOf, type LayerRef, placeIn, type Provenance, withDefaults } from '@molthub/layers';
import { canonicalHash, parsePath, type PathStep, resolve } from '@molthub/manifest';
import { z } from 'zod';
import { builtinTemplates } from '../template/builtin-templates.ts';
import { builtinLayers, KnownLayer } from './known-layers.ts';
import { layeredBy } from './layered.ts';

type Asked = { readonly botId: string; readonly version?: number | undefined; readonly path?: string | undefined };

/** A value with the layer that it is from. `id` is null for what is no layer of its own. */
export type ExplainedLeaf = {
  readonly path: string;
  readonly value: unknown;
  readonly layer: z.infer<typeof LayerKind> | 'instance' | 'secure-defaults';
  readonly layerId: string | null;
  readonly layerName: string | null;
  readonly version: number;
  readonly author: Actor;
};
export type Explanation = {
  readonly version: number;
  readonly generation: number;
  readonly hash: string;
  readonly changeSetId: string | null;
  readonly leaves: readonly ExplainedLeaf[];
};

const Row = z.object({
  version: z.int(),
  generation: z.int(),
  hash: Hash,
  manifest: Manifest,
  resolved: ResolvedManifest,
  changeSetId: z.uuid().nullable(),
  fleetId: z.uuid(),
  said: z.object({ version: z.int(), author: Actor }),
  applied: z.array(z.object({ kind: z.string(), id: z.string(), version: z.int() })),
});

const molthub: Actor = { kind: 'service', id: 'molthub', name: 'Molthub' };

/**
 * Throws `Rejected` where there is no such version or nothing at the path, and where it cannot be told any more how it was
 * made.
 */
export const explain = async (
  { botId, version, path }: Asked,
  workspace: string,
  reads: Reads,
): Promise<Explanation> => {
  const steps = path === undefined ? undefined : stepsOf(path);
  // Who said what the manifest says: a version that a layer brought repeats the manifest of one before it.
  const rows = await reads(
    `select m.version, m.generation, m.hash, m.manifest, m.resolved, m.change_set_id as "changeSetId",
       b.fleet_id as "fleetId", coalesce(l.layers->'applied', '[]') as applied,
       (select json_build_object('version', o.version, 'author', o.author) from manifests o
        where o.bot_id = m.bot_id and o.version <= m.version and o.origin <> 'layers'
        order by o.version desc limit 1) as said
     from manifests m join bots b on b.id = m.bot_id
     left join manifest_layers l on l.bot_id = m.bot_id and l.version = m.version
     where m.workspace = $1 and m.bot_id = $2 and m.version = coalesce($3::int, b.manifest_version)`,
    [workspace, botId, version ?? null],
  );
  const [found] = z.array(Row).parse(rows);
  if (!found) throw new Rejected('config.manifest-version-not-found', 'There is no such version of this bot.');
  const layers = await layersThen(found.applied, reads);
  const leaves = leavesThen(botId, found, layers, steps);
  if (path !== undefined && leaves.length === 0) {
    const message = `Version ${found.version} of this bot has nothing at ${path}; ask without a path for all that it has.`;
    throw new Rejected('config.path-not-found', message, [{ path, code: 'config.path-not-found', message }]);
  }
  const { generation, hash, changeSetId } = found;
  return { version: found.version, generation, hash, changeSetId, leaves };
};

const stepsOf = (path: string): readonly PathStep[] => {
  const steps = parsePath(path);
  if (steps && steps.every(({ kind }) => kind !== 'every')) return steps;
  const message = `${path} is not one path; ask for one such as spec.config.logging.level.`;
  throw new Rejected('config.path-invalid', message, [{ path, code: 'config.path-invalid', message }]);
};

/** At a path, or below it. */
const isAt = (leaf: string, path: string): boolean =>
  leaf === path || (leaf.startsWith(path) && (leaf[path.length] === '.' || leaf[path.length] === '['));

const leavesThen = (
  botId: string,
  { manifest, resolved, hash, version, fleetId, said }: z.infer<typeof Row>,
  layers: readonly KnownLayer[],
  steps: readonly PathStep[] | undefined,
): readonly ExplainedLeaf[] => {
  const { workspace = '', fleet: fleetName = '', environment = 'dev' } = resolved.metadata;
  const place = { workspace, fleetName, environment: Environment.parse(environment) };
  const bot = { ...place, botId, fleetId, manifestVersion: said.version };
  const made = layeredBy(manifest, bot, layers);
  const again = made.sound ? resolve(made.manifest, place) : null;
  if (!made.sound || again === null || canonicalHash(again) !== hash) {
    const message = `How version ${version} was made cannot be told any more: this Molthub would make something else of it.`;
    throw new Rejected('config.explanation-lost', message);
  }
  const defaults: LayerRef = {
    kind: 'secure-defaults',
    id: '',
    name: '',
    version,
    changeSetId: null,
    actor: molthub,
  };
  const provenance = withDefaults(made.manifest, made.provenance, again, defaults);
  return leavesAt(again, provenance, steps).map(({ path, value, layer }) => {
    const isOwn = layer.kind === 'instance' || layer.kind === 'secure-defaults';
    return {
      path,
      value,
      layer: layer.kind,
      layerId: isOwn ? null : layer.id,
      layerName: isOwn ? null : layer.name,
      version: layer.version,
      author: layer.kind === 'instance' ? said.author : layer.actor,
    };
  });
};

/** What stands at a path and below it: of a list that is one value, all of it for each of its items. */
const leavesAt = (
  value: unknown,
  provenance: Provenance,
  steps: readonly PathStep[] | undefined,
): ReturnType<typeof leavesOf> => {
  const all = leavesOf(value, provenance);
  if (steps === undefined) return all;
  const place = placeIn({ value, origin: provenance.origin }, steps);
  if (place.value === undefined) return [];
  const own = all.filter((leaf) => isAt(leaf.path, place.path));
  return own.length > 0 ? own : all.filter((leaf) => isAt(place.path, leaf.path));
};

type Applied = Pick<AppliedLayers['applied'][number], 'id' | 'version'>;

/** The layers as they were at these versions. */
const layersThen = async (applied: readonly Applied[], reads: Reads): Promise<readonly KnownLayer[]> => {
  const own = applied.filter(({ id }) => !builtinTemplates.some((builtin) => builtin.id === id));
  const rows =
    own.length === 0
      ? []
      : await reads(
          `select v.kind, v.id, v.version, v.author, v.content
           from jsonb_to_recordset($1) as a (id uuid, version int)
           join layer_versions v on v.id = a.id and v.version = a.version`,
          [JSON.stringify(own)],
        );
  return [
    ...builtinLayers.filter(({ id }) => applied.some((one) => one.id === id)),
    ...z.array(KnownLayer).parse(rows),
  ];
};
