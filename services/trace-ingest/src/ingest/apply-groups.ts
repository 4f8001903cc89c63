// What was counted of new spans, into its tables: one statement, whose rows are written in the order of their keys, so
// that two processes that write the same ones do not deadlock.
import { latencyBucketsMs, SpanType, tokenBuckets } from '@molthub/contracts';
import type { Sql } from '@molthub/event-store';
import { z } from 'zod';
import { Suspect } from '../runaway/find-runaways.ts';
import { applyErrors } from './apply-errors.ts';
import { type Column, columnar, listOf } from './columns.ts';
import {
  type BotGroup,
  type CallGroup,
  compareTexts,
  type FailureGroup,
  type Folded,
  signed,
  type TraceGroup,
} from './fold.ts';

/** Answers the traces and minutes of bots that now have at least so many calls. */
export const applyGroups = async (
  sql: Sql,
  { traces, bots, calls, failures, errors }: Folded,
  callsMin: number,
): Promise<readonly Suspect[]> => {
  const many = await sql(statement, [
    ...traceRows.values(traces),
    ...botRows.values(bots),
    ...callRows.values(calls),
    ...failureRows.values(failures),
    callsMin,
  ]);
  if (errors.length > 0) await applyErrors(sql, errors);
  return z.array(Suspect).parse(many);
};

/** Names of models that a trace tells: the first ones, whichever came first. */
const modelsMax = 16;
const firstTexts = (texts: ReadonlySet<string>): readonly string[] =>
  texts.size < 2 ? [...texts] : [...texts].toSorted((a, b) => compareTexts([a], [b])).slice(0, modelsMax);

type OfSource = { readonly source: TraceGroup['source'] };
const ofSource: readonly Column<OfSource>[] = [
  ['workspace', 'text', ({ source }) => source.workspace],
  ['bot_id', 'uuid', ({ source }) => source.botId],
  ['fleet_id', 'uuid', ({ source }) => source.fleetId],
];
type OfTokens = Pick<TraceGroup, 'inputTokens' | 'cachedTokens' | 'outputTokens' | 'costPico' | 'unpricedCalls'>;
const ofTokens: readonly Column<OfTokens>[] = [
  ['input_tokens', 'bigint', (g) => g.inputTokens],
  ['cached_tokens', 'bigint', (g) => g.cachedTokens],
  ['output_tokens', 'bigint', (g) => g.outputTokens],
  ['cost_pico', 'numeric', (g) => g.costPico],
  ['unpriced_calls', 'bigint', (g) => g.unpricedCalls],
];
const itself = (value: number | string) => value;
const typeCode = (type: SpanType): number => SpanType.options.indexOf(type);

const traceRows = columnar<TraceGroup>(1, [
  ...ofSource,
  ['trace_id', 'uuid', (g) => g.traceId],
  ['config_hash', 'text', (g) => g.configHash],
  ['name', 'text', (g) => g.name],
  ['type', 'smallint', (g) => typeCode(g.type)],
  ['status', 'smallint', (g) => g.status],
  ['named_rank', 'smallint', (g) => g.rank],
  ['named_ns', 'bigint', (g) => g.namedNs],
  ['named_span', 'bigint', (g) => signed(g.namedSpan)],
  ['started_ns', 'bigint', (g) => g.startedNs],
  ['ended_ns', 'bigint', (g) => g.endedNs],
  ['span_count', 'bigint', (g) => g.spanCount],
  ['error_count', 'bigint', (g) => g.errorCount],
  ['root_count', 'bigint', (g) => g.rootCount],
  ['request_count', 'bigint', (g) => g.requestCount],
  ['model_calls', 'bigint', (g) => g.modelCalls],
  ['tool_calls', 'bigint', (g) => g.toolCalls],
  ...ofTokens,
  ['models', 'text', (g) => listOf(firstTexts(g.models), itself)],
  ['session', 'text', (g) => g.session],
  ['run', 'text', (g) => g.run],
  ['error_ns', 'bigint', (g) => g.error?.ns ?? null],
  ['error_message', 'text', (g) => g.error?.message ?? null],
  ['fingerprint', 'bigint', (g) => g.error?.fingerprint ?? null],
]);

const botRows = columnar<BotGroup>(traceRows.next, [
  ...ofSource,
  ['config_hash', 'text', (g) => g.configHash],
  ['minute_ms', 'bigint', (g) => g.minute],
  ['simulated', 'boolean', (g) => g.source.simulated],
  ['requests', 'bigint', (g) => g.requests],
  ['errors', 'bigint', (g) => g.errors],
  ['spans', 'bigint', (g) => g.spans],
  ['model_calls', 'bigint', (g) => g.modelCalls],
  ['tool_calls', 'bigint', (g) => g.toolCalls],
  ['duration_ns_sum', 'numeric', (g) => g.durationNs],
  ...ofTokens,
  ['latency_counts', 'text', (g) => listOf(g.latencyCounts, itself)],
]);

