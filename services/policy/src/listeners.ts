// What each bot is to run now, so that a pack can be tried on all of them before it is switched on, and which fleets
// there are.
import {
  BotRetired,
  type EventDefinition,
  type FactOf,
  FleetCreated,
  FleetDeleted,
  FleetUpdated,
  ManifestPublished,
  ManifestRefused,
  type Recorded,
} from '@molthub/contracts';
import type { Migration, Sql } from '@molthub/event-store';
import type { Listener } from '@molthub/service';

export const migrations: readonly Migration[] = [
  {
    name: '0001_published',
    sql: `
      create table published (
        workspace text not null, bot_id uuid primary key, name text not null, fleet_id uuid not null,
        environment text not null, version int not null, resolved jsonb not null
      );
      create index on published (workspace, bot_id);
    `,
  },
  {
    name: '0002_fleets',
    sql: `
      create table fleets (workspace text not null, fleet_id uuid primary key, name text not null);
      create index on fleets (workspace, name);
    `,
  },
  {
    name: '0003_sweep',
    sql: `
      create table to_sweep (bot_id uuid primary key, asked timestamptz not null default clock_timestamp());
      create table sweep_marks (workspace text primary key, mark text not null);
      insert into sweep_marks (workspace, mark) select distinct workspace, '' from published;
    `,
  },
  {
    name: '0004_enforced_by_fleets',
    sql: "alter table fleets add column enforced jsonb not null default '[]'",
  },
  {
    name: '0005_sweep_by_workspace',
    sql: `
      alter table to_sweep add column workspace text not null default '';
      update to_sweep t set workspace = p.workspace from published p where p.bot_id = t.bot_id;
      create index on to_sweep (workspace, asked, bot_id);
    `,
  },
];

const only = <E extends EventDefinition>(events: readonly Recorded[], definition: E): readonly Recorded<FactOf<E>>[] =>
  events.filter((event): event is Recorded<FactOf<E>> => event.type === definition.type);

export const listeners: readonly Listener[] = [
  {
    name: 'published',
    sources: ['config'],
    types: [ManifestPublished.type, ManifestRefused.type, BotRetired.type],
    sendsAtOnce: true,
    apply: async (events, sql) => {
      const rows = only(events, ManifestPublished).map(({ workspace, data }) => ({
        workspace,
        bot_id: data.botId,
        name: data.botName,
        fleet_id: data.fleetId,
        environment: data.environment,
        version: data.version,
        resolved: data.resolved,
      }));
      // Only the last of each bot: one statement may not write a row twice.
      const newest = [...new Map(rows.map((row) => [row.bot_id, row])).values()];
      const retired = only(events, BotRetired).map(({ data }) => data.botId);
      // A verdict's findings took the place of the bot's own, also where its version was refused after it.
      const toJudge = [...only(events, ManifestPublished), ...only(events, ManifestRefused)];
      await Promise.all([
        ...(newest.length > 0 ? publish(newest, sql) : []),
        askFor(
          toJudge.map(({ workspace, data }) => ({ workspace, bot_id: data.botId })),
          sql,
        ),
        retired.length > 0 && sql('delete from published where bot_id = any($1::uuid[])', [retired]),
      ]);
    },
  },
  {
    name: 'fleets',
    sources: ['config'],
    types: [FleetCreated.type, FleetUpdated.type, FleetDeleted.type],
    apply: async (events, sql) => {
      for (const event of events) await applyFleet(event, sql);
    },
  },
];

type Published = { readonly workspace: string; readonly bot_id: string } & Readonly<Record<string, unknown>>;

const publish = (newest: readonly Published[], sql: Sql): readonly Promise<unknown>[] => [
  sql(
    `insert into published (workspace, bot_id, name, fleet_id, environment, version, resolved)
     select workspace, bot_id, name, fleet_id, environment, version, resolved from jsonb_to_recordset($1) as p
       (workspace text, bot_id uuid, name text, fleet_id uuid, environment text, version int, resolved jsonb)
     on conflict (bot_id) do update set name = excluded.name, fleet_id = excluded.fleet_id,
       environment = excluded.environment, version = excluded.version, resolved = excluded.resolved
     where published.version < excluded.version`,
    [JSON.stringify(newest)],
  ),
  sql(`insert into sweep_marks (workspace, mark) select distinct unnest($1::text[]), '' on conflict do nothing`, [
    newest.map(({ workspace }) => workspace),
  ]),
];

/** These bots are to be judged anew. */
const askFor = async (bots: readonly Pick<Published, 'workspace' | 'bot_id'>[], sql: Sql): Promise<void> => {
  if (bots.length === 0) return;
  await sql(
    `insert into to_sweep (workspace, bot_id)
     select distinct workspace, bot_id from jsonb_to_recordset($1) as b (workspace text, bot_id uuid)
     on conflict (bot_id) do update set asked = clock_timestamp()`,
    [JSON.stringify(bots)],
  );
};

/** Fleets are few and change seldom, so each change is a statement. */
const applyFleet = async (event: Recorded, sql: Sql): Promise<void> => {
  for (const { workspace, data } of only([event], FleetCreated)) {
    await sql(
      `insert into fleets (workspace, fleet_id, name, enforced) values ($1, $2, $3, $4)
       on conflict (fleet_id) do update set name = excluded.name, enforced = excluded.enforced`,
      [workspace, data.fleetId, data.name, JSON.stringify(data.enforcedPolicyPackIds ?? [])],
    );
  }
  for (const { data } of only([event], FleetUpdated)) {
    await sql('update fleets set name = coalesce($2, name), enforced = coalesce($3, enforced) where fleet_id = $1', [
      data.fleetId,
      data.name ?? null,
      data.enforcedPolicyPackIds ? JSON.stringify(data.enforcedPolicyPackIds) : null,
    ]);
  }
  for (const { data } of only([event], FleetDeleted))
    await sql('delete from fleets where fleet_id = $1', [data.fleetId]);
};
