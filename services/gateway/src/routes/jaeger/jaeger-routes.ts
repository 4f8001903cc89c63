// Jaeger's query API, as far as Grafana's datasource and Jaeger's own page ask.
import { z } from 'zod';
import { notFound } from '../../read-side.ts';
import { type Call, route, type Route } from '../../route.ts';
import { text } from '../shapes.ts';
import { type Conditions, searchTraces, tracesOpenedMax } from '../traces/search-traces.ts';
import { spansOf, type StoredSpan, traceOfBot, tracesById } from '../traces/stored-spans.ts';
import { fromTraces, scopeOf, visible } from '../traces/trace-row.ts';
import { spansMax } from '../traces/tree.ts';
import { refused, windowOf } from '../traces/window.ts';
import { goDurationMs, isGoDuration } from './go-duration.ts';
import { JaegerTrace, jaegerTrace, namelessService } from './jaeger-trace.ts';

const answerOf = <S extends z.ZodType>(data: S) =>
  z.object({ data, total: z.int(), limit: z.int(), offset: z.int(), errors: z.null() });
const answered = <T>(data: readonly T[]) => ({
  status: 200,
  body: { data, total: data.length, limit: 0, offset: 0, errors: null },
});

const serviceName = `coalesce(v.name, '${namelessService}')`;
/** Bots that the caller may see ($1, $2), with what they call themselves. */
const services = `trace_read.services v join config_read.bots b on b.id = v.bot_id
  where b.workspace = $1 and ($2::uuid[] is null or b.fleet_id = any($2::uuid[]))`;
const servicesMax = 1_000;

const serviceNames = async (call: Call) => {
  const rows = await call.world.views(
    `select distinct ${serviceName} as name from ${services} order by 1 limit ${servicesMax}`,
    scopeOf(call),
  );
  return rows.map((row) => String(row['name']));
};

const ofService = (parameter: string) =>
  `t.bot_id in (select v.bot_id from trace_read.services v where ${serviceName} = ${parameter})`;

const recentTraces = 200;
const lookbackMs = 2 * 86_400_000;

/** Names of spans in the latest traces of a service: to look for all would be to read every span. */
const operationsOf = async (call: Call, service: string) => {
  const rows = await call.world.views(
    `select distinct s.name from (select * from ${fromTraces} where ${visible('t')} and ${ofService('$3')}
         and t.started_at > $4::timestamptz order by t.started_at desc limit ${recentTraces}) t
       cross join lateral (select s.name from trace_read.spans s where s.trace_uuid = t.trace_uuid and s.bot_id = t.bot_id
         and s.started_at >= t.started_at and s.started_at <= t.ended_at + interval '1 microsecond'
         and coalesce(s.resource ->> 'service.name', '${namelessService}') = $3) s
     order by 1 limit ${servicesMax}`,
    [...scopeOf(call), service, new Date(Date.now() - lookbackMs).toISOString()],
  );
  return rows.map((row) => String(row['name']));
};

const Duration = z.string().refine(isGoDuration, 'must be a duration, such as 1.2s, 100ms or 500us');
const Moment = z.string().regex(/^\d{1,17}$/, 'must be microseconds since 1970');
const JaegerTraceId = z
  .string()
  .regex(/^[0-9a-fA-F]{1,32}$/, 'must be up to 32 hexadecimal digits')
  .transform((digits) => digits.toLowerCase().padStart(32, '0'));
const tagsMax = 16;
const Tags = z.record(z.string().min(1).max(256), z.string().max(1_000));

// Clients send fields of their own, which mean nothing here.
const SearchQuery = z.looseObject({
  service: text,
  operation: text.optional(),
  tags: z.string().max(20_000).optional().describe('JSON, such as {"error":"true","molthub.bot":"anna"}.'),
  minDuration: Duration.optional(),
  maxDuration: Duration.optional(),
  limit: z
    .string()
    .regex(/^\d{1,4}$/, { error: 'must be a number from 1 to 500', abort: true })
    .refine((digits) => Number(digits) >= 1 && Number(digits) <= 500, 'must be a number from 1 to 500')
    .default('20'),
  start: Moment.optional(),
  end: Moment.optional(),
});
type SearchQuery = z.infer<typeof SearchQuery>;

