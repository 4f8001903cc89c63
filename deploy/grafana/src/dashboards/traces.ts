// What bots were asked, how long that took and what it cost, by model, tool, bot and configuration.
import type { Described } from '../dashboard.ts';
import { toBot, tracesUid, toTrace } from '../links.ts';
import { bars, buckets, lines, numbers, ranking, rows, statusColors } from '../panels.ts';
import { aMinute, bucketSums, latencies, latencyHeatmap, point, quantile, rollup } from '../rollups.ts';
import { among, inFleets } from '../scope.ts';
import { bots, fleets, workspace } from '../variables.ts';

const inScope = `${inFleets()} and ${among('bot_id', 'bot')}`;

const totals = `select sum(requests)::float8 as "requests", sum(errors)::float8 / nullif(sum(requests), 0) as "failed",
  sum(input_tokens)::float8 as "tokens in", sum(cached_tokens)::float8 / nullif(sum(input_tokens), 0) as "from cache",
  sum(output_tokens)::float8 as "tokens out", sum(cost_usd)::float8 as "cost",
  sum(unpriced_calls)::float8 as "calls without a price", sum(spans)::float8 as "spans"
from ${rollup('bot', 'requests, errors, spans, input_tokens, cached_tokens, output_tokens, cost_usd, unpriced_calls', inScope)}`;

const requests = `select ${point('at')}, ${aMinute('bot', 'sum(requests - errors)')} as "answered",
  ${aMinute('bot', 'sum(errors)')} as "failed"
from ${rollup('bot', 'requests, errors', inScope)}
group by 1 order by 1`;

const ofCalls = (type: 'MODEL' | 'TOOL', value: string, columns: string) =>
  `select ${point('at')}, name as metric, ${value} as value
from ${rollup('call', `name, ${columns}`, `${inScope} and type = '${type}'`)}
group by 1, 2 order by 1`;

const tokens = `select ${point('at')},
  ${aMinute('call', 'sum(greatest(input_tokens - cached_tokens - cache_write_tokens, 0))')} as "in, not cached",
  ${aMinute('call', 'sum(cached_tokens)')} as "in, from cache", ${aMinute('call', 'sum(cache_write_tokens)')} as "in, to cache",
  ${aMinute('call', 'sum(output_tokens - reasoning_tokens)')} as "out", ${aMinute('call', 'sum(reasoning_tokens)')} as "reasoning"
from ${rollup('call', 'input_tokens, cached_tokens, cache_write_tokens, output_tokens, reasoning_tokens', `${inScope} and type = 'MODEL'`)}
group by 1 order by 1`;

const listedCalls = (type: 'MODEL' | 'TOOL', label: string) =>
  `select name as "${label}", sum(calls)::float8 as "calls", sum(errors)::float8 / nullif(sum(calls), 0) as "failed",
  ${quantile(0.5, bucketSums)} as "p50", ${quantile(0.95, bucketSums)} as "p95", sum(input_tokens)::float8 as "tokens in",
  sum(output_tokens)::float8 as "tokens out", sum(cost_usd)::float8 as "cost"
from ${rollup('call', 'name, calls, errors, latency_counts, input_tokens, output_tokens, cost_usd', `${inScope} and type = '${type}'`)}
group by 1 order by 2 desc limit 50`;

const costOfBots = `select coalesce(b.name, r.bot_id::text) as "bot", r.cost as "cost"
from (
  select bot_id, sum(cost_usd)::float8 as cost from ${rollup('bot', 'bot_id, cost_usd', inScope)}
  group by 1 order by 2 desc limit 10
) r left join config_read.bots b on b.id = r.bot_id
order by 2 desc`;

const configurations = `select config_hash as "configuration", count(distinct bot_id)::float8 as "bots",
  sum(requests)::float8 as "requests", sum(errors)::float8 / nullif(sum(requests), 0) as "failed",
  ${quantile(0.5, bucketSums)} as "p50", ${quantile(0.95, bucketSums)} as "p95",
  (sum(input_tokens + output_tokens) / nullif(sum(requests), 0))::float8 as "tokens a request",
  (sum(cost_usd) / nullif(sum(requests), 0))::float8 as "cost of a request", max(at) as "latest"
from ${rollup('bot', 'config_hash, bot_id, requests, errors, latency_counts, input_tokens, output_tokens, cost_usd', inScope)}
group by 1 order by 3 desc limit 50`;

const traceColumns = `t.started_at as "time", t.trace_id as "trace", b.name as "bot", t.name, t.status, t.state, t.duration_ms as "took",
  t.span_count as "spans", t.cost_usd as "cost", t.error_message as "error", t.bot_id`;

