// Where new versions are on their way: change sets and their waves, what gates say, what went back and why.
import type { Described } from '../dashboard.ts';
import { toBot } from '../links.ts';
import { bars, numbers, ranking, rows, statusColors } from '../panels.ts';
import { newestOf, recordedOverTime } from '../record.ts';
import { point } from '../rollups.ts';
import { inFleets, inWorkspace } from '../scope.ts';
import { fleets, workspace } from '../variables.ts';

const isOpen = `status in ('PLANNED', 'AWAITING_APPROVAL', 'APPROVED', 'RUNNING', 'PAUSED', 'ROLLING_BACK')`;
const inTime = `(${isOpen} or $__timeFilter(created_at))`;

const byStatus = `select status, count(*)::float8 as "change sets" from rollout_read.change_sets
where ${inFleets()} and ${inTime} group by 1 order by 2 desc`;

const kept = (kind: 'HOLD' | 'PIN') =>
  `(select count(*)::float8 from rollout_read.holds h where ${inFleets('h.')} and h.kind = '${kind}')`;
const now = `select count(*) filter (where status = 'RUNNING')::float8 as "running",
  count(*) filter (where status = 'PAUSED')::float8 as "paused",
  count(*) filter (where status = 'AWAITING_APPROVAL')::float8 as "wait for approval",
  count(*) filter (where status = 'ROLLING_BACK')::float8 as "going back",
  ${kept('HOLD')} as "held bots", ${kept('PIN')} as "pinned bots"
from rollout_read.change_sets where ${inFleets()} and ${isOpen}`;

const listed = `select created_at as "time", name, fleet_name as "fleet", status, strategy->>'kind' as "strategy",
  case when current_wave is not null then current_wave + 1 end as "wave", waves as "of",
  (updated + failed + skipped)::float8 / nullif(total, 0) as "done", total as "bots", updated, failed, skipped, refused,
  author->>'name' as "by", started_at as "started", finished_at as "ended", message
from rollout_read.change_sets
where ${inFleets()} and ${inTime} order by finished_at is null desc, created_at desc limit 100`;

/** Change sets whose waves are shown: those that are not over, then the newest. */
const shown = `select id, name, fleet_name, status, finished_at, created_at from rollout_read.change_sets
where ${inFleets()} and ${inTime} and started_at is not null and waves > 1
order by finished_at is null desc, created_at desc limit 20`;

const waves = `select c.name as "change set", c.fleet_name as "fleet", c.status, b.wave + 1 as "wave", count(*)::float8 as "bots",
  count(*) filter (where b.state = 'CONVERGED')::float8 / count(*) as "moved",
  count(*) filter (where b.state = 'RELEASED')::float8 as "on the way", count(*) filter (where b.state = 'FAILED')::float8 as "failed",
  count(*) filter (where b.state = 'SKIPPED')::float8 as "skipped", count(*) filter (where b.state = 'RESTORED')::float8 as "back",
  (select string_agg(g.gate || ' ' || g.verdict, ', ' order by g.gate) from rollout_read.gates g
    where ${inWorkspace('g.')} and g.change_set_id = c.id and g.wave = b.wave) as "gates"
from (${shown}) c join rollout_read.change_set_bots b on b.change_set_id = c.id
where ${inWorkspace('b.')}
group by c.id, c.name, c.fleet_name, c.status, c.finished_at, c.created_at, b.wave
order by c.finished_at is null desc, c.created_at desc, b.wave`;

const verdicts = `select g.judged_at as "time", c.name as "change set", c.fleet_name as "fleet", g.wave + 1 as "wave", g.gate, g.verdict, g.message
from (${shown}) c join rollout_read.gates g on g.change_set_id = c.id
where ${inWorkspace('g.')} order by 1 desc limit 200`;

const verdictsOverTime = `select ${point('time')}, diff->>'gate' || ' ' || (diff->>'verdict') as metric, count(*)::float8 as value
from audit_read.entries
where ${inWorkspace()} and action = 'rollout.gate.judged.v1' and $__timeFilter(time)
group by 1, 2 order by 1`;

const changeSet = (id: string, column: string) =>
  `(select c.${column} from rollout_read.change_sets c where ${inWorkspace('c.')} and c.id = ${id}::uuid)`;

