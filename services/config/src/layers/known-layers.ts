// The layers of a workspace, out of config's own tables; kept in memory while they are at the same version.
import { Actor, Overlay, OverlayMoment, Profile, Template } from '@molthub/contracts';
import type { Reads } from '@molthub/event-store';
import { z } from 'zod';
import { builtinTemplates } from '../template/builtin-templates.ts';

const made = { id: z.string(), version: z.int(), author: Actor };
const KnownTemplate = z.object({ kind: z.literal('template'), ...made, content: Template });
const KnownProfile = z.object({ kind: z.literal('profile'), ...made, content: Profile });
const KnownOverlay = z.object({
  kind: z.literal('overlay'),
  ...made,
  content: Overlay.extend(OverlayMoment.omit({ at: true }).shape),
});

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
const kept = new Map<string, Layers>();

/** The layers of a workspace. `key` is what `layersKeyOf` read, null where there are none. */
export const layersAt = async (workspace: string, key: string | null, reads: Reads): Promise<Layers> => {
  if (key === null) return noLayers;
  const known = kept.get(`${workspace}/${key}`);
  if (known) return known;
  // One statement, so that version and content are of the same moment.
  const rows = await reads<{ key: string; version: number; layers: unknown }>(
    `select s.version || '/' || s.changed_at::text as key, s.version,
       (select coalesce(jsonb_agg(jsonb_build_object('kind', l.kind, 'id', l.id, 'version', l.version,
          'author', l.author, 'content', l.content) order by l.kind, l.id), '[]')
        from layers l where l.workspace = s.workspace) as layers
     from layer_sets s where s.workspace = $1`,
    [workspace],
  );
  const [row] = rows;
  if (!row) return noLayers;
  const found: Layers = { version: row.version, all: [...builtinLayers, ...z.array(KnownLayer).parse(row.layers)] };
  if (kept.size >= workspacesKept) kept.clear();
  kept.set(`${workspace}/${row.key}`, found);
  return found;
};

/** The layers of a workspace as they are now. */
export const layersOf = async (workspace: string, reads: Reads): Promise<Layers> => {
  const [row] = await reads<{ key: string | null }>(`select ${layersKeyOf('$1')} as key`, [workspace]);
  return layersAt(workspace, row?.key ?? null, reads);
};