const callRows = columnar<CallGroup>(botRows.next, [
  ...ofSource,
  ['config_hash', 'text', (g) => g.configHash],
  ['minute_ms', 'bigint', (g) => g.minute],
  ['type', 'smallint', (g) => typeCode(g.type)],
  ['name', 'text', (g) => g.name],
  ['calls', 'bigint', (g) => g.calls],
  ['errors', 'bigint', (g) => g.errors],
  ['duration_ns_sum', 'numeric', (g) => g.durationNs],
  ...ofTokens,
  ['cache_write_tokens', 'bigint', (g) => g.cacheWriteTokens],
  ['reasoning_tokens', 'bigint', (g) => g.reasoningTokens],
  ['latency_counts', 'text', (g) => listOf(g.latencyCounts, itself)],
  ['token_counts', 'text', (g) => listOf(g.tokenCounts, itself)],
]);

const failureRows = columnar<FailureGroup>(callRows.next, [
  ...ofSource,
  ['minute_ms', 'bigint', (g) => g.minute],
  ['count', 'bigint', (g) => g.count],
  ['trace_id', 'text', (g) => g.traceId],
  ['name', 'text', (g) => g.name],
  ['message', 'text', (g) => g.message],
]);

const latencyBuckets = latencyBucketsMs.length + 1;
const time = (ns: string) => `timestamptz 'epoch' + (${ns} / 1000) * interval '1 microsecond'`;
const minute = `timestamptz 'epoch' + minute_ms * interval '1 millisecond'`;
const sums = (columns: readonly string[]) =>
  columns.map((column) => `${column} = t.${column} + excluded.${column}`).join(', ');
const countsAdded = (column: string, length: number) =>
  `${column} = array[${Array.from({ length }, (_, i) => `t.${column}[${i + 1}] + excluded.${column}[${i + 1}]`).join(', ')}]`;
const ifLeading = (column: string) =>
  `${column} = case when (excluded.named_rank, excluded.named_ns, excluded.named_span)
     < (t.named_rank, t.named_ns, t.named_span) then excluded.${column} else t.${column} end`;
const ifEarlierError = (column: string) =>
  `${column} = case when t.error_ns is null or (excluded.error_ns, excluded.error_message collate "C",
     excluded.fingerprint) < (t.error_ns, t.error_message collate "C", t.fingerprint)
     then excluded.${column} else t.${column} end`;
const countsSummed = (column: string, length: number) =>
  `array[${Array.from({ length }, (_, i) => `sum(${column}[${i + 1}])`).join(', ')}]::bigint[]`;

const tokens = ['input_tokens', 'cached_tokens', 'output_tokens', 'cost_pico', 'unpriced_calls'];
const ofRequests = ['requests', 'errors', 'spans', 'model_calls', 'tool_calls', 'duration_ns_sum', ...tokens];
const ofCalls = ['calls', 'errors', 'duration_ns_sum', ...tokens, 'cache_write_tokens', 'reasoning_tokens'];

const intoTraces = `
  insert into traces as t (workspace, bot_id, fleet_id, trace_id, id, config_hash, name, type, status, named_rank,
    named_ns, named_span, started_ns, ended_ns, started_at, span_count, error_count, root_count, request_count,
    model_calls, tool_calls, ${tokens.join(', ')}, models, session, run, error_ns, error_message, fingerprint)
  select workspace, bot_id, fleet_id, trace_id,
    overlay(overlay(md5(bot_id::text || replace(trace_id::text, '-', '')) placing '8' from 13)
      placing '8' from 17)::uuid,
    config_hash, name, type, status, named_rank, named_ns, named_span, started_ns, ended_ns, ${time('started_ns')},
    span_count, error_count, root_count, request_count, model_calls, tool_calls, ${tokens.join(', ')}, models::text[],
    session, run, error_ns, error_message, fingerprint
  from ${traceRows.from} order by trace_id, bot_id
  on conflict (trace_id, bot_id) do update set
    ${['name', 'type', 'status', 'config_hash'].map(ifLeading).join(', ')},
    named_rank = least(t.named_rank, excluded.named_rank),
    ${['named_ns', 'named_span'].map(ifLeading).join(', ')},
    ${['error_ns', 'error_message', 'fingerprint'].map(ifEarlierError).join(', ')},
    fleet_id = coalesce(excluded.fleet_id, t.fleet_id),
    started_ns = least(t.started_ns, excluded.started_ns),
    ended_ns = greatest(t.ended_ns, excluded.ended_ns),
    started_at = least(t.started_at, excluded.started_at),
    ${sums(['span_count', 'error_count', 'root_count', 'request_count', 'model_calls', 'tool_calls', ...tokens])},
    models = case when t.models @> excluded.models then t.models else
      (select (array_agg(m order by m collate "C"))[1:${modelsMax}]
       from (select distinct m from unnest(t.models || excluded.models) as m) as d) end,
    session = least(t.session collate "C", excluded.session),
    run = least(t.run collate "C", excluded.run),
    updated_at = now()
  returning workspace, bot_id, fleet_id, trace_id, model_calls + tool_calls as calls`;

