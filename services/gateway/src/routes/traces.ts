import { SpanType } from '@molthub/contracts';
import { HttpProblem } from '@molthub/http';
import { type SpanRow, treeOf } from '@molthub/trace-tree';
import { z } from 'zod';
import { listing } from '../listing.ts';
import { notFound, oneRow, plainRow } from '../read-side.ts';
import { type Call, Id, list, route, type Route } from '../route.ts';
import { time, uuid } from './shapes.ts';

const Status = z.enum(['UNSET', 'OK', 'ERROR']);
const TraceId = z.string().regex(/^[0-9a-f]{32}$/, '32 hexadecimal digits');
const SpanId = z.string().regex(/^[0-9a-f]{16}$/, '16 hexadecimal digits');

const Trace = z.object({
  id: z.uuid(),
  traceId: z.string(),
  botInstanceId: z.uuid(),
  name: z.string(),
  type: SpanType,
  status: Status,
  startedAt: time,
  endedAt: time,
  durationMs: z.number(),
  spanCount: z.int(),
  errorCount: z.int(),
  inputTokens: z.int(),
  outputTokens: z.int(),
});

const columns = `t.id, t.trace_id as "traceId", t.bot_id as "botInstanceId", t.name, t.type, t.status,
  t.started_at as "startedAt", t.ended_at as "endedAt", t.duration_ms::float8 as "durationMs",
  t.span_count::int as "spanCount", t.error_count::int as "errorCount", t.input_tokens::float8 as "inputTokens",
  t.output_tokens::float8 as "outputTokens"`;

/** A key for some fleets sees the traces of bots that are in them now. */
const from = 'trace_read.traces t';
const visible = `t.workspace = $1 and ($2::uuid[] is null or t.bot_id in (
  select b.id from config_read.bots b where b.workspace = $1 and b.fleet_id = any($2::uuid[])))`;
const scope = (call: Call) => [
  call.workspace,
  call.principal.fleetIds.length > 0 ? [...call.principal.fleetIds] : null,
];

const ByTrace = z.strictObject({ traceId: TraceId });
const OfBot = { botInstanceId: uuid.optional() };

/** The one bot whose trace it is. Two bots that chose the same trace id are told apart by the caller. */
const findTrace = async (call: Call, traceId: string, botInstanceId: string | undefined) => {
  const rows = await call.world.views(
    `select ${columns} from ${from} where ${visible} and t.trace_uuid = $3::uuid and ($4::uuid is null or t.bot_id = $4)
     order by t.started_at, t.bot_id limit 2`,
    [...scope(call), traceId, botInstanceId ?? null],
  );
  if (rows.length > 1) {
    throw new HttpProblem({
      status: 409,
      code: 'gateway.ambiguous-trace',
      detail: 'Several bots sent spans under this trace id; say which with ?botInstanceId=.',
    });
  }
  return oneRow(rows, 'trace');
};

const spanColumns = `s.bot_id, s.trace_id, s.span_id, s.parent_span_id, s.name, s.type, s.kind, s.status, s.status_message,
  s.started_at, s.started_ns::text as started_ns, s.duration_ns::text as duration_ns, s.attributes, s.resource, s.events,
  s.links, s.scope`;
const spansMax = 50_000;

const Row = z
  .object({
    workspace: z.string(),
    bot_id: z.uuid(),
    trace_id: z.string(),
    span_id: z.string(),
    parent_span_id: z.string().nullable(),
    name: z.string(),
    type: SpanType,
    kind: z.int(),
    status: Status,
    status_message: z.string(),
    started_at: z.date(),
    started_ns: z.string(),
    duration_ns: z.string(),
    attributes: z.record(z.string(), z.json()),
    resource: z.record(z.string(), z.json()),
    events: z.array(z.json()),
    links: z.array(z.json()),
    scope: z.string(),
  })
  .partial({ workspace: true });

