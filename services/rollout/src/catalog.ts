// What rollout knows of the others' things: fleets, published versions, and what each bot last converged to.
import {
  BotConverged,
  BotRetired,
  type FactOf,
  FleetCreated,
  FleetDeleted,
  FleetStatusChanged,
  FleetUpdated,
  ManifestPublished,
  ManifestRefused,
  type Recorded,
} from '@molthub/contracts';
import { unreachable } from '@molthub/decider';
import type { Migration, Sql } from '@molthub/event-store';
import type { Listener } from '@molthub/service';
import { evidenceListeners, evidenceMigration } from './course/evidence.ts';
import {
  applyGathering,
  gatheringLimitMigration,
  gatheringMigration,
  gatheringTypes,
  isGathering,
  only,
} from './gathering.ts';

export const migrations: readonly Migration[] = [
  {
    name: '0001_catalog',
    sql: `
      create table fleets (
        workspace text not null, id uuid primary key, name text not null, environment text not null,
        status text not null default 'ACTIVE'
      );
      create table published (
        workspace text not null, bot_id uuid not null, version int not null, generation int not null,
        hash text not null, resolved jsonb not null, primary key (bot_id, version)
      );
      create table bots (
        workspace text not null, id uuid primary key, fleet_id uuid not null, name text not null,
        newest_version int not null, retired boolean not null default false
      );
      create index on bots (fleet_id) where not retired;
      create table converged (
        workspace text not null, bot_id uuid primary key, version int not null, generation int not null,
        hash text not null
      );
    `,
  },
  gatheringMigration,
  gatheringLimitMigration,
  {
    name: '0004_rollbacks',
    sql: 'alter table published add column is_rollback boolean not null default false',
  },
  evidenceMigration,
];

type Sent = readonly (Promise<unknown> | false)[];

/** Only the last event of each key: one statement may not write a row twice. */
const lastOf = <T>(rows: readonly T[], key: (row: T) => string): readonly T[] => [
  ...new Map(rows.map((row) => [key(row), row])).values(),
];

const applyPublished = (events: readonly Recorded<FactOf<typeof ManifestPublished>>[], sql: Sql): Sent => {
  if (events.length === 0) return [];
  const rows = events.map(({ workspace, data }) => ({
    workspace,
    bot_id: data.botId,
    bot_name: data.botName,
    fleet_id: data.fleetId,
    fleet_name: data.fleetName,
    fleet_status: data.fleetStatus,
    environment: data.environment,
    version: data.version,
    generation: data.generation,
    hash: data.hash,
    resolved: data.resolved,
    is_rollback: data.origin === 'rollback',
  }));
  const versions = sql(
    `insert into published (workspace, bot_id, version, generation, hash, resolved, is_rollback)
     select workspace, bot_id, version, generation, hash, resolved, is_rollback from jsonb_to_recordset($1) as p
       (workspace text, bot_id uuid, version int, generation int, hash text, resolved jsonb, is_rollback boolean)
     on conflict do nothing`,
    [JSON.stringify(lastOf(rows, (row) => `${row.bot_id}/${row.version}`))],
  );
  const bots = sql(
    `insert into bots (workspace, id, fleet_id, name, newest_version)
     select workspace, bot_id, fleet_id, bot_name, version from jsonb_to_recordset($1) as p
       (workspace text, bot_id uuid, fleet_id uuid, bot_name text, version int)
     on conflict (id) do update
       set fleet_id = excluded.fleet_id, name = excluded.name, newest_version = excluded.newest_version
       where bots.newest_version < excluded.newest_version`,
    [JSON.stringify(lastOf(rows, (row) => row.bot_id))],
  );
  return [versions, bots];
};

const applyFleet = ({ workspace, type, data }: Recorded<FleetFact>, sql: Sql) => {
  switch (type) {
    case 'config.fleet.created.v1':
      return sql(
        `insert into fleets (workspace, id, name, environment) values ($1, $2, $3, $4) on conflict do nothing`,
        [workspace, data.fleetId, data.name, data.environment],
      );
    case 'config.fleet.updated.v1':
      return data.name !== undefined && sql('update fleets set name = $2 where id = $1', [data.fleetId, data.name]);
    case 'config.fleet.status-changed.v1':
      return sql('update fleets set status = $2 where id = $1', [data.fleetId, data.to]);
    case 'config.fleet.deleted.v1':
      return sql('delete from fleets where id = $1', [data.fleetId]);
    default:
      return unreachable(type);
  }
};

const fleetTypes = new Set<string>([FleetCreated, FleetUpdated, FleetStatusChanged, FleetDeleted].map((e) => e.type));
const isFleetFact = (event: Recorded): event is Recorded<FleetFact> => fleetTypes.has(event.type);
type FleetFact = FactOf<typeof FleetCreated | typeof FleetUpdated | typeof FleetStatusChanged | typeof FleetDeleted>;

/** `changed` is called after each commit, so that whoever waits for a fleet or a bot looks again. */
export const catalogListeners = (changed: () => void): readonly Listener[] => [
  {
    name: 'catalog',
    sources: ['config'],
    types: [
      ...[FleetCreated, FleetUpdated, FleetStatusChanged, FleetDeleted, ManifestPublished, BotRetired].map(
        ({ type }) => type,
      ),
      ...gatheringTypes,
    ],
    sendsAtOnce: true,
    apply: async (events, sql) => {
      const retired = only(events, BotRetired).map(({ data }) => data.botId);
      await Promise.all([
        ...events.filter(isFleetFact).map((event) => applyFleet(event, sql)),
        ...applyPublished(only(events, ManifestPublished), sql),
        ...applyGathering(events, sql),
        retired.length > 0 && sql('update bots set retired = true where id = any($1::uuid[])', [retired]),
      ]);
    },
    applied: (events) => {
      // New versions come by the thousand and start nothing by themselves; changed fleets and deleted bots do.
      const isQuiet = (event: Recorded) =>
        !isGathering(event) && (event.type === ManifestPublished.type || event.type === ManifestRefused.type);
      if (!events.every(isQuiet)) changed();
    },
  },
  {
    name: 'converged',
    sources: ['reconciler'],
    types: [BotConverged.type],
    sendsAtOnce: true,
    apply: async (events, sql) => {
      const rows = lastOf(only(events, BotConverged), ({ data }) => data.botId).map(({ workspace, data }) => ({
        workspace,
        bot_id: data.botId,
        version: data.version,
        generation: data.generation,
        hash: data.hash,
      }));
      await sql(
        `insert into converged (workspace, bot_id, version, generation, hash)
         select * from jsonb_to_recordset($1) as c
           (workspace text, bot_id uuid, version int, generation int, hash text)
         on conflict (bot_id) do update
           set version = excluded.version, generation = excluded.generation, hash = excluded.hash
           where converged.version < excluded.version`,
        [JSON.stringify(rows)],
      );
    },
  },
  ...evidenceListeners,
];
