// The layers of a workspace, out of config's own tables; kept in memory while they are at the same version.
import { Actor, type Overlay, type OverlayMoment, type Profile, type Template } from '@molthub/contracts';
import type { Reads } from '@molthub/event-store';
import { z } from 'zod';
import { builtinTemplates } from '../template/builtin-templates.ts';

type Moments = Omit<z.infer<typeof OverlayMoment>, 'at'>;

// Checked when it was taken; checking all layers again at each change of one would hold up everybody.
const taken = <T>() => z.custom<T>((value) => typeof value === 'object' && value !== null);
const made = { id: z.string(), version: z.int(), author: Actor };
const KnownTemplate = z.object({ kind: z.literal('template'), ...made, content: taken<Template>() });
const KnownProfile = z.object({ kind: z.literal('profile'), ...made, content: taken<Profile>() });
const KnownOverlay = z.object({ kind: z.literal('overlay'), ...made, content: taken<Overlay & Moments>() });

/** A layer as it is now, with who made it so. */
export const KnownLayer = z.discriminatedUnion('kind', [KnownTemplate, KnownProfile, KnownOverlay]);
export type KnownLayer = Readonly<z.infer<typeof KnownLayer>>;
export type KnownTemplate = z.infer<typeof KnownTemplate>;
export type KnownProfile = z.infer<typeof KnownProfile>;
export type KnownOverlay = z.infer<typeof KnownOverlay>;

/**
 * All layers of a workspace at one version of its stream of layers, 0 where it never had one; and the templates that come
 * with Molthub.
 */
export type Layers = { readonly version: number; readonly all: readonly KnownLayer[] };

const molthub: Actor = { kind: 'service', id: 'molthub', name: 'Molthub' };
export const builtinLayers: readonly KnownLayer[] = builtinTemplates.map(({ id, version, content }) => ({
  kind: 'template',
  id,
  version,
  author: molthub,
  content,
}));

export const noLayers: Layers = { version: 0, all: builtinLayers };

/** The SQL of what names a workspace's layers exactly: read along with something else, it costs no round trip. */
export const layersKeyOf = (workspaceColumn: string): string =>
  `(select s.version || '/' || s.changed_at::text from layer_sets s where s.workspace = ${workspaceColumn})`;

const workspacesKept = 200;
/** The newest layers of each workspace that were read. */
const kept = new Map<string, { readonly key: string; readonly layers: Layers }>();

/** Layers of versions that are known come without the rest. */
const Read = z.array(z.union([KnownLayer, z.object({ id: z.string(), version: z.int() })]));

/** The layers of a workspace. `key` is what `layersKeyOf` read, null where there are none. */
export const layersAt = async (workspace: string, key: string | null, reads: Reads): Promise<Layers> => {
  if (key === null) return noLayers;
  const held = kept.get(workspace);
  if (held?.key === key) return held.layers;
  const known = new Map(held?.layers.all.map((layer) => [`${layer.id}/${layer.version}`, layer]));
  // One statement, so that version and content are of the same moment.
  const rows = await reads<{ key: string; version: number; layers: unknown }>(
    `select s.version || '/' || s.changed_at::text as key, s.version,
       (select coalesce(jsonb_agg(case when l.id || '/' || l.version = any($2)
          then jsonb_build_object('id', l.id, 'version', l.version)
          else jsonb_build_object('kind', l.kind, 'id', l.id, 'version', l.version, 'author', l.author,
            'content', l.content) end order by l.kind, l.id), '[]')
        from layers l where l.workspace = s.workspace) as layers
     from layer_sets s where s.workspace = $1`,
    [workspace, [...known.keys()]],
  );
  const [row] = rows;
  if (!row) return noLayers;
  const own = Read.parse(row.layers).map((layer) =>
    'kind' in layer ? layer : known.get(`${layer.id}/${layer.version}`),
  );
  const layers: Layers = {
    version: row.version,
    all: [...builtinLayers, ...own.filter((layer) => layer !== undefined)],
  };
  if (kept.size >= workspacesKept) kept.clear();
  kept.set(workspace, { key: row.key, layers });
  return layers;
};

/** The layers of a workspace as they are now. */
export const layersOf = async (workspace: string, reads: Reads): Promise<Layers> => {
  const [row] = await reads<{ key: string | null }>(`select ${layersKeyOf('$1')} as key`, [workspace]);
  return layersAt(workspace, row?.key ?? null, reads);
};