const spansOf = async (call: Call, traceId: string, botId: string): Promise<readonly SpanRow[]> => {
  const rows = await call.world.views(
    `select ${spanColumns} from trace_read.spans s
     where s.workspace = $1 and s.trace_uuid = $2::uuid and s.bot_id = $3 order by s.started_ns, s.span_id limit ${spansMax}`,
    [call.workspace, traceId, botId],
  );
  return rows.map((row) => ({ ...Row.parse(row), workspace: call.workspace }));
};

const TreeNode = z
  .object({
    spanId: z.string(),
    parentSpanId: z.string().nullable(),
    name: z.string(),
    type: SpanType,
    status: Status,
    startedAt: z.string(),
    durationMs: z.number(),
    attributes: z.record(z.string(), z.json()).optional(),
    children: z.array(z.unknown()).describe('The same again, for each child.').optional(),
  })
  .loose();

type Tree = { readonly children?: readonly Tree[]; readonly attributes?: unknown };

const withoutAttributes = (nodes: readonly Tree[]): readonly Tree[] =>
  nodes.map(({ attributes: _, children, ...node }) => ({ ...node, children: withoutAttributes(children ?? []) }));

/** In the order of the tree, without stack or nesting. */
const flat = (nodes: readonly Tree[]): readonly Tree[] => {
  const result: Tree[] = [];
  const waiting = nodes.toReversed();
  for (let node = waiting.pop(); node; node = waiting.pop()) {
    const { children = [], ...rest } = node;
    result.push(rest);
    waiting.push(...children.toReversed());
  }
  return result;
};

