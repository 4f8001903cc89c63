// One trace: by its id or by the one that its spans carry, as a tree, and span by span.
import { ReadSpanContent, SpanType, TraceState } from '@molthub/contracts';
import { treeOf, type SpanRow } from '@molthub/trace-tree';
import { z } from 'zod';
import { notFound, oneRow, type PlainRow } from '../../read-side.ts';
import { type Call, Id, route, type Route } from '../../route.ts';
import { readJson } from './exact-json.ts';
import {
  ByTrace,
  findTrace,
  fromTraces,
  OfBot,
  scopeOf,
  SpanId,
  SpanStatus,
  Trace,
  traceColumns,
  TraceId,
  visible,
} from './trace-row.ts';

const treeColumns = `s.span_id, s.parent_span_id, s.name, s.type, s.status, s.status_message, s.started_ns, s.duration_ns,
  s.model, s.input_tokens, s.cached_tokens, s.output_tokens, s.cost_usd, s.has_content`;
export const spansMax = 50_000;

// Read field by field: a schema would look at each of 50,000 rows for longer than Postgres takes to find them.
const spanRow = (row: PlainRow): SpanRow => {
  const text = (key: string) => String(row[key]);
  const number = (key: string) => Number(row[key]);
  return {
    span_id: text('span_id'),
    parent_span_id: row['parent_span_id'] === null ? null : text('parent_span_id'),
    name: text('name'),
    type: SpanType.parse(row['type']),
    status: SpanStatus.parse(row['status']),
    status_message: text('status_message'),
    started_ns: text('started_ns'),
    duration_ns: text('duration_ns'),
    model: row['model'] === null ? null : text('model'),
    input_tokens: number('input_tokens'),
    cached_tokens: number('cached_tokens'),
    output_tokens: number('output_tokens'),
    cost_usd: row['cost_usd'] === null ? null : number('cost_usd'),
    has_content: row['has_content'] === true,
    attributes: row['attributes'] === undefined ? undefined : readJson(text('attributes')),
  };
};

/** Where the spans of a trace are: its first began then, and none began after its end; both are known to the millisecond. */
const whereTrace = `s.workspace = $1 and s.trace_uuid = $2 and s.bot_id = $3
  and s.started_at >= $4::timestamptz and s.started_at <= $5::timestamptz + interval '1 millisecond'`;
const traceValues = (call: Call, trace: PlainRow) => [
  call.workspace,
  trace['traceId'],
  trace['botInstanceId'],
  trace['startedAt'],
  trace['endedAt'],
];

const spansOf = async (call: Call, trace: PlainRow, attributes: 'all' | 'none'): Promise<readonly SpanRow[]> => {
  const columns = attributes === 'all' ? `${treeColumns}, s.attributes::text as attributes` : treeColumns;
  const rows = await call.world.views(
    `select ${columns} from trace_read.spans s where ${whereTrace} order by s.started_at, s.span_id limit ${spansMax}`,
    traceValues(call, trace),
  );
  return rows.map(spanRow);
};

/** The span of a trace that was begun over the API and runs: it is stored when it ends. */
const openSpan = async (call: Call, trace: PlainRow): Promise<readonly SpanRow[]> => {
  if (trace['state'] !== 'RUNNING') return [];
  const rows = await call.world.views(
    `select m.span_id, null as parent_span_id, m.name, m.type, 'UNSET' as status, '' as status_message,
       ((extract(epoch from m.started_at) * 1000000)::bigint * 1000)::text as started_ns,
       (greatest(0, extract(epoch from now() - m.started_at) * 1000000)::bigint * 1000)::text as duration_ns,
       null as model, 0 as input_tokens, 0 as cached_tokens, 0 as output_tokens, null as cost_usd, false as has_content,
       m.attributes::text as attributes
     from trace_read.manual_traces m where m.workspace = $1 and m.trace_uuid = $2::uuid and m.bot_id = $3 and m.status = 'OPEN'`,
    [call.workspace, trace['traceId'], trace['botInstanceId']],
  );
  return rows.map((row) => ({ ...spanRow(row), is_open: true }));
};

const relatedMax = 50;
/** Traces that are parts of the same run under other ids. */
const relatedTo = async (call: Call, trace: PlainRow): Promise<readonly string[]> => {
  if (trace['run'] === null) return [];
  const rows = await call.world.views(
    `select t.trace_id as "traceId" from ${fromTraces} where t.workspace = $1 and t.bot_id = $2 and t.run = $3
       and t.trace_id <> $4 order by t.started_at limit ${relatedMax}`,
    [call.workspace, trace['botInstanceId'], trace['run'], trace['traceId']],
  );
  return rows.map((row) => String(row['traceId']));
};

