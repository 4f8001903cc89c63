// What was counted of new spans, into its tables: one statement, whose rows are written in the order of their keys, so
// that two processes that write the same ones do not deadlock.
import { latencyBucketsMs, SpanType, tokenBuckets } from '@molthub/contracts';
import type { Sql } from '@molthub/event-store';
import { applyErrors } from './apply-errors.ts';
import { z } from 'zod';
import { Suspect } from '../runaway/find-runaways.ts';
import { compareTexts, type Folded } from './fold.ts';

/** Answers the traces and minutes of bots that now have at least so many calls. */
export const applyGroups = async (
  sql: Sql,
  { traces, bots, calls, failures, errors }: Folded,
  callsMin: number,
): Promise<readonly Suspect[]> => {
  const many = await sql(statement, [rowsOf(traces), rowsOf(bots), rowsOf(calls), rowsOf(failures), callsMin]);
  if (errors.length > 0) await applyErrors(sql, rowsOf(errors));
  return z.array(Suspect).parse(many);
};

/** Names of models that a trace tells: the first ones, whichever came first. */
const modelsMax = 16;
const firstTexts = (texts: ReadonlySet<unknown>): readonly string[] =>
  [...texts]
    .map(String)
    .toSorted((a, b) => compareTexts([a], [b]))
    .slice(0, modelsMax);

/** JSON has no integers of 64 bits, so they are texts; columns are named as the fields are. */
const rowsOf = (groups: readonly object[]): string =>
  JSON.stringify(groups, (_key, value: unknown) => {
    if (typeof value === 'bigint') return String(value);
    return value instanceof Set ? firstTexts(value) : value;
  });

const latencyBuckets = latencyBucketsMs.length + 1;
const time = (ns: string) => `timestamptz 'epoch' + (${ns} / 1000) * interval '1 microsecond'`;
const minute = `timestamptz 'epoch' + g.minute * interval '1 millisecond'`;
/** The place of a type in `SpanType`. */
const typeCode = `array_position(array['${SpanType.options.join("','")}'], type) - 1`;
const spanId = (hex: string) => `('x' || ${hex})::bit(64)::bigint`;
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

const tracesIn = `
  select * from jsonb_to_recordset($1) as g("source" jsonb, "traceId" uuid, "configHash" text, name text, type text,
    status smallint, rank smallint, "namedNs" bigint, "namedSpan" text, "startedNs" bigint, "endedNs" bigint,
    "spanCount" bigint, "errorCount" bigint, "rootCount" bigint, "requestCount" bigint, "modelCalls" bigint,
    "toolCalls" bigint, "inputTokens" bigint, "cachedTokens" bigint, "outputTokens" bigint, "costPico" numeric,
    "unpricedCalls" bigint, models text[], session text, run text, error jsonb)`;

const intoTraces = `
  insert into traces as t (workspace, bot_id, fleet_id, trace_id, id, config_hash, name, type, status, named_rank,
    named_ns, named_span, started_ns, ended_ns, started_at, span_count, error_count, root_count, request_count,
    model_calls, tool_calls, ${tokens.join(', ')}, models, session, run, error_ns, error_message, fingerprint)
  select source ->> 'workspace', (source ->> 'botId')::uuid, (source ->> 'fleetId')::uuid, "traceId",
    overlay(overlay(md5((source ->> 'botId') || replace("traceId"::text, '-', '')) placing '8' from 13)
      placing '8' from 17)::uuid,
    "configHash", name, ${typeCode}, status, rank, "namedNs", ${spanId('"namedSpan"')}, "startedNs", "endedNs",
    ${time('"startedNs"')}, "spanCount", "errorCount", "rootCount", "requestCount", "modelCalls", "toolCalls",
    "inputTokens", "cachedTokens", "outputTokens", "costPico", "unpricedCalls", models, session, run,
    (error ->> 'ns')::bigint, error ->> 'message', (error ->> 'fingerprint')::bigint
  from (${tracesIn}) g order by "traceId", source ->> 'botId'
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
  select source ->> 'workspace' as workspace, (source ->> 'botId')::uuid as bot_id, "configHash" as config_hash,
    ${minute} as minute, (source ->> 'fleetId')::uuid as fleet_id, (source ->> 'simulated')::boolean as simulated,
    requests, errors, spans, "modelCalls" as model_calls, "toolCalls" as tool_calls, "durationNs" as duration_ns_sum,
    "inputTokens" as input_tokens, "cachedTokens" as cached_tokens, "outputTokens" as output_tokens,
    "costPico" as cost_pico, "unpricedCalls" as unpriced_calls, "latencyCounts" as latency_counts
  from jsonb_to_recordset($2) as g(source jsonb, "configHash" text, minute bigint, requests bigint, errors bigint,
    spans bigint, "modelCalls" bigint, "toolCalls" bigint, "latencyCounts" bigint[], "durationNs" numeric,
    "inputTokens" bigint, "cachedTokens" bigint, "outputTokens" bigint, "costPico" numeric, "unpricedCalls" bigint)`;

const callsIn = `
  select source ->> 'workspace' as workspace, (source ->> 'botId')::uuid as bot_id, "configHash" as config_hash,
    ${minute} as minute, (source ->> 'fleetId')::uuid as fleet_id, ${typeCode} as type, name, calls, errors,
    "durationNs" as duration_ns_sum, "inputTokens" as input_tokens, "cachedTokens" as cached_tokens,
    "outputTokens" as output_tokens, "costPico" as cost_pico, "unpricedCalls" as unpriced_calls,
    "cacheWriteTokens" as cache_write_tokens, "reasoningTokens" as reasoning_tokens,
    "latencyCounts" as latency_counts, "tokenCounts" as token_counts
  from jsonb_to_recordset($3) as g(source jsonb, "configHash" text, minute bigint, type text, name text,
    calls bigint, errors bigint, "latencyCounts" bigint[], "tokenCounts" bigint[], "durationNs" numeric,
    "inputTokens" bigint, "cachedTokens" bigint, "outputTokens" bigint, "costPico" numeric, "unpricedCalls" bigint,
    "cacheWriteTokens" bigint, "reasoningTokens" bigint)`;

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
select source ->> 'workspace', (source ->> 'botId')::uuid, ${minute}, (source ->> 'fleetId')::uuid, count, "traceId", name,
  message
from jsonb_to_recordset($4) as g(source jsonb, minute bigint, count bigint, "traceId" text, name text, message text)
order by source ->> 'botId', minute
on conflict (bot_id, minute) do update set count = t.count + excluded.count
)
select workspace, bot_id, fleet_id, trace_id, null::timestamptz as minute, calls from into_traces where calls >= $5
union all
select workspace, bot_id, fleet_id, null, minute, calls from into_bot_minutes where calls >= $5`;
