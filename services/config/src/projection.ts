// Workspaces, fleets, bots and versions as tables. Unique names, and that a fleet with bots stays, are constraints here,
// so that they hold whatever happens at the same moment.
import {
  BotRetired,
  FleetCreated,
  FleetDeleted,
  FleetStatusChanged,
  FleetUpdated,
  ManifestProposed,
  ManifestPublished,
  ManifestRefused,
  VerdictAsked,
  WorkspaceCreated,
  WorkspaceRenamed,
} from '@molthub/contracts';
import { Rejected } from '@molthub/decider';
import { projection, when } from '@molthub/event-store';

/**
 * `bot_names` holds a name, and a place in its fleet, from a bot's first proposal until it is refused or retired.
 * `verdicts_awaited` are the open proposals: when policy was asked last about each, and how often.
 */
const tables = `
  create table workspaces (
    workspace text not null, id uuid primary key, name text not null, version int not null,
    created_at timestamptz not null, updated_at timestamptz not null,
    constraint workspaces_slug_unique unique (workspace)
  );
  create table fleets (
    workspace text not null, id uuid primary key, name text not null, description text not null,
    environment text not null, status text not null, tags jsonb not null, release jsonb not null,
    enforced_policy_pack_ids jsonb not null, version int not null, created_at timestamptz not null, updated_at timestamptz not null,
    constraint fleets_name_unique unique (workspace, name)
  );
  create table bot_names (
    workspace text not null, bot_id uuid primary key, fleet_id uuid not null, proposal_id uuid not null,
    name text not null,
    constraint bot_names_name_unique unique (workspace, name),
    constraint bot_names_fleet_exists foreign key (fleet_id) references fleets (id)
  );
  create index on bot_names (fleet_id);
  create table bots (
    workspace text not null, id uuid primary key, fleet_id uuid not null, name text not null,
    environment text not null, engine text not null, engine_version text, target text not null, labels jsonb not null,
    manifest_version int not null, generation int not null, desired_hash text not null, version int not null,
    created_at timestamptz not null, updated_at timestamptz not null
  );
  create index on bots (workspace, name);
  create index on bots (workspace, created_at, id);
  create index on bots (fleet_id);
  create table manifests (
    workspace text not null, bot_id uuid not null, version int not null, generation int not null, hash text not null,
    manifest jsonb not null, resolved jsonb not null, origin text not null, reason text not null, author jsonb not null,
    change_set_id uuid, created_at timestamptz not null,
    primary key (bot_id, version)
  );
  create table verdicts_awaited (
    workspace text not null, bot_id uuid primary key, proposal_id uuid not null, asked_at timestamptz not null,
    asks int not null
  );
`;

const views = {
  workspaces: 'select workspace, id, name, version, created_at, updated_at from workspaces',
  fleets: `select workspace, id, name, description, environment, status, tags, release, enforced_policy_pack_ids,
    version, created_at, updated_at from fleets`,
  bots: `select b.workspace, b.id, b.fleet_id, f.name as fleet_name, b.name, b.environment, b.engine, b.engine_version,
    b.target, b.labels, b.manifest_version, b.generation, b.desired_hash, b.version, b.created_at, b.updated_at
    from bots b join fleets f on f.id = b.fleet_id`,
  manifests: `select workspace, bot_id, version, generation, hash, manifest, resolved, origin, reason, author,
    change_set_id, created_at from manifests`,
};

const json = (value: unknown): string | null => (value === undefined ? null : JSON.stringify(value));