const tagsOf = ({ tags }: SearchQuery): readonly (readonly [string, string])[] => {
  if (tags === undefined) return [];
  const parsed = Tags.safeParse(jsonOf(tags));
  if (!parsed.success || tags.includes('\\u0000') || tags.includes('\0')) {
    throw refused('tags', 'give a JSON object of text, such as {"error":"true"}');
  }
  const entries = Object.entries(parsed.data);
  if (entries.length > tagsMax) throw refused('tags', `at most ${tagsMax} tags can be asked for at once`);
  return entries;
};

const jsonOf = (json: string): unknown => {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
};

const kinds = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'];

/** Jaeger shows some of what a span says as tags, and people look for them as such. */
const tagCondition = (key: string, value: string, parameter: (value: unknown) => string): string => {
  switch (key) {
    case 'error':
      return `(s.status = 'ERROR') = (${parameter(value)} = 'true')`;
    case 'span.kind':
      return `s.kind = ${parameter(kinds.indexOf(value.toLowerCase()))}::int`;
    case 'otel.scope.name':
      return `s.scope = ${parameter(value)}`;
    case 'otel.status_code':
      return `s.status = ${parameter(value)}`;
    case 'molthub.bot':
      return `s.bot_id in (select b.id from config_read.bots b where b.workspace = $1
        and ${parameter(value)} in (b.name, b.id::text))`;
    default: {
      const [name, text] = [parameter(key), parameter(value)];
      return `(s.attributes ->> ${name} = ${text} or s.resource ->> ${name} = ${text})`;
    }
  }
};

const spanConditions =
  (query: SearchQuery): Conditions =>
  (parameter) => [
    `coalesce(s.resource ->> 'service.name', '${namelessService}') = ${parameter(query.service)}`,
    ...(query.operation === undefined ? [] : [`s.name = ${parameter(query.operation)}`]),
    ...(query.minDuration === undefined
      ? []
      : [`s.duration_ms >= ${parameter(goDurationMs(query.minDuration))}::float8`]),
    ...(query.maxDuration === undefined
      ? []
      : [`s.duration_ms <= ${parameter(goDurationMs(query.maxDuration))}::float8`]),
    ...tagsOf(query).map(([key, value]) => tagCondition(key, value, parameter)),
  ];

/** µs; some versions of Grafana send ms. */
const momentOf = (digits: string): number => (digits.length > 14 ? Number(digits) / 1_000 : Number(digits));

const jaegerWindow = ({ start, end }: SearchQuery) => {
  const to = end === undefined ? Date.now() : momentOf(end);
  const from = start === undefined ? to - lookbackMs : momentOf(start);
  return windowOf({ from: timeOf('start', from), to: timeOf('end', to) });
};

const latestMs = 8.64e15;
const timeOf = (field: string, ms: number): string => {
  if (ms > latestMs) throw refused(field, 'must be microseconds since 1970');
  return new Date(ms).toISOString();
};

const search = async (call: Call, query: SearchQuery): Promise<readonly JaegerTrace[]> => {
  const { rows } = await searchTraces(call, {
    window: jaegerWindow(query),
    indexed: (parameter) => [ofService(parameter(query.service))],
    ofTrace: () => [],
    ofSpan: spanConditions(query),
    limit: Number(query.limit),
    after: undefined,
  });
  const ids = [...new Set(rows.map((row) => traceOfBot.parse(row).traceId))];
  return whole(call, ids);
};

/** Whole traces, in this order, as many as fit into one answer. */
const whole = async (call: Call, ids: readonly string[]): Promise<readonly JaegerTrace[]> => {
  const known = await tracesById(call, ids);
  const counts = new Map<string, number>();
  for (const { traceId, spanCount } of known) counts.set(traceId, (counts.get(traceId) ?? 0) + spanCount);
  let left = spansMax;
  const fitting = ids.filter((id, index) => {
    left -= counts.get(id) ?? 0;
    return index === 0 || left >= 0;
  });
  const spans = await spansOf(
    call,
    known.filter(({ traceId }) => fitting.includes(traceId)),
    spansMax,
  );
  const byTrace = Map.groupBy(spans, (span: StoredSpan) => span.traceId);
  return fitting.flatMap((id) => {
    const own = byTrace.get(id);
    return own ? [jaegerTrace(id, own)] : [];
  });
};

