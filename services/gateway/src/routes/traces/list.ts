// Lists of traces, of sessions and of errors.
import { SpanType, TraceState } from '@molthub/contracts';
import { z } from 'zod';
import { listing } from '../../listing.ts';
import { plainRow } from '../../read-side.ts';
import { list, route, type Route } from '../../route.ts';
import { text, time, uuid } from '../shapes.ts';
import { Cursor, Limit } from './search.ts';
import { Fingerprint, fleetNow, fromTraces, scopeOf, SpanStatus, Trace, traceColumns, visible } from './trace-row.ts';
import { windowFields, windowOf } from './window.ts';

const traces = list({
  path: '/traces',
  permission: 'trace:read',
  reach: 'filtered',
  summary: 'Lists traces, newest first.',
  item: Trace,
  listing: listing({
    name: 'traces',
    columns: traceColumns,
    from: fromTraces,
    workspace: 't.workspace',
    fleet: fleetNow('t'),
    key: { column: 't.id', type: 'uuid' },
    sorts: {
      startedAt: { column: 't.started_at', type: 'timestamptz' },
      durationMs: { column: 't.duration_ms', type: 'float8' },
      costUsd: { column: 't.cost_usd', type: 'float8' },
    },
    defaultSort: '-startedAt',
    filters: {
      botInstanceId: { where: 't.bot_id = ?', value: uuid },
      fleetId: { where: `${fleetNow('t')} = ?`, value: uuid },
      status: { where: 't.status = ?', value: SpanStatus },
      state: { where: 't.state = ?', value: TraceState },
      type: { where: 't.type = ?', value: SpanType },
      model: { where: '? = any(t.models)', value: text },
      configHash: { where: 't.config_hash = ?', value: text },
      session: { where: 't.session = ?', value: text },
      run: { where: 't.run = ?', value: text },
      from: { where: 't.started_at >= ?', value: time },
      to: { where: 't.started_at < ?', value: time },
    },
  }),
});

const ErrorGroup = z.object({
  botInstanceId: z.uuid(),
  fleetId: z.uuid().nullable(),
  fingerprint: z.string().describe('The same for errors that differ in numbers and ids only.'),
  name: z.string(),
  errorType: z.string(),
  message: z.string(),
  count: z.int().describe('Spans that ended so.'),
  firstAt: time,
  lastAt: time,
  traceId: z.string().describe('Of the latest.'),
});

const errors = list({
  path: '/traces/errors',
  permission: 'trace:read',
  reach: 'filtered',
  summary: 'Lists the errors of bots, each kind once, the latest first.',
  item: ErrorGroup,
  listing: listing({
    name: 'trace-errors',
    columns: `e.bot_id as "botInstanceId", e.fleet_id as "fleetId", e.fingerprint, e.name, e.error_type as "errorType",
      e.message, e.count, e.first_at as "firstAt", e.last_at as "lastAt", e.trace_id as "traceId"`,
    from: 'trace_read.error_groups e',
    workspace: 'e.workspace',
    fleet: fleetNow('e'),
    key: { column: '(e.bot_id::text || e.fingerprint)', type: 'text' },
    sorts: {
      lastAt: { column: 'e.last_at', type: 'timestamptz' },
      firstAt: { column: 'e.first_at', type: 'timestamptz' },
      count: { column: 'e.count', type: 'float8' },
    },
    defaultSort: '-lastAt',
    filters: {
      botInstanceId: { where: 'e.bot_id = ?', value: uuid },
      fleetId: { where: `${fleetNow('e')} = ?`, value: uuid },
      fingerprint: { where: 'e.fingerprint = ?', value: Fingerprint },
      errorType: { where: 'e.error_type = ?', value: text },
      text: { where: 'position(lower(?) in lower(e.message)) > 0', value: text },
      from: { where: 'e.last_at >= ?', value: time },
      to: { where: 'e.first_at < ?', value: time },
    },
  }),
});

const Session = z.object({
  session: z.string(),
  botInstanceId: z.uuid(),
  traces: z.int(),
  errorSpans: z.int().describe('Spans that ended in error, of whatever kind.'),
  errors: z.int().describe('The same as errorSpans.'),
  requests: z.int(),
  modelCalls: z.int(),
  toolCalls: z.int(),
  inputTokens: z.int(),
  cachedTokens: z.int(),
  outputTokens: z.int(),
  costUsd: z.number(),
  unpricedCalls: z.int(),
  firstAt: time,
  lastAt: time,
});

const sums = `count(*)::int as traces, sum(t.error_count)::int as errors,
  sum(t.error_count)::int as "errorSpans", sum(t.request_count)::int as requests,
  sum(t.model_calls)::int as "modelCalls", sum(t.tool_calls)::int as "toolCalls",
  sum(t.input_tokens)::float8 as "inputTokens", sum(t.cached_tokens)::float8 as "cachedTokens",
  sum(t.output_tokens)::float8 as "outputTokens", sum(t.cost_usd)::float8 as "costUsd",
  sum(t.unpriced_calls)::int as "unpricedCalls", min(t.started_at) as "firstAt", max(t.started_at) as "lastAt"`;

const Place = z.object({ placeTime: z.string(), placeBot: z.string(), session: z.string() });

const sessions = route({
  method: 'GET',
  path: '/traces/sessions',
  permission: 'trace:read',
  reach: 'filtered',
  summary: 'Lists the sessions (conversations) of bots with what their traces in a time add up to, the latest first.',
  query: z.strictObject({
    ...windowFields,
    botInstanceId: uuid.optional(),
    session: text.optional(),
    limit: Limit,
    cursor: Cursor,
  }),
  answer: z.object({ items: z.array(Session), nextCursor: z.string().nullable() }),
  run: async (call, { query }) => {
    const { limit: limitText, cursor, ...asked } = query;
    const limit = Number(limitText);
    const { from, to } = windowOf(query);
    const binding = JSON.stringify(['traces/sessions', call.workspace, asked, call.principal.fleetIds]);
    const place = cursor === undefined ? undefined : call.world.cursors.read(binding, cursor);
    const rows = await call.world.views(
      `select t.session, t.bot_id as "botInstanceId", ${sums}, max(t.started_at)::text as "placeTime",
         t.bot_id::text as "placeBot"
       from ${fromTraces} where ${visible('t')} and t.session is not null and t.started_at >= $3::timestamptz
         and t.started_at < $4::timestamptz and ($5::uuid is null or t.bot_id = $5) and ($6::text is null or t.session = $6)
       group by t.bot_id, t.session
       having $7::timestamptz is null
         or (max(t.started_at), t.bot_id, t.session) < ($7::timestamptz, $8::uuid, $9::text)
       order by max(t.started_at) desc, t.bot_id desc, t.session desc limit $10`,
      [
        ...scopeOf(call),
        from,
        to,
        query.botInstanceId ?? null,
        query.session ?? null,
        place?.[0] ?? null,
        place?.[1] ?? null,
        place?.[2] ?? null,
        limit + 1,
      ],
    );
    const last = rows.length > limit ? Place.parse(rows[limit - 1]) : undefined;
    const items = rows.slice(0, limit).map(({ placeTime: _, placeBot: __, ...row }) => plainRow(row));
    return {
      status: 200,
      body: {
        items,
        nextCursor: last ? call.world.cursors.issue(binding, [last.placeTime, last.placeBot, last.session]) : null,
      },
    };
  },
});

export const listRoutes: readonly Route[] = [traces, errors, sessions];