export const configProjection = projection({
  name: 'config',
  revision: 3,
  tables,
  views,
  rejects: {
    workspaces_slug_unique: () => new Rejected('config.workspace-slug-taken', 'Another workspace has this slug.'),
    fleets_name_unique: () =>
      new Rejected('config.fleet-name-taken', 'Another fleet has this name; choose one that is free.'),
    bot_names_name_unique: () =>
      new Rejected('config.bot-name-taken', 'Another bot has this name; choose one that is free.'),
    bot_names_fleet_exists: () =>
      new Rejected('config.fleet-not-empty', 'The fleet still has bots; delete them first.'),
  },
  handlers: [
    when(WorkspaceCreated, ({ data, time, version }, sql) =>
      sql('insert into workspaces values ($1, $2, $3, $4, $5, $5)', [
        data.slug,
        data.workspaceId,
        data.name,
        version,
        time,
      ]),
    ),
    when(WorkspaceRenamed, ({ data, time, version }, sql) =>
      sql('update workspaces set name = $2, version = $3, updated_at = $4 where id = $1', [
        data.workspaceId,
        data.name,
        version,
        time,
      ]),
    ),
    when(FleetCreated, ({ workspace, data, time, version }, sql) =>
      sql("insert into fleets values ($1, $2, $3, $4, $5, 'ACTIVE', $6, $7, $8, $9, $10, $10)", [
        workspace,
        data.fleetId,
        data.name,
        data.description,
        data.environment,
        json(data.tags),
        json(data.release),
        json(data.enforcedPolicyPackIds ?? []),
        version,
        time,
      ]),
    ),
    when(FleetUpdated, ({ data, time, version }, sql) =>
      sql(
        `update fleets set name = coalesce($2, name), description = coalesce($3, description),
         tags = coalesce($4, tags), release = coalesce($5, release),
         enforced_policy_pack_ids = coalesce($6, enforced_policy_pack_ids), version = $7, updated_at = $8 where id = $1`,
        [
          data.fleetId,
          data.name ?? null,
          data.description ?? null,
          json(data.tags),
          json(data.release),
          json(data.enforcedPolicyPackIds),
          version,
          time,
        ],
      ),
    ),
    when(FleetStatusChanged, ({ data, time, version }, sql) =>
      sql('update fleets set status = $2, version = $3, updated_at = $4 where id = $1', [
        data.fleetId,
        data.to,
        version,
        time,
      ]),
    ),
    when(FleetDeleted, ({ data }, sql) => sql('delete from fleets where id = $1', [data.fleetId])),
    when(ManifestProposed, ({ workspace, data, time }, sql) =>
      sql(
        `with named as (insert into bot_names select $1, $2, $5, $3, $6 where $7)
         insert into verdicts_awaited values ($1, $2, $3, $4, 1) on conflict (bot_id) do update
           set proposal_id = excluded.proposal_id, asked_at = excluded.asked_at, asks = excluded.asks`,
        [
          workspace,
          data.botId,
          data.proposalId,
          time,
          data.fleetId,
          data.manifest.metadata.name,
          data.origin === 'create',
        ],
      ),
    ),
    when(VerdictAsked, ({ data, time }, sql) =>
      sql('update verdicts_awaited set asked_at = $3, asks = $4 where bot_id = $1 and proposal_id = $2', [
        data.botId,
        data.proposalId,
        time,
        data.asked,
      ]),
    ),
    // Only the proposal that took the name gives it back; a bot that exists keeps it.
    when(ManifestRefused, ({ data }, sql) =>
      sql(
        `with answered as (delete from verdicts_awaited where bot_id = $1 and proposal_id = $2)
         delete from bot_names where bot_id = $1 and proposal_id = $2
         and not exists (select from bots where id = $1)`,
        [data.botId, data.proposalId],
      ),
    ),
    when(ManifestPublished, ({ workspace, data, time, version }, sql) => {
      const { runtime, target } = data.resolved.spec;
      return sql(
        `with published as (
           insert into manifests values ($1, $2, $11, $12, $13, $14, $15, $16, $17, $18, $19, $10)
         ), answered as (delete from verdicts_awaited where bot_id = $2 and proposal_id = $21)
         insert into bots values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $11, $12, $13, $20, $10, $10)
         on conflict (id) do update set environment = excluded.environment, engine_version = excluded.engine_version,
           labels = excluded.labels, manifest_version = excluded.manifest_version, generation = excluded.generation,
           desired_hash = excluded.desired_hash, version = excluded.version, updated_at = excluded.updated_at`,
        [
          workspace,
          data.botId,
          data.fleetId,
          data.botName,
          data.environment,
          runtime.engine,
          runtime.version ?? null,
          target.kind,
          json(data.resolved.metadata.labels ?? {}),
          time,
          data.version,
          data.generation,
          data.hash,
          json(data.manifest),
          json(data.resolved),
          data.origin,
          data.reason,
          json(data.author),
          data.changeSetId,
          version,
          data.proposalId,
        ],
      );
    }),
    when(BotRetired, ({ data }, sql) =>
      sql('with names as (delete from bot_names where bot_id = $1) delete from bots where id = $1', [data.botId]),
    ),
  ],
});
