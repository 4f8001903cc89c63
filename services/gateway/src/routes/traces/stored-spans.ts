// Whole spans of traces, as whoever takes them elsewhere needs them.
import { z } from 'zod';
import type { PlainRow } from '../../read-side.ts';
import type { Call } from '../../route.ts';
import { fromTraces, scopeOf, SpanStatus, visible } from './trace-row.ts';

/** A span as it lies in the view; its JSON is text still, since what reads it must not lose a digit. */
const StoredSpan = z.object({
  botId: z.string(),
  traceId: z.string(),
  spanId: z.string(),
  parentSpanId: z.string().nullable(),
  name: z.string(),
  kind: z.number(),
  status: SpanStatus,
  statusMessage: z.string(),
  startedNs: z.string(),
  durationNs: z.string(),
  flags: z.number(),
  scope: z.string(),
  attributes: z.string(),
  resource: z.string(),
  events: z.string(),
  links: z.string(),
  scopeRest: z.string().nullable(),
  rest: z.string().nullable(),
});
export type StoredSpan = z.infer<typeof StoredSpan>;

const columns = `s.bot_id as "botId", s.trace_id as "traceId", s.span_id as "spanId", s.parent_span_id as "parentSpanId",
  s.name, s.kind, s.status, s.status_message as "statusMessage", s.started_ns as "startedNs",
  s.duration_ns as "durationNs", s.flags, s.scope, s.attributes::text as attributes, s.resource::text as resource,
  s.events::text as events, s.links::text as links, s.scope_rest::text as "scopeRest", s.rest::text as rest`;

export type TraceOfBot = {
  readonly traceId: string;
  readonly botInstanceId: string;
  readonly startedAt: string;
  readonly endedAt: string;
};
export const traceOfBot = z.object({
  traceId: z.string(),
  botInstanceId: z.string(),
  startedAt: z.string(),
  endedAt: z.string(),
  spanCount: z.number(),
});

/** The spans of these traces, whose times are known to the millisecond; the earliest first, `limit` of all together. */
export const spansOf = async (
  call: Call,
  traces: readonly TraceOfBot[],
  limit: number,
): Promise<readonly StoredSpan[]> => {
  const rows = await call.world.views(
    `select s.* from unnest($2::uuid[], $3::uuid[], $4::timestamptz[], $5::timestamptz[]) as t(trace, bot, first, last)
     cross join lateral (select ${columns}, s.started_at from trace_read.spans s
       where s.workspace = $1 and s.trace_uuid = t.trace and s.bot_id = t.bot
         and s.started_at >= t.first and s.started_at <= t.last + interval '1 millisecond') s
     order by s.started_at, s."spanId" limit $6`,
    [
      call.workspace,
      traces.map((trace) => trace.traceId),
      traces.map((trace) => trace.botInstanceId),
      traces.map((trace) => trace.startedAt),
      traces.map((trace) => trace.endedAt),
      limit,
    ],
  );
  return rows.map((row) => StoredSpan.parse(row));
};

/** What is known of the traces with these ids, of every bot that the caller may see. */
export const tracesById = async (call: Call, traceIds: readonly string[]) => {
  const rows = await call.world.views(
    `select t.trace_id as "traceId", t.bot_id as "botInstanceId", t.started_at::text as "startedAt",
       t.ended_at::text as "endedAt", t.span_count as "spanCount"
     from ${fromTraces} where ${visible('t')} and t.trace_uuid = any($3::uuid[]) order by t.started_at desc limit 1000`,
    [...scopeOf(call), traceIds],
  );
  return rows.map((row: PlainRow) => traceOfBot.parse(row));
};
