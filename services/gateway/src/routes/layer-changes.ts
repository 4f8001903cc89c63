// What came of each change of a layer: how many bots it moves, and by which change sets.
import { Actor, TemplateId } from '@molthub/contracts';
import { z } from 'zod';
import { listing } from '../listing.ts';
import { oneRow } from '../read-side.ts';
import { Id, list, type Route } from '../route.ts';
import { time } from './shapes.ts';

const LayerChange = z.object({
  layersVersion: z.int().describe('Of all layers of the workspace; each change is one more.'),
  version: z.int().describe('Of the layer, once it was changed.'),
  change: z.string(),
  author: Actor,
  bots: z.int().nullable().describe('How many bots it moves; null until they are found.'),
  refused: z
    .object({ code: z.string(), message: z.string() })
    .nullable()
    .describe('Why it is not known which bots it moves, and will not be: then it moves none.'),
  changeSetIds: z.array(z.uuid()).describe('One for each fleet; each exists once all its bots are judged.'),
  changedAt: time,
});

const VersionText = z.string().regex(/^[1-9]\d{0,8}$/, 'the number of a version');

const kinds = [
  ['template', 'template:read', z.strictObject({ id: TemplateId })],
  ['profile', 'profile:read', Id],
  ['overlay', 'overlay:read', Id],
] as const;

export const layerChangeRoutes: readonly Route[] = kinds.map(([kind, permission, params]) =>
  list({
    path: `/${kind}s/:id/changes`,
    permission,
    reach: 'workspace',
    summary: `Lists the changes of one ${kind}, newest first, each with the change sets that bring it to bots.`,
    params,
    item: LayerChange,
    fixed: ({ id }) => ({ layerId: id }),
    requires: async (call, { id }) => {
      // One that was deleted still has its changes.
      const rows = await call.world.views(
        `select 1 from config_read.${kind}s l where (l.workspace = $1 or l.workspace is null) and l.id::text = $2 union all
         select 1 from config_read.layer_changes c where c.workspace = $1 and c.kind = $3 and c.layer_id::text = $2 limit 1`,
        [call.workspace, id, kind],
      );
      oneRow(rows, kind);
    },
    listing: listing({
      name: `${kind}-changes`,
      columns: `c.layers_version as "layersVersion", c.layer_version as version, c.change, c.author, c.bots, c.refused,
        c.change_set_ids as "changeSetIds", c.changed_at as "changedAt"`,
      from: 'config_read.layer_changes c',
      workspace: 'c.workspace',
      key: { column: 'c.layers_version', type: 'bigint' },
      sorts: { layersVersion: { column: 'c.layers_version', type: 'bigint' } },
      defaultSort: '-layersVersion',
      filters: { version: { where: 'c.layer_version = ?::int', value: VersionText } },
      fixed: { layerId: `c.kind = '${kind}' and c.layer_id = ?` },
    }),
  }),
);
