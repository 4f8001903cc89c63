// Spans into their table, and all that is counted from them, as one statement: what was there already counts nothing.
import { latencyBucketsMs } from '@molthub/contracts';
import type { Sql } from '@molthub/event-store';
import type { SpanRecord } from '../span-record.ts';

/** Who sent telemetry, as the token says. */
export type Source = {
  readonly workspace: string;
  readonly botId: string;
  readonly fleetId: string | null;
  readonly simulated: boolean;
};

export type Batch = { readonly source: Source; readonly records: readonly SpanRecord[] };

/** Stores the spans that are new, with traces, rollups and failures; answers how many were new. */
export const storeSpans = async (sql: Sql, batches: readonly Batch[]): Promise<number> => {
  const columns = columnsOf(batches);
  const rows = await sql<{ stored: number }>(statement, columns);
  return rows[0]?.stored ?? 0;
};

const columnsOf = (batches: readonly Batch[]) => {
  const sources = new Map<string, { readonly source: Source; readonly index: number }>();
  const resources = new Map<string, number>();
  const rows: { readonly record: SpanRecord; readonly source: number; readonly resource: number }[] = [];
  for (const { source, records } of batches) {
    const known = sources.get(source.botId) ?? { source, index: sources.size };
    sources.set(source.botId, known);
    for (const record of records) {
      const resource = resources.get(record.resource) ?? resources.size;
      resources.set(record.resource, resource);
      rows.push({ record, source: known.index, resource });
    }
  }
  const senders = [...sources.values()].map(({ source }) => source);
  const column = <T>(of: (record: SpanRecord) => T) => rows.map(({ record }) => of(record));
  return [
    senders.map((s) => s.workspace),
    senders.map((s) => s.botId),
    senders.map((s) => s.fleetId),
    senders.map((s) => s.simulated),
    lines([...resources.keys()]),
    plain(rows.map((row) => row.source)),
    plain(rows.map((row) => row.resource)),
    plain(column((r) => r.traceId)),
    plain(column((r) => r.spanId)),
    plain(column((r) => r.parentSpanId ?? 'NULL')),
    column((r) => r.name),
    plain(column((r) => r.type)),
    plain(column((r) => r.kind)),
    plain(column((r) => r.status)),
    column((r) => r.statusMessage),
    plain(column((r) => r.startedNs)),
    plain(column((r) => r.durationNs)),
    plain(column((r) => r.request)),
    plain(column((r) => r.inputTokens)),
    plain(column((r) => r.outputTokens)),
    column((r) => r.scope),
    lines(column((r) => r.attributes)),
    lines(column((r) => r.events)),
    lines(column((r) => r.links)),
  ];
};

// Quoting each of a thousand values costs more than all else here, and most need none.
/** An array of values that hold no quote, comma or brace. */
const plain = (values: readonly unknown[]) => `{${values.join(',')}}`;
/** JSON texts, one a line: JSON writes a line break only as an escape. */
const lines = (values: readonly string[]) => values.join('\n');

const buckets = latencyBucketsMs.length + 1;
// An upper bound belongs to its bucket, and width_bucket takes lower bounds: 1 ns less makes the one the other.
const bucketOf = `width_bucket(duration_ns - 1, array[${latencyBucketsMs.map((ms) => ms * 1_000_000).join(',')}]::bigint[])`;
const each = (expression: (bucket: number) => string) =>
  Array.from({ length: buckets }, (_, i) => expression(i)).join(', ');
const time = (ns: string) => `timestamptz 'epoch' + (${ns} / 1000) * interval '1 microsecond'`;
/** Of the spans of a group, the first root, or else the first span. */
const leading = (column: string) => `(array_agg(${column} order by rank, started_ns, span_id))[1]`;
const ifLeading = (column: string) =>
  `${column} = case when (excluded.named_rank, excluded.named_ns, excluded.named_span)
     < (t.named_rank, t.named_ns, t.named_span) then excluded.${column} else t.${column} end`;

