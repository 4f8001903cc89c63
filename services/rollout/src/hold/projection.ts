// Bots that stay at what they run.
import { HoldLifted, HoldPlaced } from '@molthub/contracts';
import { projection, when } from '@molthub/event-store';

export const holds = projection({
  name: 'holds',
  revision: 1,
  tables: `
    create table holds (
      workspace text not null, bot_id uuid not null, kind text not null, change_set_id uuid, reason text not null,
      placed_by jsonb not null, placed_at timestamptz not null, primary key (bot_id, kind)
    );
  `,
  views: {
    holds: `select h.workspace, h.bot_id, b.name as bot_name, b.fleet_id, h.kind, h.change_set_id, h.reason, h.placed_by,
      h.placed_at from holds h join bots b on b.id = h.bot_id where not b.retired`,
  },
  handlers: [
    when(HoldPlaced, ({ workspace, data, time }, sql) =>
      sql(
        `insert into holds values ($1, $2, $3, $4, $5, $6, $7)
         on conflict (bot_id, kind) do update set change_set_id = excluded.change_set_id, reason = excluded.reason,
           placed_by = excluded.placed_by, placed_at = excluded.placed_at`,
        [workspace, data.botId, data.kind, data.changeSetId, data.reason, JSON.stringify(data.placedBy), time],
      ),
    ),
    when(HoldLifted, ({ data }, sql) =>
      sql('delete from holds where bot_id = $1 and kind = $2', [data.botId, data.kind]),
    ),
  ],
});
