// Our events → `bots` and `timeline`. Set-based: one statement per kind of change for a whole batch of events, because a
// fleet of ten thousand bots is assigned and converges in few transactions.
import type { Recorded } from '@molthub/contracts';
import type { Projection, Sql } from '@molthub/event-store';
import { attemptsBeforeError, type BotFact } from './bot.ts';
import { botEvents } from './decider.ts';
import { timelineOf } from './timeline.ts';

const tables = `
  create table bots (
    bot_id uuid primary key,
    workspace text not null,
    fleet_id uuid not null,
    bot_name text not null,
    environment text not null,
    status text not null,
    wanted text not null,
    restarts int not null,
    generation int not null,
    desired_hash text not null,
    manifest_version int not null,
    resolved jsonb not null,
    observed_generation int not null,
    observed_hash text,
    change_set_id uuid not null,
    target text not null,
    simulated boolean not null,
    endpoint jsonb,
    token_reference text,
    node text,
    last_error jsonb,
    drift jsonb not null,
    drift_mode text,
    converged_at timestamptz,
    updated_at timestamptz not null,
    version int not null
  );
  create index on bots (workspace, fleet_id);
  create index on bots (updated_at);
  create table timeline (
    bot_id uuid not null,
    sequence int not null,
    workspace text not null,
    type text not null,
    time timestamptz not null,
    message text not null,
    data jsonb not null,
    primary key (bot_id, sequence)
  );
  create index on timeline (workspace, bot_id);`;

const views = {
  bots: `
    select workspace, bot_id, fleet_id, status, generation, desired_hash, manifest_version, observed_generation,
      observed_hash, change_set_id, target, simulated, endpoint, last_error,
      case
        when status in ('PENDING', 'RECONCILING', 'DELETING') then 'PROGRESSING'
        when drift <> '[]' then 'DRIFTED'
        when status in ('RUNNING', 'DEGRADED', 'PAUSED') then 'IN_SYNC'
        else 'UNKNOWN'
      end as drift_status,
      drift, converged_at, updated_at, version
    from bots`,
  timeline: 'select workspace, bot_id, sequence, type, time, message, data from timeline',
};

export const botsProjection: Projection = {
  name: 'bots',
  revision: 2,
  tables,
  views,
  types: new Set(botEvents.map((event) => event.type)),
  apply: async (events, sql) => {
    const own = events.filter(isOwn);
    // Within a batch, a bot's second event must see what its first one did.
    const layers = layered(own);
    await Promise.all([...layers.flatMap((layer) => changes(layer, sql)), writeTimeline(own, sql)]);
  },
};

const ownTypes = new Set<string>(botEvents.map((event) => event.type));
const isOwn = (event: Recorded): event is Recorded<BotFact> => ownTypes.has(event.type);

const layered = (events: readonly Recorded<BotFact>[]): readonly (readonly Recorded<BotFact>[])[] => {
  const layers: Recorded<BotFact>[][] = [];
  const depth = new Map<string, number>();
  for (const event of events) {
    const level = depth.get(event.data.botId) ?? 0;
    depth.set(event.data.botId, level + 1);
    (layers[level] ??= []).push(event);
  }
  return layers;
};

const changes = (layer: readonly Recorded<BotFact>[], sql: Sql): readonly Promise<unknown>[] => {
  const assigned = layer.filter((event) => event.type === 'reconciler.bot.assigned.v1');
  const destroyed = layer.filter((event) => event.type === 'reconciler.bot.destroyed.v1');
  const others = layer.filter((event) => !assigned.some((a) => a === event) && !destroyed.some((d) => d === event));
  const statements: Promise<unknown>[] = [];
  if (assigned.length > 0) statements.push(sql(assignedSql, [rowsOf(assigned)]));
  if (others.length > 0) statements.push(sql(movedSql, [rowsOf(others), attemptsBeforeError]));
  if (destroyed.length > 0) {
    const ids = destroyed.map((event) => event.data.botId);
    statements.push(sql('delete from bots where bot_id = any($1::uuid[])', [ids]));
  }
  return statements;
};

const rowsOf = (events: readonly Recorded<BotFact>[]): string =>
  JSON.stringify(
    events.map(({ type, data, time, version, workspace }) => ({
      kind: type === 'reconciler.bot.action-accepted.v1' ? data.action : type,
      bot_id: data.botId,
      workspace,
      at: time,
      version,
      data,
    })),
  );

const batch =
  'jsonb_to_recordset($1::jsonb) as e(kind text, bot_id uuid, workspace text, at timestamptz, version int, data jsonb)';

const assignedSql = `
  insert into bots as b (bot_id, workspace, fleet_id, bot_name, environment, status, wanted, restarts, generation,
    desired_hash, manifest_version, resolved, observed_generation, change_set_id, target, simulated, drift, updated_at, version)
  select e.bot_id, e.workspace, (data->>'fleetId')::uuid, data->>'botName', data->>'environment', 'PENDING', 'RUNNING', 0,
    (data->>'generation')::int, data->>'hash', (data->>'version')::int, data->'resolved', 0,
    (data->>'changeSetId')::uuid, data->>'target', (data->>'simulated')::boolean, '[]', e.at, e.version
  from ${batch}
  on conflict (bot_id) do update set
    fleet_id = excluded.fleet_id, bot_name = excluded.bot_name, environment = excluded.environment,
    status = case
      when b.wanted = 'STOPPED' or b.status = 'DELETING' then b.status
      when b.endpoint is null then 'PENDING'
      else 'RECONCILING'
    end,
    generation = excluded.generation, desired_hash = excluded.desired_hash,
    manifest_version = excluded.manifest_version, resolved = excluded.resolved,
    change_set_id = excluded.change_set_id, target = excluded.target, simulated = excluded.simulated,
    last_error = null, drift = '[]', drift_mode = null, updated_at = excluded.updated_at, version = excluded.version`;

