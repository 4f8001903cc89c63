// How the fleets are: what health says of their bots, and how their requests go.
import type { Described } from '../dashboard.ts';
import { toBot, toFleet } from '../links.ts';
import { bars, lines, numbers, ranking, rows, statusColors } from '../panels.ts';
import { recordedOverTime } from '../record.ts';
import { aMinute, latencies, point, rollup } from '../rollups.ts';
import { among, inFleets, inWorkspace } from '../scope.ts';
import { fleets, workspace } from '../variables.ts';

const totals = `select sum(requests)::float8 as "requests", sum(errors)::float8 / nullif(sum(requests), 0) as "failed",
  sum(cost_usd)::float8 as "cost"
from ${rollup('bot', 'requests, errors, cost_usd', inFleets())}`;

const byFleet = (value: string) => `select ${point('at')}, coalesce(f.name, '(none)') as metric,
  ${value} as value
from ${rollup('bot', 'fleet_id, requests, errors', inFleets())}
left join config_read.fleets f on f.id = fleet_id
group by 1, 2 order by 1`;

const byHealth = `select coalesce(h.status, 'UNKNOWN') as "health", count(*)::float8 as "bots"
from config_read.bots b left join health_read.bots h on h.bot_id = b.id
where ${inFleets('b.')} group by 1 order by 2 desc`;

const listed = `select f.name as "fleet", f.environment, f.status as "status", coalesce(h.status, 'UNKNOWN') as "health",
  (h.counts->>'healthy')::int as "healthy", (h.counts->>'degraded')::int as "degraded",
  (h.counts->>'unhealthy')::int as "unhealthy", (h.counts->>'unknown')::int as "unknown",
  r.requests, r.errors / nullif(r.requests, 0) as "failed", r.cost_usd as "cost", f.id as fleet_id
from config_read.fleets f
left join health_read.fleets h on h.fleet_id = f.id
left join (
  select fleet_id, sum(requests)::float8 as requests, sum(errors)::float8 as errors, sum(cost_usd)::float8 as cost_usd
  from ${rollup('bot', 'fleet_id, requests, errors, cost_usd', inFleets())} group by 1
) r on r.fleet_id = f.id
where ${inWorkspace('f.')} and ${among('f.id', 'fleet')}
order by f.name`;

const notWell = `select b.name as "bot", b.fleet_name as "fleet", coalesce(h.status, 'UNKNOWN') as "health", h.detail,
  h.latency_ms as "probe", h.changed_at as "since", h.probed_at as "asked", b.id as bot_id
from config_read.bots b left join health_read.bots h on h.bot_id = b.id
where ${inFleets('b.')}
order by case coalesce(h.status, 'UNKNOWN') when 'UNHEALTHY' then 0 when 'DEGRADED' then 1 when 'UNKNOWN' then 2 else 3 end,
  h.changed_at desc nulls last
limit 100`;

const findings = `select f.opened_at as "time", b.name as "bot", f.severity, f.kind, f.title, f.closed_at as "closed", f.bot_id
from health_read.findings f left join config_read.bots b on b.id = f.bot_id
where ${inFleets('f.')} and (f.closed_at is null or $__timeFilter(f.opened_at))
order by f.closed_at is null desc, 1 desc limit 100`;

/** Nobody counts bots by the minute; what is recorded is each change, with what it was to. */
const becameOverTime = `select ${point('time')}, diff->>'to' as metric, count(*)::float8 as value
from audit_read.entries
where ${inWorkspace()} and action = 'health.bot.changed.v1' and diff->>'from' <> diff->>'to' and $__timeFilter(time)
group by 1, 2 order by 1`;

export const fleetHealth: Described = {
  uid: 'molthub-fleets',
  title: 'Molthub: fleet health',
  about: 'What health says of the bots of each fleet, and how their requests go.',
  variables: [workspace(), fleets()],
  sections: [
    {
      title: 'Now',
      panels: [
        ranking({ title: 'Bots by health', sql: byHealth, width: 6, height: 6 }),
        numbers({
          title: 'Requests in this time',
          sql: totals,
          width: 18,
          height: 6,
          columns: { requests: { unit: 'short' }, failed: { unit: 'percentunit' }, cost: { unit: 'currencyUSD' } },
        }),
        rows({
          title: 'Fleets',
          sql: listed,
          width: 24,
          columns: {
            fleet: { link: toFleet },
            status: { colors: statusColors },
            health: { colors: statusColors },
            failed: { unit: 'percentunit' },
            cost: { unit: 'currencyUSD' },
            fleet_id: { hidden: true },
          },
        }),
        rows({
          title: 'Bots, the least well first',
          sql: notWell,
          width: 24,
          columns: {
            bot: { link: toBot },
            health: { colors: statusColors },
            probe: { unit: 'ms' },
            bot_id: { hidden: true },
          },
        }),
        rows({
          title: 'Findings, open ones first',
          sql: findings,
          width: 24,
          columns: { bot: { link: toBot }, severity: { colors: statusColors }, bot_id: { hidden: true } },
        }),
      ],
    },
    {
      title: 'Over time',
      panels: [
        bars({ title: 'Requests a minute', sql: byFleet(aMinute('bot', 'sum(requests)')), width: 12 }),
        lines({
          title: 'Failed requests',
          sql: byFleet('sum(errors)::float8 / nullif(sum(requests), 0)'),
          width: 12,
          unit: 'percentunit',
        }),
        lines({ title: 'Latency of requests', sql: latencies('bot', inFleets()), width: 12, unit: 'ms' }),
        bars({
          title: 'Bots by the health that they came to',
          about: 'Of the whole workspace.',
          sql: becameOverTime,
          width: 12,
        }),
        bars({
          title: 'Changes of health',
          about: 'Of the whole workspace.',
          sql: recordedOverTime({ 'health.bot.changed.v1': 'bots', 'health.fleet.changed.v1': 'fleets' }),
          width: 12,
        }),
      ],
    },
  ],
};
