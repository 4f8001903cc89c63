// What no bot accounts for → `orphans`.
import type { Recorded } from '@molthub/contracts';
import type { Projection, Reads } from '@molthub/event-store';
import { z } from 'zod';
import { type OrphanFact, orphanEvents } from './decider.ts';

export const orphansProjection: Projection = {
  name: 'orphans',
  revision: 1,
  tables: `
    create table orphans (
      bot_id uuid primary key, workspace text not null, target text not null, node text, pid int, detail text not null,
      since timestamptz not null
    );`,
  views: { orphans: 'select workspace, bot_id, target, node, pid, detail, since from orphans' },
  types: new Set(orphanEvents.map((event) => event.type)),
  apply: async (events, sql) => {
    for (const { type, data, workspace, time } of events.filter(isOwn)) {
      if (type === 'reconciler.orphan.detected.v1') {
        await sql(
          `insert into orphans (bot_id, workspace, target, node, pid, detail, since) values ($1, $2, $3, $4, $5, $6, $7)
           on conflict (bot_id) do update set node = excluded.node, pid = excluded.pid, detail = excluded.detail`,
          [data.botId, workspace, data.target, data.node, data.pid, data.detail, time],
        );
      } else await sql('delete from orphans where bot_id = $1', [data.botId]);
    }
  },
};

const ownTypes = new Set<string>(orphanEvents.map((event) => event.type));
const isOwn = (event: Recorded): event is Recorded<OrphanFact> => ownTypes.has(event.type);

const Row = z.object({
  bot_id: z.uuid(),
  workspace: z.string(),
  target: z.string(),
  node: z.string().nullable(),
});
export type ToldOrphan = z.infer<typeof Row>;

export const readOrphans = async (reads: Reads): Promise<readonly ToldOrphan[]> =>
  (await reads('select bot_id, workspace, target, node from orphans')).map((row) => Row.parse(row));