const TreeNode = z
  .object({
    spanId: z.string(),
    parentSpanId: z.string().nullable(),
    isOrphan: z.boolean().describe('It names a parent that has not come.'),
    isOpen: z.boolean().describe('It was begun over the API and has not ended; durationMs is the time until now.'),
    name: z.string(),
    type: SpanType,
    status: SpanStatus,
    startedAt: z.string(),
    durationMs: z.number(),
    model: z.string().nullable(),
    inputTokens: z.int(),
    cachedTokens: z.int(),
    outputTokens: z.int(),
    costUsd: z.number().nullable().describe('Null where nothing has a price.'),
    hasContent: z
      .boolean()
      .describe(
        'Prompts, messages or arguments are kept of it; GET /traces/by-trace-id/{traceId}/spans/{spanId}/content has them.',
      ),
    attributes: z.record(z.string(), z.json()).optional(),
    children: z.array(z.unknown()).describe('The same again, for each child.').optional(),
  })
  .loose();

type Tree = { readonly children?: readonly Tree[] };

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

const tree = route({
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
    state: TraceState,
    spanCount: z.int(),
    isCut: z.boolean().describe(`Whether it has more than ${spansMax} spans; the earliest are answered.`),
    related: z.array(z.string()).describe('Ids of other traces of the same run.'),
    roots: z.array(TreeNode).optional(),
    spans: z.array(TreeNode).optional(),
  }),
  run: async (call, { params, query }) => {
    const trace = await findTrace(call, params.traceId, query.botInstanceId);
    const [rows, open, related] = await Promise.all([
      spansOf(call, trace, query.attributes),
      openSpan(call, trace),
      relatedTo(call, trace),
    ]);
    const { spanCount, roots } = treeOf([...rows, ...open]);
    const { traceId, botInstanceId, state } = trace;
    const isCut = Number(trace['spanCount']) > rows.length;
    const spans = query.shape === 'flat' ? { spans: flat(roots) } : { roots };
    return { status: 200, body: { traceId, botInstanceId, state, spanCount, isCut, related, ...spans } };
  },
});

const OneSpan = z.strictObject({ traceId: TraceId, spanId: SpanId });

const span = route({
  method: 'GET',
  path: '/traces/by-trace-id/:traceId/spans/:spanId',
  permission: 'trace:read',
  reach: 'filtered',
  summary: 'Answers one span with everything that was sent of it.',
  params: OneSpan,
  query: z.strictObject(OfBot),
  answer: TreeNode,
  run: async (call, { params, query }) => {
    const trace = await findTrace(call, params.traceId, query.botInstanceId);
    const rows = await call.world.views(
      `select ${treeColumns}, s.attributes::text as attributes, s.kind, s.resource::text as resource,
         s.events::text as events, s.links::text as links, s.scope, s.session, s.fingerprint, s.cache_write_tokens,
         s.reasoning_tokens
       from trace_read.spans s where ${whereTrace} and s.span_id = $6 order by s.started_at limit 1`,
      [...traceValues(call, trace), params.spanId],
    );
    const [row] = rows;
    if (!row) throw notFound('span');
    const [node] = treeOf([spanRow(row)]).roots;
    const { kind, scope, session, fingerprint } = row;
    const [resource, events, links] = ['resource', 'events', 'links'].map((key) => readJson(String(row[key])));
    return {
      status: 200,
      body: {
        ...node,
        isOrphan: false,
        kind,
        scope,
        session,
        fingerprint,
        cacheWriteTokens: row['cache_write_tokens'],
        reasoningTokens: row['reasoning_tokens'],
        resource,
        events,
        links,
      },
    };
  },
});

const content = route({
  method: 'GET',
  path: '/traces/by-trace-id/:traceId/spans/:spanId/content',
  permission: 'trace:content',
  reach: 'filtered',
  summary: 'Answers what a span said in full: prompts, messages, arguments and results of tools.',
  params: OneSpan,
  query: z.strictObject(OfBot),
  answer: z.object({
    attributes: z.record(z.string(), z.json()),
    events: z.array(z.object({ index: z.int(), attributes: z.record(z.string(), z.json()) })),
  }),
  run: async (call, { params, query }) => {
    const trace = await findTrace(call, params.traceId, query.botInstanceId);
    const { traceId, spanId } = params;
    const botId = z.uuid().parse(trace['botInstanceId']);
    return { status: 200, body: await call.dispatch.ask(call, ReadSpanContent, { botId, traceId, spanId }) };
  },
});

export const treeRoutes: readonly Route[] = [
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
  tree,
  span,
  content,
  route({
    method: 'GET',
    path: '/traces/:id',
    permission: 'trace:read',
    reach: 'filtered',
    summary: 'Answers a trace.',
    params: Id,
    answer: Trace,
    run: async (call, { params }) => {
      const rows = await call.world.views(
        `select ${traceColumns} from ${fromTraces} where ${visible('t')} and t.id = $3`,
        [...scopeOf(call), params.id],
      );
      return { status: 200, body: oneRow(rows, 'trace') };
    },
  }),
];