const Dependency = z.object({ parent: z.string(), child: z.string(), callCount: z.number() });
const Ms = z.string().regex(/^\d{1,15}$/, 'must be milliseconds');

/**
 * Calls of models and tools, by the service that made them. Those of bots that are one service are in the rollups; of
 * bots that are several only the spans say whose they are, so that the latest traces of these are opened.
 */
const dependencies = async (call: Call, endMs: number, lookback: number) => {
  const { from, to } = windowOf({ from: timeOf('lookback', endMs - lookback), to: timeOf('endTs', endMs) });
  const rows = await call.world.views(
    `with callers as (
       select v.bot_id, min(${serviceName}) as name, count(*) > 1 as several from ${services} group by v.bot_id
     ), counted as (
       select v.name as parent, c.name as child, c.calls from callers v join trace_read.call_minutes c using (bot_id)
       where not v.several and c.workspace = $1 and c.minute >= $3::timestamptz and c.minute < $4::timestamptz
       union all
       select coalesce(c.service, '${namelessService}'), c.name, 1 from (
         select t.* from ${fromTraces} join callers v using (bot_id)
         where v.several and t.workspace = $1 and t.model_calls + t.tool_calls > 0
           and t.started_at >= $3::timestamptz and t.started_at < $4::timestamptz
         order by t.started_at desc limit ${tracesOpenedMax}) t
       join lateral (
         select c.service, c.name from trace_read.calls c where c.trace_uuid = t.trace_uuid and c.bot_id = t.bot_id
           and c.started_at >= t.started_at and c.started_at <= t.ended_at + interval '1 microsecond') c on true
     )
     select parent, child, sum(calls)::float8 as "callCount" from counted
     group by parent, child order by 3 desc, 1, 2 limit ${servicesMax}`,
    [...scopeOf(call), from, to],
  );
  return rows.map((row) => Dependency.parse(row));
};

const lookingUp = {
  method: 'GET',
  permission: 'trace:read',
  reach: 'filtered',
  isOutside: true,
  tag: 'jaeger',
} as const;

const jaegerBelow = (base: string): readonly Route[] => [
  route({
    ...lookingUp,
    path: `${base}/services`,
    summary: 'Jaeger: what bots call themselves.',
    query: z.looseObject({}),
    answer: answerOf(z.array(z.string())),
    run: async (call) => answered(await serviceNames(call)),
  }),
  route({
    ...lookingUp,
    path: `${base}/services/:service/operations`,
    summary: `Jaeger: names of spans in the latest ${recentTraces} traces of a service.`,
    params: z.strictObject({ service: text }),
    query: z.looseObject({}),
    answer: answerOf(z.array(z.string())),
    run: async (call, { params }) => answered(await operationsOf(call, params.service)),
  }),
  route({
    ...lookingUp,
    path: `${base}/traces`,
    summary: 'Jaeger: traces with a span of a service, of a name, with tags, of a duration; by default of two days.',
    query: SearchQuery,
    answer: answerOf(z.array(JaegerTrace)),
    run: async (call, { query }) => answered(await search(call, query)),
  }),
  route({
    ...lookingUp,
    path: `${base}/traces/:traceId`,
    summary: 'Jaeger: one trace, with the spans of every bot that sent some.',
    params: z.strictObject({ traceId: JaegerTraceId }),
    query: z.looseObject({}),
    answer: answerOf(z.array(JaegerTrace)),
    run: async (call, { params }) => {
      const traces = await whole(call, [params.traceId]);
      // Its readers take the first of the list without a look whether there is one.
      if (traces.length === 0) throw notFound('trace');
      return answered(traces);
    },
  }),
  route({
    ...lookingUp,
    path: `${base}/dependencies`,
    summary: 'Jaeger: how often bots called which models and tools.',
    query: z.looseObject({ endTs: Ms.optional(), lookback: Ms.optional() }),
    answer: answerOf(z.array(Dependency)),
    run: async (call, { query }) => {
      const endMs = query.endTs === undefined ? Date.now() : Number(query.endTs);
      const lookback = query.lookback === undefined ? lookbackMs : Number(query.lookback);
      return answered(await dependencies(call, endMs, lookback));
    },
  }),
];

/** Grafana up to 12 searches at the root of the host, whatever path its datasource was given. */
export const jaegerRoutes: readonly Route[] = [...jaegerBelow('/jaeger/api'), ...jaegerBelow('/api')];