const steps = newestOf(
  ['rollout.wave.started.v1', 'rollout.wave.settled.v1', 'rollout.wave.passed.v1'],
  `e.time, e.action, e.resource_id, (e.diff->>'wave')::int as wave, e.diff->>'by' as by`,
  300,
);
const step = (name: string) => `max(time) filter (where action = 'rollout.wave.${name}.v1')`;
const between = (from: string, to: string) => `extract(epoch from ${step(to)} - ${step(from)})::float8`;
const waveTimes = `select ${step('started')} as "started", ${changeSet('resource_id', 'name')} as "change set",
  ${changeSet('resource_id', 'fleet_name')} as "fleet", wave + 1 as "wave",
  ${between('started', 'settled')} as "until its bots moved", ${between('settled', 'passed')} as "bake and gates",
  ${between('started', 'passed')} as "together", max(by) as "passed by"
from (${steps}) steps
group by resource_id, wave having ${step('started')} is not null
order by 1 desc limit 100`;

const wentBack = newestOf(
  ['rollout.change-set.rollback-started.v1'],
  `e.time, ${changeSet('e.resource_id', 'name')} as "change set", ${changeSet('e.resource_id', 'fleet_name')} as "fleet",
  coalesce(e.diff->>'cause', 'PERSON') as "cause", e.diff->>'reason' as "why", (e.diff->>'bots')::float8 as "bots",
  ${changeSet('e.resource_id', 'status')} as "status", ${changeSet('e.resource_id', 'message')} as "what came of it"`,
  100,
);

const held = `select h.placed_at as "since", h.kind, h.bot_name as "bot", h.reason, h.placed_by->>'name' as "by", h.bot_id
from rollout_read.holds h where ${inFleets('h.')} order by 1 desc limit 200`;

const failedBots = `select b.updated_at as "time", b.bot_name as "bot", c.name as "change set", c.fleet_name as "fleet", b.wave + 1 as "wave",
  b.message, b.bot_id
from (select id, name, fleet_name from rollout_read.change_sets
  where ${inFleets()} and ${inTime} and failed > 0 order by created_at desc limit 50) c
join rollout_read.change_set_bots b on b.change_set_id = c.id
where ${inWorkspace('b.')} and b.state = 'FAILED' order by 1 desc limit 100`;

const colors = {
  ...statusColors,
  SUCCEEDED: 'green',
  PASS: 'green',
  PAUSED: 'orange',
  AWAITING_APPROVAL: 'orange',
  NO_DATA: 'orange',
  INCONCLUSIVE: 'orange',
  ROLLING_BACK: 'orange',
  ROLLED_BACK: 'red',
  FAIL: 'red',
} as const;

export const rollouts: Described = {
  uid: 'molthub-rollouts',
  title: 'Molthub: rollouts',
  about: 'Which change sets are on their way, how far their waves are, what gates say, what went back and why.',
  variables: [workspace(), fleets()],
  sections: [
    {
      title: 'Now',
      panels: [
        ranking({
          title: 'Change sets by status',
          about: 'Those of this time, and all that are not over.',
          sql: byStatus,
          width: 8,
          height: 6,
        }),
        numbers({ title: 'Under way', sql: now, width: 16, height: 6 }),
        rows({
          title: 'Change sets, those that are not over first',
          sql: listed,
          width: 24,
          columns: { status: { colors }, done: { unit: 'percentunit' } },
        }),
        rows({
          title: 'Waves',
          about: 'Of change sets with several waves: those that are not over, then the newest.',
          sql: waves,
          width: 14,
          columns: { status: { colors }, moved: { unit: 'percentunit' } },
        }),
        rows({ title: 'What gates said last', sql: verdicts, width: 10, columns: { verdict: { colors } } }),
        rows({
          title: 'Holds and pins',
          about: 'A hold keeps what is automatic off a bot, a pin keeps everybody off.',
          sql: held,
          width: 12,
          columns: { bot: { link: toBot }, bot_id: { hidden: true } },
        }),
        rows({
          title: 'Bots that failed',
          sql: failedBots,
          width: 12,
          columns: { bot: { link: toBot }, bot_id: { hidden: true } },
        }),
      ],
    },
    {
      title: 'Over time, of the whole workspace',
      panels: [
        bars({
          title: 'Change sets',
          sql: recordedOverTime({
            'rollout.change-set.planned.v1': 'planned',
            'rollout.change-set.started.v1': 'started',
            'rollout.change-set.paused.v1': 'paused',
            'rollout.change-set.finished.v1': 'finished',
            'rollout.change-set.rolled-back.v1': 'rolled back',
            'rollout.change-set.aborted.v1': 'aborted',
          }),
          width: 12,
        }),
        bars({ title: 'Verdicts of gates', sql: verdictsOverTime, width: 12 }),
        rows({
          title: 'Time for each wave',
          sql: waveTimes,
          width: 12,
          columns: {
            'until its bots moved': { unit: 's' },
            'bake and gates': { unit: 's' },
            together: { unit: 's' },
          },
        }),
        rows({
          title: 'What went back, and why',
          sql: `${wentBack} order by 1 desc`,
          width: 12,
          columns: { status: { colors } },
        }),
      ],
    },
  ],
};