const lifecycle = "('restart', 'pause', 'resume', 'stop', 'start')";
const started = "'reconciler.bot.started.v1'";
const converged = "'reconciler.bot.converged.v1'";
const failed = "'reconciler.bot.failed.v1'";
const stopped = "'reconciler.bot.stopped.v1'";
const paused = "'reconciler.bot.paused.v1'";
const detected = "'reconciler.drift.detected.v1'";
const healed = "'reconciler.drift.healed.v1'";
const reverting = "'reconciler.drift.revert-accepted.v1'";

/** The same fold as `evolve` in bot.ts; a test holds the two together. */
const movedSql = `
  update bots as b set
    status = case
      when e.kind = ${started} then case when b.status = 'PENDING' then 'RECONCILING' else b.status end
      when e.kind = ${converged} then case when b.wanted = 'RUNNING' then 'RUNNING' else 'RECONCILING' end
      when e.kind = ${failed} then case
        when b.wanted = 'STOPPED' or b.status in ('STOPPED', 'DELETING') then b.status
        when (data->'error'->>'permanent')::boolean or (data->>'attempt')::int >= $2::int then 'ERROR'
        else b.status end
      when e.kind = ${stopped} then 'STOPPED'
      when e.kind = ${paused} then 'PAUSED'
      when e.kind = ${detected} then case when b.status = 'RUNNING' then 'DEGRADED' else b.status end
      when e.kind = ${reverting} then 'RECONCILING'
      when e.kind = ${healed} then case
        when b.status not in ('DEGRADED', 'ERROR', 'RECONCILING') then b.status
        when b.wanted = 'RUNNING' then 'RUNNING' else 'RECONCILING' end
      when e.kind in ${lifecycle} then 'RECONCILING'
      when e.kind = 'reconcile' then case when b.status = 'ERROR' then 'RECONCILING' else b.status end
      when e.kind = 'destroy' then 'DELETING'
      else b.status
    end,
    wanted = case e.kind when 'pause' then 'PAUSED' when 'stop' then 'STOPPED'
      when 'resume' then 'RUNNING' when 'start' then 'RUNNING' else b.wanted end,
    restarts = b.restarts + case e.kind when 'restart' then 1 else 0 end,
    endpoint = case
      when e.kind in (${started}, ${converged}, ${healed}) then data->'endpoint'
      when e.kind = ${stopped} then null
      else b.endpoint
    end,
    token_reference = case when e.kind in (${converged}, ${healed}) then data->>'tokenReference' else b.token_reference end,
    node = case when e.kind = ${started} then coalesce(data->>'node', b.node) else b.node end,
    observed_generation = case when e.kind = ${converged} then (data->>'generation')::int else b.observed_generation end,
    observed_hash = case
      when e.kind = ${converged} then data->>'hash'
      when e.kind = ${detected} then data->>'observedHash'
      when e.kind = ${healed} then b.desired_hash
      else b.observed_hash
    end,
    converged_at = case when e.kind = ${converged} then e.at else b.converged_at end,
    last_error = case
      when e.kind = ${failed} then data->'error'
      when e.kind in (${converged}, ${healed}, ${reverting}) or e.kind in ${lifecycle} then null
      when e.kind = 'reconcile' and b.status = 'ERROR' then null
      else b.last_error
    end,
    drift = case
      when e.kind = ${detected} then data->'items'
      when e.kind in (${converged}, ${healed}, ${stopped}, 'destroy') or e.kind in ${lifecycle} then '[]'
      else b.drift
    end,
    drift_mode = case
      when e.kind = ${detected} then data->>'mode'
      when e.kind in (${converged}, ${healed}, ${stopped}, 'destroy') or e.kind in ${lifecycle} then null
      else b.drift_mode
    end,
    updated_at = e.at,
    version = e.version
  from ${batch}
  where b.bot_id = e.bot_id`;

const writeTimeline = (events: readonly Recorded<BotFact>[], sql: Sql): Promise<unknown> => {
  const rows = events.flatMap((event) =>
    timelineOf(event).map((row) => ({ bot_id: event.data.botId, workspace: event.workspace, ...row })),
  );
  return sql(timelineSql, [JSON.stringify(rows.map((row, place) => ({ ...row, place })))]);
};

const timelineSql = `
  insert into timeline (bot_id, sequence, workspace, type, time, message, data)
  select r.bot_id,
    coalesce((select max(t.sequence) from timeline t where t.bot_id = r.bot_id), 0)
      + row_number() over (partition by r.bot_id order by r.place),
    r.workspace, r.type, r.time, r.message, r.data
  from jsonb_to_recordset($1::jsonb)
    as r(place int, bot_id uuid, workspace text, type text, time timestamptz, message text, data jsonb)`;
