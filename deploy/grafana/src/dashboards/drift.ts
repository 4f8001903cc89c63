// Whether bots are what was released for them: what drifted, what did not come about, which changes are under way.
import type { Described } from '../dashboard.ts';
import { toBot } from '../links.ts';
import { bars, numbers, ranking, rows, statusColors } from '../panels.ts';
import { newestOf, recordedOverTime } from '../record.ts';
import { inFleets } from '../scope.ts';
import { fleets, workspace } from '../variables.ts';

const countedBy = (
  column: string,
  fallback: string,
) => `select coalesce(${column}, '${fallback}') as "bots", count(*)::float8 as "count"
from config_read.bots b left join reconciler_read.bots r on r.bot_id = b.id
where ${inFleets('b.')} group by 1 order by 2 desc`;

const behind = `select count(*) filter (where r.observed_generation < b.generation or r.bot_id is null)::float8 as "behind",
  count(*) filter (where r.drift_status = 'DRIFTED')::float8 as "drifted",
  count(*) filter (where r.status = 'ERROR')::float8 as "in error"
from config_read.bots b left join reconciler_read.bots r on r.bot_id = b.id
where ${inFleets('b.')}`;

const bot = (of: string) => `(select b.name from config_read.bots b where b.id = ${of}) as "bot"`;

const drifts = newestOf(
  ['reconciler.drift.detected.v1', 'reconciler.drift.healed.v1'],
  `e.time, e.actor->>'name' as "found by", (select b.name from config_read.bots b where b.id::text = e.resource_id) as "bot",
  case e.action when 'reconciler.drift.detected.v1' then 'DRIFTED' else 'HEALED' end as "what",
  coalesce((select string_agg(item->>'path', ', ') from jsonb_array_elements(e.diff->'items') as i (item)),
    (select string_agg(class, ', ') from jsonb_array_elements_text(e.diff->'classes') as c (class))) as "where",
  e.resource_id as bot_id`,
  100,
);

const failures = newestOf(
  ['reconciler.bot.failed.v1'],
  `e.time, (select b.name from config_read.bots b where b.id::text = e.resource_id) as "bot",
  e.diff->'error'->>'code' as "code", e.diff->'error'->>'message' as "error", (e.diff->>'attempt')::int as "attempt",
  e.resource_id as bot_id`,
  100,
);

const changeSets = `select created_at as "time", name, fleet_name as "fleet", status, updated::float8 / nullif(total, 0) as "done",
  total as "bots", failed, refused, author->>'name' as "by", message
from rollout_read.change_sets
where ${inFleets()} and $__timeFilter(created_at) order by created_at desc limit 100`;

const standing = `select ${bot('r.bot_id')}, r.status, r.drift_status as "drift", r.generation as "released",
  r.observed_generation as "observed", r.converged_at as "converged", r.last_error->>'message' as "error", r.target, r.bot_id
from reconciler_read.bots r
where ${inFleets('r.')}
order by (r.drift_status = 'DRIFTED' or r.status = 'ERROR') desc, r.generation - r.observed_generation desc, r.updated_at desc
limit 200`;

export const driftAndReconcile: Described = {
  uid: 'molthub-drift',
  title: 'Molthub: drift and reconcile',
  about: 'Whether bots are what was released for them, what drifted, and which changes are under way.',
  variables: [workspace(), fleets()],
  sections: [
    {
      title: 'Now',
      panels: [
        numbers({ title: 'Bots that are not what was released', sql: behind, width: 8, height: 6 }),
        ranking({ title: 'Bots by drift', sql: countedBy('r.drift_status', 'UNKNOWN'), width: 8, height: 6 }),
        ranking({ title: 'Bots by status', sql: countedBy('r.status', 'CREATING'), width: 8, height: 6 }),
        rows({
          title: 'Bots, those that differ first',
          sql: standing,
          width: 24,
          columns: {
            bot: { link: toBot },
            status: { colors: statusColors },
            drift: { colors: statusColors },
            bot_id: { hidden: true },
          },
        }),
      ],
    },
    {
      title: 'Over time, of the whole workspace',
      panels: [
        bars({
          title: 'Drift',
          sql: recordedOverTime({
            'reconciler.drift.detected.v1': 'detected',
            'reconciler.drift.healed.v1': 'healed',
          }),
          width: 12,
        }),
        bars({
          title: 'Reconciles',
          sql: recordedOverTime({
            'reconciler.bot.assigned.v1': 'released',
            'reconciler.bot.converged.v1': 'converged',
            'reconciler.bot.failed.v1': 'failed',
          }),
          width: 12,
        }),
        rows({
          title: 'Drift, the newest',
          sql: `${drifts} order by 1 desc limit 100`,
          width: 12,
          columns: { bot: { link: toBot }, what: { colors: statusColors }, bot_id: { hidden: true } },
        }),
        rows({
          title: 'Attempts that failed, the newest',
          sql: `${failures} order by 1 desc`,
          width: 12,
          columns: { bot: { link: toBot }, bot_id: { hidden: true } },
        }),
        rows({
          title: 'Change sets',
          sql: changeSets,
          width: 24,
          columns: { status: { colors: { ...statusColors, SUCCEEDED: 'green' } }, done: { unit: 'percentunit' } },
        }),
      ],
    },
  ],
};