export const traceRoutes: readonly Route[] = [
  list({
    path: '/traces',
    permission: 'trace:read',
    reach: 'workspace',
    summary: 'Lists traces, newest first.',
    item: Trace,
    listing: listing({
      name: 'traces',
      columns,
      from,
      workspace: 't.workspace',
      key: { column: 't.id', type: 'uuid' },
      sorts: {
        startedAt: { column: 't.started_at', type: 'timestamptz' },
        durationMs: { column: 't.duration_ms', type: 'float8' },
      },
      defaultSort: '-startedAt',
      filters: {
        botInstanceId: { where: 't.bot_id = ?', value: uuid },
        status: { where: 't.status = ?', value: Status },
        type: { where: 't.type = ?', value: SpanType },
        from: { where: 't.started_at >= ?', value: time },
        to: { where: 't.started_at < ?', value: time },
      },
    }),
  }),
  route({
    method: 'GET',
    path: '/traces/by-trace-id/:traceId',
    permission: 'trace:read',
    reach: 'filtered',
    summary: 'Answers a trace by the id that its spans carry.',
    params: ByTrace,
    query: z.strictObject(OfBot),
    answer: Trace,
    run: async (call, { params, query }) => ({
      status: 200,
      body: await findTrace(call, params.traceId, query.botInstanceId),
    }),
  }),
  route({
    method: 'GET',
    path: '/traces/by-trace-id/:traceId/tree',
    permission: 'trace:read',
    reach: 'filtered',
    summary: 'Answers the spans of a trace as a tree; shape=flat and attributes=none make a large one light.',
    params: ByTrace,
    query: z.strictObject({
      ...OfBot,
      shape: z.enum(['nested', 'flat']).default('nested'),
      attributes: z.enum(['all', 'none']).default('all'),
    }),
    answer: z.object({
      traceId: z.string(),
      botInstanceId: z.uuid(),
      spanCount: z.int(),
      roots: z.array(TreeNode).optional(),
      spans: z.array(TreeNode).optional(),
    }),
    run: async (call, { params, query }) => {
      const trace = await findTrace(call, params.traceId, query.botInstanceId);
      const botInstanceId = String(trace['botInstanceId']);
      const { spanCount, roots } = treeOf(await spansOf(call, params.traceId, botInstanceId));
      const shown: readonly Tree[] = query.attributes === 'none' ? withoutAttributes(roots) : roots;
      const spans = query.shape === 'flat' ? { spans: flat(shown) } : { roots: shown };
      return { status: 200, body: { traceId: params.traceId, botInstanceId, spanCount, ...spans } };
    },
  }),
  route({
    method: 'GET',
    path: '/traces/by-trace-id/:traceId/spans/:spanId',
    permission: 'trace:read',
    reach: 'filtered',
    summary: 'Answers one span with everything that was sent of it.',
    params: z.strictObject({ traceId: TraceId, spanId: SpanId }),
    query: z.strictObject(OfBot),
    answer: TreeNode,
    run: async (call, { params, query }) => {
      const trace = await findTrace(call, params.traceId, query.botInstanceId);
      const rows = await call.world.views(
        `select ${spanColumns} from trace_read.spans s
         where s.workspace = $1 and s.trace_uuid = $2::uuid and s.bot_id = $3 and s.span_id = $4 order by s.started_ns limit 1`,
        [call.workspace, params.traceId, trace['botInstanceId'], params.spanId],
      );
      if (!rows[0]) throw notFound('span');
      const row = { ...Row.parse(rows[0]), workspace: call.workspace };
      const [node] = treeOf([row]).roots;
      const { kind, resource, events, links, scope: scopeName } = row;
      return { status: 200, body: { ...node, kind, resource, events, links, scope: scopeName } };
    },
  }),
  route({
    method: 'GET',
    path: '/traces/stats/:botInstanceId',
    permission: 'trace:read',
    reach: 'subject',
    summary: "Answers a bot's requests, errors, latency and tokens over a time, per configuration it ran.",
    params: z.strictObject({ botInstanceId: uuid }),
    query: z.strictObject({ from: time.optional(), to: time.optional() }),
    subjects: ({ params }) => [{ kind: 'bot', id: params.botInstanceId }],
    answer: z.object({
      botInstanceId: z.uuid(),
      total: z.record(z.string(), z.json()),
      byConfigHash: z.array(z.record(z.string(), z.json())),
    }),
    run: async (call, { params, query }) => {
      const sums = `coalesce(sum(m.requests), 0)::float8 as requests, coalesce(sum(m.errors), 0)::float8 as errors,
        coalesce(sum(m.spans), 0)::float8 as spans, coalesce(sum(m.model_calls), 0)::float8 as "modelCalls",
        coalesce(sum(m.tool_calls), 0)::float8 as "toolCalls", coalesce(sum(m.input_tokens), 0)::float8 as "inputTokens",
        coalesce(sum(m.output_tokens), 0)::float8 as "outputTokens",
        (sum(m.duration_ms_sum) / nullif(sum(m.requests), 0))::float8 as "meanLatencyMs",
        min(m.minute) as "firstMinute", max(m.minute) as "lastMinute"`;
      const where = `from trace_read.bot_minutes m where m.workspace = $1 and m.bot_id = $2
        and ($3::timestamptz is null or m.minute >= $3) and ($4::timestamptz is null or m.minute < $4)`;
      const values = [call.workspace, params.botInstanceId, query.from ?? null, query.to ?? null];
      const [total, byHash] = await Promise.all([
        call.world.views(`select ${sums} ${where}`, values),
        call.world.views(
          `select m.config_hash as "configHash", ${sums} ${where} group by m.config_hash order by min(m.minute)`,
          values,
        ),
      ]);
      return {
        status: 200,
        body: {
          botInstanceId: params.botInstanceId,
          total: oneRow(total, 'statistics'),
          byConfigHash: byHash.map(plainRow),
        },
      };
    },
  }),
  route({
    method: 'GET',
    path: '/traces/:id',
    permission: 'trace:read',
    reach: 'filtered',
    summary: 'Answers a trace.',
    params: Id,
    answer: Trace,
    run: async (call, { params }) => {
      const rows = await call.world.views(`select ${columns} from ${from} where ${visible} and t.id = $3`, [
        ...scope(call),
        params.id,
      ]);
      return { status: 200, body: oneRow(rows, 'trace') };
    },
  }),
];
