// One bot: what it is to run and what it runs, how it is, what it was asked and what that cost.
import type { Described } from '../dashboard.ts';
import { botUid, toTrace } from '../links.ts';
import { bars, lines, numbers, rows, statusColors } from '../panels.ts';
import { aMinute, bucketSums, latencies, point, quantile, rollup } from '../rollups.ts';
import { bot, workspace } from '../variables.ts';

const ofBot = "bot_id = '$bot'";

const state = `select b.fleet_name as "fleet", coalesce(r.status, 'CREATING') as "status",
  coalesce(h.status, 'UNKNOWN') as "health", coalesce(r.drift_status, 'UNKNOWN') as "drift",
  b.manifest_version as "version", b.generation as "generation", r.observed_generation as "observed generation"
from config_read.bots b
left join reconciler_read.bots r on r.bot_id = b.id
left join health_read.bots h on h.bot_id = b.id
where b.workspace = '$workspace' and b.id = '$bot'`;

const totals = `select sum(requests)::float8 as "requests", sum(errors)::float8 / nullif(sum(requests), 0) as "failed",
  sum(input_tokens)::float8 as "tokens in", sum(output_tokens)::float8 as "tokens out", sum(cost_usd)::float8 as "cost"
from ${rollup('bot', 'requests, errors, input_tokens, output_tokens, cost_usd', ofBot)}`;

const requests = `select ${point('at')}, ${aMinute('bot', 'sum(requests - errors)')} as "answered",
  ${aMinute('bot', 'sum(errors)')} as "failed"
from ${rollup('bot', 'requests, errors', ofBot)}
group by 1 order by 1`;

const byName = (type: 'MODEL' | 'TOOL', value: string, columns: string) =>
  `select ${point('at')}, name as metric, ${value} as value
from ${rollup('call', `name, ${columns}`, `${ofBot} and type = '${type}'`)}
group by 1, 2 order by 1`;

const probes = `select probed_at as time, latency_ms as "probe" from health_read.probes
where ${ofBot} and $__timeFilter(probed_at) order by probed_at desc limit 2000`;

const newestTraces = `select started_at as "time", trace_id as "trace", name, status, state, duration_ms as "took",
  span_count as "spans", model_calls as "model calls", tool_calls as "tool calls", input_tokens as "tokens in",
  output_tokens as "tokens out", cost_usd as "cost", error_message as "error"
from trace_read.traces
where workspace = '$workspace' and ${ofBot} and $__timeFilter(started_at)
order by started_at desc limit 100`;

const errors = `select last_at as "latest", name, error_type as "type", message, count, first_at as "first", trace_id as "trace"
from trace_read.error_groups where ${ofBot} order by last_at desc limit 50`;

const versions = `select config_hash as "configuration", sum(requests)::float8 as "requests",
  sum(errors)::float8 / nullif(sum(requests), 0) as "failed", ${quantile(0.95, bucketSums)} as "p95",
  (sum(cost_usd) / nullif(sum(requests), 0))::float8 as "cost of a request", min(at) as "from", max(at) as "to"
from ${rollup('bot', 'config_hash, requests, errors, latency_counts, cost_usd', ofBot)}
group by 1 order by max(at) desc limit 50`;

const timeline = `select time, type, message from reconciler_read.timeline
where ${ofBot} order by sequence desc limit 200`;

const drift = `select i.item->>'path' as "path", i.item->>'class' as "class", i.item->'desired' as "wanted",
  i.item->'observed' as "found", i.item->>'owner' as "by", (i.item->>'since')::timestamptz as "since"
from reconciler_read.bots b cross join lateral json_array_elements(b.drift::json) as i (item)
where ${ofBot} limit 100`;

const violations = `select evaluated_at as "time", severity, action, pack_id as "pack", rule_id as "rule", path, message
from policy_read.violations where ${ofBot} order by 1 desc limit 100`;

export const oneBot: Described = {
  uid: botUid,
  title: 'Molthub: one bot',
  about: 'What it is to run and what it runs, how it is, what it was asked and what that cost.',
  variables: [workspace(), bot()],
  sections: [
    {
      title: 'Now',
      panels: [
        numbers({ title: 'State', sql: state, width: 14 }),
        numbers({
          title: 'In this time',
          sql: totals,
          width: 10,
          columns: { failed: { unit: 'percentunit' }, cost: { unit: 'currencyUSD' } },
        }),
        rows({ title: 'Drift', about: 'What differs from what was released.', sql: drift, width: 12, height: 6 }),
        rows({
          title: 'Policy violations',
          sql: violations,
          width: 12,
          height: 6,
          columns: { severity: { colors: statusColors } },
        }),
      ],
    },
    {
      title: 'Requests',
      panels: [
        bars({
          title: 'Requests a minute',
          sql: requests,
          width: 8,
        }),
        lines({ title: 'Latency of requests', sql: latencies('bot', ofBot), width: 8, unit: 'ms' }),
        lines({
          title: 'Latency of probes',
          about: 'The newest 2,000; of simulated bots only those that changed their health.',
          sql: probes,
          width: 8,
          unit: 'ms',
        }),
        bars({
          title: 'Cost an hour, by model',
          sql: byName('MODEL', aMinute('call', 'sum(cost_usd) * 60'), 'cost_usd'),
          width: 8,
          unit: 'currencyUSD',
        }),
        bars({
          title: 'Tokens a minute, by model',
          sql: byName('MODEL', aMinute('call', 'sum(input_tokens + output_tokens)'), 'input_tokens, output_tokens'),
          width: 8,
        }),
        bars({ title: 'Tool calls a minute', sql: byName('TOOL', aMinute('call', 'sum(calls)'), 'calls'), width: 8 }),
        rows({
          title: 'Newest traces',
          sql: newestTraces,
          width: 24,
          height: 10,
          columns: {
            trace: { link: toTrace },
            status: { colors: statusColors },
            took: { unit: 'ms' },
            cost: { unit: 'currencyUSD' },
          },
        }),
        rows({
          title: 'Errors that say the same',
          about: 'Since they are kept, the latest first.',
          sql: errors,
          width: 24,
          columns: { trace: { link: toTrace } },
        }),
      ],
    },
    {
      title: 'Versions',
      panels: [
        rows({
          title: 'Configurations that answered',
          sql: versions,
          width: 12,
          columns: {
            failed: { unit: 'percentunit' },
            p95: { unit: 'ms' },
            'cost of a request': { unit: 'currencyUSD' },
          },
        }),
        rows({ title: 'Timeline', about: 'The newest 200 steps.', sql: timeline, width: 12 }),
      ],
    },
  ],
};
