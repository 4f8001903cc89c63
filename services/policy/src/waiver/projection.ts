// Waivers as a table, those that ended too. That names of the others are unique in a workspace is a constraint here.
import { WaiverCreated, WaiverDeleted, WaiverExpired } from '@molthub/contracts';
import { Rejected } from '@molthub/decider';
import { projection, when } from '@molthub/event-store';

const columns = `workspace, id, name, pack_id, rule_id, bot_id, fleet_id, selector, owner, reason, expires_at, status,
  created_by, created_at, ended_at, version`;

export const waiversProjection = projection({
  name: 'waivers',
  revision: 1,
  tables: `
    create table waivers (
      workspace text not null, id uuid primary key, name text not null, pack_id text not null, rule_id text not null,
      bot_id uuid, fleet_id uuid, selector jsonb, owner text not null, reason text not null,
      expires_at timestamptz not null, status text not null, created_by text not null, created_at timestamptz not null,
      ended_at timestamptz, version int not null
    );
    create unique index waivers_name_unique on waivers (workspace, name) where status = 'ACTIVE';
  `,
  views: { waivers: `select ${columns} from waivers` },
  rejects: {
    waivers_name_unique: () =>
      new Rejected(
        'policy.waiver-name-taken',
        'A waiver of this name has not ended; choose another, or delete that one.',
      ),
  },
  handlers: [
    when(WaiverCreated, async ({ workspace, data, actor, time, version }, sql) => {
      const { scope, replaces } = data;
      // What ends it comes later in the same commit; its name is free from here on.
      const freed =
        replaces !== undefined &&
        sql("update waivers set status = 'DELETED', ended_at = $2 where id = $1", [replaces, time]);
      const made = sql(
        `insert into waivers (${columns}) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 'ACTIVE', $12, $13, null, $14)`,
        [
          workspace,
          data.waiverId,
          data.name,
          data.packId,
          data.ruleId,
          'botInstanceId' in scope ? scope.botInstanceId : null,
          'fleetId' in scope ? scope.fleetId : null,
          'selector' in scope ? JSON.stringify(scope.selector) : null,
          data.owner,
          data.reason,
          data.expiresAt,
          actor.name,
          time,
          version,
        ],
      );
      await Promise.all([freed, made]);
    }),
    ...[
      { event: WaiverDeleted, status: 'DELETED' },
      { event: WaiverExpired, status: 'EXPIRED' },
    ].map(({ event, status }) =>
      when(event, ({ data, time, version }, sql) =>
        sql('update waivers set status = $2, ended_at = $3, version = $4 where id = $1', [
          data.waiverId,
          status,
          time,
          version,
        ]),
      ),
    ),
  ],
});