const botsIn = `
  select workspace, bot_id, config_hash, ${minute} as minute, fleet_id, simulated, ${ofRequests.join(', ')},
    latency_counts::bigint[] as latency_counts
  from ${botRows.from}`;

const callsIn = `
  select workspace, bot_id, config_hash, ${minute} as minute, fleet_id, type, name, ${ofCalls.join(', ')},
    latency_counts::bigint[] as latency_counts, token_counts::bigint[] as token_counts
  from ${callRows.from}`;

const latencyCounts = ['latency_counts', latencyBuckets] as const;
const tokenCounts = ['token_counts', tokenBuckets.length + 1] as const;

/** Into a table by minute or by hour; `from` has the same columns. */
const intoBots = (span: 'minute' | 'hour', from: string) => `
  insert into bot_${span}s as t (workspace, bot_id, config_hash, ${span}, fleet_id, simulated, ${ofRequests.join(', ')},
    latency_counts)
  select workspace, bot_id, config_hash, ${span}, fleet_id, simulated, ${ofRequests.join(', ')}, latency_counts
  from ${from} order by bot_id, ${span}, config_hash
  on conflict (bot_id, ${span}, config_hash) do update set fleet_id = excluded.fleet_id,
    simulated = excluded.simulated, ${sums(ofRequests)}, ${countsAdded(...latencyCounts)}, updated_at = now()
  returning workspace, bot_id, fleet_id, ${span}, model_calls + tool_calls as calls`;
const intoCalls = (span: 'minute' | 'hour', from: string) => `
  insert into call_${span}s as t (workspace, bot_id, config_hash, ${span}, type, name, fleet_id, ${ofCalls.join(', ')},
    latency_counts, token_counts)
  select workspace, bot_id, config_hash, ${span}, type, name, fleet_id, ${ofCalls.join(', ')}, latency_counts,
    token_counts
  from ${from} order by bot_id, ${span}, config_hash, type, name
  on conflict (bot_id, ${span}, config_hash, type, name) do update set fleet_id = excluded.fleet_id,
    ${sums(ofCalls)}, ${countsAdded(...latencyCounts)}, ${countsAdded(...tokenCounts)}, updated_at = now()`;

const statement = `
with bots as materialized (${botsIn}
), calls as materialized (${callsIn}
), bots_by_hour as (
  select min(workspace) as workspace, bot_id, config_hash, date_trunc('hour', minute) as hour,
    min(fleet_id::text)::uuid as fleet_id, bool_or(simulated) as simulated,
    ${ofRequests.map((column) => `sum(${column}) as ${column}`).join(', ')},
    ${countsSummed(...latencyCounts)} as latency_counts
  from bots group by bot_id, config_hash, date_trunc('hour', minute)
), calls_by_hour as (
  select min(workspace) as workspace, bot_id, config_hash, date_trunc('hour', minute) as hour, type, name,
    min(fleet_id::text)::uuid as fleet_id, ${ofCalls.map((column) => `sum(${column}) as ${column}`).join(', ')},
    ${countsSummed(...latencyCounts)} as latency_counts, ${countsSummed(...tokenCounts)} as token_counts
  from calls group by bot_id, config_hash, date_trunc('hour', minute), type, name
), into_traces as (${intoTraces}
), into_bot_minutes as (${intoBots('minute', 'bots')}
), into_bot_hours as (${intoBots('hour', 'bots_by_hour')}
), into_call_minutes as (${intoCalls('minute', 'calls')}
), into_call_hours as (${intoCalls('hour', 'calls_by_hour')}
), into_failed_minutes as (
insert into failed_minutes as t (workspace, bot_id, minute, fleet_id, count, trace_id, name, message)
select workspace, bot_id, ${minute}, fleet_id, count, trace_id, name, message
from ${failureRows.from} order by bot_id, minute_ms
on conflict (bot_id, minute) do update set count = t.count + excluded.count
)
select workspace, bot_id, fleet_id, trace_id, null::timestamptz as minute, calls from into_traces where calls >= $${failureRows.next}
union all
select workspace, bot_id, fleet_id, null, minute, calls from into_bot_minutes where calls >= $${failureRows.next}`;