// Rows are written in the order of their keys, so that two processes that write the same ones do not deadlock.
const statement = `
with sources as materialized (
  select * from unnest($1::text[], $2::uuid[], $3::uuid[], $4::boolean[])
    with ordinality as s(workspace, bot_id, fleet_id, simulated, ordinal)
), resources as materialized (
  select r.json::jsonb as resource, r.ordinal from unnest(string_to_array($5, E'\\n')) with ordinality as r(json, ordinal)
), inserted as (
  insert into spans (workspace, bot_id, trace_id, span_id, parent_span_id, name, type, kind, status, status_message,
    started_at, started_ns, duration_ns, request, input_tokens, output_tokens, scope, attributes, resource, events, links)
  select s.workspace, s.bot_id, i.trace_id, i.span_id, i.parent_span_id, i.name, i.type, i.kind, i.status,
    i.status_message, ${time('i.started_ns')}, i.started_ns, i.duration_ns, i.request, i.input_tokens, i.output_tokens,
    i.scope, i.attributes::jsonb, r.resource, i.events::jsonb, i.links::jsonb
  from unnest($6::int[], $7::int[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::smallint[],
    $14::smallint[], $15::text[], $16::bigint[], $17::bigint[], $18::boolean[], $19::int[], $20::int[], $21::text[],
    string_to_array($22, E'\\n'), string_to_array($23, E'\\n'), string_to_array($24, E'\\n'))
    as i(source, resource, trace_id, span_id, parent_span_id, name, type, kind, status, status_message, started_ns,
      duration_ns, request, input_tokens, output_tokens, scope, attributes, events, links)
  join sources s on s.ordinal = i.source + 1
  join resources r on r.ordinal = i.resource + 1
  order by i.trace_id, i.span_id, s.bot_id
  on conflict do nothing
  returning workspace, bot_id, trace_id, span_id, parent_span_id, name, type, status, status_message, started_at,
    started_ns, duration_ns, started_ns + duration_ns as ended_ns, request, input_tokens, output_tokens,
    case when parent_span_id is null then 0 else 1 end as rank
), into_traces as (
  insert into traces as t (workspace, bot_id, trace_id, id, name, type, status, named_rank, named_ns, named_span,
    started_ns, ended_ns, started_at, span_count, error_count, root_count, input_tokens, output_tokens)
  select workspace, bot_id, trace_id,
    overlay(overlay(md5(bot_id::text || trace_id) placing '8' from 13) placing '8' from 17)::uuid,
    ${leading('name')}, ${leading('type')}, ${leading('status')}, min(rank), ${leading('started_ns')},
    ${leading('span_id')}, min(started_ns), max(ended_ns), ${time('min(started_ns)')}, count(*),
    count(*) filter (where status = 2), count(*) filter (where rank = 0), sum(input_tokens), sum(output_tokens)
  from inserted group by workspace, bot_id, trace_id order by trace_id, bot_id
  on conflict (trace_id, bot_id) do update set
    ${['name', 'type', 'status'].map(ifLeading).join(', ')},
    named_rank = least(t.named_rank, excluded.named_rank),
    ${['named_ns', 'named_span'].map(ifLeading).join(', ')},
    started_ns = least(t.started_ns, excluded.started_ns),
    ended_ns = greatest(t.ended_ns, excluded.ended_ns),
    started_at = least(t.started_at, excluded.started_at),
    span_count = t.span_count + excluded.span_count,
    error_count = t.error_count + excluded.error_count,
    root_count = t.root_count + excluded.root_count,
    input_tokens = t.input_tokens + excluded.input_tokens,
    output_tokens = t.output_tokens + excluded.output_tokens,
    updated_at = now()
), configured as (
  select i.*, date_trunc('minute', ${time('ended_ns')}) as minute, ${bucketOf} as bucket,
    coalesce((select c.hash from bot_configs c where c.bot_id = i.bot_id and c.since <= i.started_at
      order by c.since desc limit 1), '') as config_hash
  from inserted i
), into_minutes as (
  insert into bot_minutes as m (workspace, bot_id, config_hash, minute, fleet_id, simulated, requests, errors, spans,
    model_calls, tool_calls, latency_counts, duration_ns_sum, input_tokens, output_tokens)
  select c.workspace, c.bot_id, c.config_hash, c.minute, s.fleet_id, s.simulated, count(*) filter (where request),
    count(*) filter (where request and status = 2), count(*), count(*) filter (where type = 'MODEL'),
    count(*) filter (where type = 'TOOL'),
    array[${each((i) => `count(*) filter (where request and bucket = ${i})`)}],
    coalesce(sum(duration_ns) filter (where request), 0), sum(input_tokens), sum(output_tokens)
  from configured c join sources s on s.bot_id = c.bot_id
  group by c.workspace, c.bot_id, c.config_hash, c.minute, s.fleet_id, s.simulated
  order by c.bot_id, c.minute, c.config_hash
  on conflict (bot_id, minute, config_hash) do update set
    fleet_id = excluded.fleet_id,
    simulated = excluded.simulated,
    requests = m.requests + excluded.requests,
    errors = m.errors + excluded.errors,
    spans = m.spans + excluded.spans,
    model_calls = m.model_calls + excluded.model_calls,
    tool_calls = m.tool_calls + excluded.tool_calls,
    latency_counts = array[${each((i) => `m.latency_counts[${i + 1}] + excluded.latency_counts[${i + 1}]`)}],
    duration_ns_sum = m.duration_ns_sum + excluded.duration_ns_sum,
    input_tokens = m.input_tokens + excluded.input_tokens,
    output_tokens = m.output_tokens + excluded.output_tokens,
    updated_at = now()
), into_failures as (
  insert into failed_minutes as f (workspace, bot_id, minute, fleet_id, count, trace_id, name, message)
  select c.workspace, c.bot_id, c.minute, s.fleet_id, count(*), (array_agg(trace_id order by started_ns, span_id))[1],
    (array_agg(name order by started_ns, span_id))[1], (array_agg(status_message order by started_ns, span_id))[1]
  from configured c join sources s on s.bot_id = c.bot_id
  where c.status = 2 and (c.request or c.parent_span_id is null)
  group by c.workspace, c.bot_id, c.minute, s.fleet_id order by c.bot_id, c.minute
  on conflict (bot_id, minute) do update set count = f.count + excluded.count
)
select count(*)::int as stored from inserted`;