const newest = (where: string) =>
  `select ${traceColumns}
from (
  select * from trace_read.traces
  where ${inScope} and ${where}$__timeFilter(started_at) order by started_at desc limit 100
) t left join config_read.bots b on b.id = t.bot_id
order by 1 desc`;

/** Of so many newest ones: the slowest of all would be looked for among everything. */
const amongNewest = 1_000;
const slowest = `select ${traceColumns}
from (
  select * from trace_read.traces
  where ${inScope} and $__timeFilter(started_at) order by started_at desc limit ${amongNewest}
) t left join config_read.bots b on b.id = t.bot_id
order by t.duration_ms desc limit 50`;

const errors = `select g.last_at as "latest", b.name as "bot", g.name, g.error_type as "type", g.message, g.count,
  g.first_at as "first", g.trace_id as "trace", g.bot_id
from trace_read.error_groups g left join config_read.bots b on b.id = g.bot_id
where ${inFleets('g.')} and ${among('g.bot_id', 'bot')} order by g.last_at desc limit 100`;

const traceTable = {
  trace: { link: toTrace },
  bot: { link: toBot },
  status: { colors: statusColors },
  took: { unit: 'ms' },
  cost: { unit: 'currencyUSD' },
  bot_id: { hidden: true },
} as const;
const answered = { failed: { unit: 'percentunit' }, p50: { unit: 'ms' }, p95: { unit: 'ms' } } as const;
const callTable = { ...answered, cost: { unit: 'currencyUSD' } } as const;

export const tracesAndCost: Described = {
  uid: tracesUid,
  title: 'Molthub: traces and cost',
  about: 'What bots were asked, how long that took and what it cost.',
  variables: [workspace(), fleets(), bots()],
  sections: [
    {
      title: 'Requests',
      panels: [
        numbers({
          title: 'In this time',
          sql: totals,
          width: 24,
          columns: {
            failed: { unit: 'percentunit' },
            'from cache': { unit: 'percentunit' },
            cost: { unit: 'currencyUSD' },
          },
        }),
        bars({ title: 'Requests a minute', sql: requests, width: 8 }),
        lines({ title: 'Latency of requests', sql: latencies('bot', inScope), width: 8, unit: 'ms' }),
        buckets({ title: 'How many were how slow', sql: latencyHeatmap(inScope), width: 8 }),
        rows({
          title: 'Configurations side by side',
          sql: configurations,
          width: 24,
          columns: { ...answered, 'cost of a request': { unit: 'currencyUSD' } },
        }),
      ],
    },
    {
      title: 'Tokens and cost',
      panels: [
        bars({ title: 'Tokens a minute', sql: tokens, width: 8 }),
        bars({
          title: 'Cost an hour, by model',
          sql: ofCalls('MODEL', aMinute('call', 'sum(cost_usd) * 60'), 'cost_usd'),
          width: 8,
          unit: 'currencyUSD',
        }),
        ranking({ title: 'Bots that cost most', sql: costOfBots, width: 8, unit: 'currencyUSD' }),
        rows({ title: 'Models', sql: listedCalls('MODEL', 'model'), width: 24, height: 6, columns: callTable }),
      ],
    },
    {
      title: 'Calls of models and tools',
      panels: [
        lines({
          title: 'Latency of model calls',
          sql: latencies('call', `${inScope} and type = 'MODEL'`),
          width: 12,
          unit: 'ms',
        }),
        bars({ title: 'Tool calls a minute', sql: ofCalls('TOOL', aMinute('call', 'sum(calls)'), 'calls'), width: 12 }),
        rows({ title: 'Tools', sql: listedCalls('TOOL', 'tool'), width: 24, height: 6, columns: callTable }),
      ],
    },
    {
      title: 'Traces',
      panels: [
        rows({ title: 'Newest traces', sql: newest(''), width: 24, columns: traceTable }),
        rows({
          title: 'Newest traces with errors',
          sql: newest('error_count > 0 and '),
          width: 24,
          columns: traceTable,
        }),
        rows({
          title: `The slowest of the newest ${amongNewest} traces`,
          sql: slowest,
          width: 24,
          columns: traceTable,
        }),
        rows({
          title: 'Errors that say the same',
          about: 'Since they are kept, the latest first.',
          sql: errors,
          width: 24,
          columns: { bot: { link: toBot }, trace: { link: toTrace }, bot_id: { hidden: true } },
        }),
      ],
    },
  ],
};
