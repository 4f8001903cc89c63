// Verdicts and packs as tables. That names are unique in a workspace is a constraint here.
import { ManifestEvaluated, PackChanged, PackCreated, PackDeleted } from '@molthub/contracts';
import { Rejected } from '@molthub/decider';
import { projection, when } from '@molthub/event-store';
import { builtinPacks, builtinRevision } from './builtin-packs.ts';

export const evaluationsProjection = projection({
  name: 'evaluations',
  revision: 1,
  tables: `
    create table evaluations (
      workspace text not null, proposal_id uuid primary key, bot_id uuid not null, fleet_id uuid not null,
      valid boolean not null, violations jsonb not null, warnings jsonb not null, evaluated_at timestamptz not null
    );
    create index on evaluations (workspace, bot_id, evaluated_at);
  `,
  views: {
    evaluations: `select workspace, proposal_id, bot_id, fleet_id, valid, violations, warnings, evaluated_at
      from evaluations`,
  },
  handlers: [
    when(ManifestEvaluated, ({ workspace, time, data }, sql) =>
      sql(
        `insert into evaluations (workspace, proposal_id, bot_id, fleet_id, valid, violations, warnings, evaluated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)
         on conflict (proposal_id) do update set valid = excluded.valid, violations = excluded.violations,
           warnings = excluded.warnings, evaluated_at = excluded.evaluated_at`,
        [
          workspace,
          data.proposalId,
          data.botId,
          data.fleetId,
          data.valid,
          JSON.stringify(data.violations),
          JSON.stringify(data.warnings),
          time,
        ],
      ),
    ),
  ],
});

const json = (value: unknown): string | null => (value === undefined ? null : JSON.stringify(value));

const builtinRows = builtinPacks.map((pack) => ({
  id: pack.id,
  name: pack.name,
  description: pack.description,
  priority: pack.priority,
  target_environments: pack.targetEnvironments,
  target_tags: pack.targetTags,
  is_enforced: pack.isEnforced,
  auto_apply: pack.autoApply,
  is_active: pack.isActive,
  rules: pack.rules,
  version: pack.version,
}));
const columns = `name, description, priority, target_environments, target_tags, is_enforced, auto_apply, is_active, rules`;

export const packsProjection = projection({
  name: 'packs',
  revision: builtinRevision,
  tables: `
    create table packs (
      workspace text not null, id uuid primary key, name text not null, description text not null,
      priority int not null, target_environments jsonb not null, target_tags jsonb not null, is_enforced boolean not null,
      auto_apply boolean not null, is_active boolean not null, rules jsonb not null, version int not null,
      created_at timestamptz not null, updated_at timestamptz not null,
      constraint packs_name_unique unique (workspace, name)
    );
  `,
  views: {
    packs: `select workspace, id::text as id, ${columns}, false as is_builtin, version::text as version,
        version as stream_version, created_at, updated_at from packs
      union all
      select null, id, ${columns}, true, version, 0, null, null
      from jsonb_to_recordset($builtin$${JSON.stringify(builtinRows)}$builtin$::jsonb) as b
        (id text, name text, description text, priority int, target_environments jsonb, target_tags jsonb,
         is_enforced boolean, auto_apply boolean, is_active boolean, rules jsonb, version text)`,
  },
  rejects: {
    packs_name_unique: () =>
      new Rejected('policy.pack-name-taken', 'Another policy pack has this name; choose one that is free.'),
  },
  handlers: [
    when(PackCreated, ({ workspace, data, time, version }, sql) =>
      sql(
        `insert into packs (workspace, id, ${columns}, version, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13)`,
        [
          workspace,
          data.packId,
          data.name,
          data.description,
          data.priority,
          json(data.targetEnvironments),
          json(data.targetTags),
          data.isEnforced,
          data.autoApply,
          data.isActive,
          json(data.rules),
          version,
          time,
        ],
      ),
    ),
    when(PackChanged, ({ data, time, version }, sql) =>
      sql(
        `update packs set name = coalesce($2, name), description = coalesce($3, description),
           priority = coalesce($4, priority), target_environments = coalesce($5, target_environments),
           target_tags = coalesce($6, target_tags), is_enforced = coalesce($7, is_enforced),
           auto_apply = coalesce($8, auto_apply), is_active = coalesce($9, is_active), rules = coalesce($10, rules),
           version = $11, updated_at = $12
         where id = $1`,
        [
          data.packId,
          data.name ?? null,
          data.description ?? null,
          data.priority ?? null,
          json(data.targetEnvironments),
          json(data.targetTags),
          data.isEnforced ?? null,
          data.autoApply ?? null,
          data.isActive ?? null,
          json(data.rules),
          version,
          time,
        ],
      ),
    ),
    when(PackDeleted, ({ data }, sql) => sql('delete from packs where id = $1', [data.packId])),
  ],
});
