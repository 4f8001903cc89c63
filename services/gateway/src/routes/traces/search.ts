// Looking for traces by attribute, duration, cost, the text of an error, and whatever else a trace is known by.
import { SpanType, TraceState } from '@molthub/contracts';
import { z } from 'zod';
import type { Call } from '../../route.ts';
import { route, type Route } from '../../route.ts';
import { text, uuid } from '../shapes.ts';
import { attributeConditions, withAttributes } from './attribute-filter.ts';
import { type Conditions, type Parameter, searchTraces, tracesLookedAtMax, tracesOpenedMax } from './search-traces.ts';
import { Fingerprint, fleetNow, SpanStatus, Trace } from './trace-row.ts';
import { refused, windowDaysMax, windowFields, windowOf } from './window.ts';

const Amount = z.string().regex(/^\d{1,12}(?:\.\d{1,6})?$/, 'must be a number, such as 250 or 0.05');
export const Limit = z
  .string()
  .regex(/^\d{1,4}$/, { error: 'must be a number from 1 to 500', abort: true })
  .refine((digits) => Number(digits) >= 1 && Number(digits) <= 500, 'must be a number from 1 to 500')
  .default('50');
export const Cursor = z.string().max(4_096).optional();

const shape = {
  ...windowFields,
  limit: Limit,
  cursor: Cursor,
  botInstanceId: uuid.optional(),
  fleetId: uuid.optional().describe('Bots that are in this fleet now.'),
  model: text.optional(),
  configHash: text.optional(),
  session: text.optional(),
  run: text.optional(),
  name: text.optional().describe("The trace's own name, which is that of its root."),
  type: SpanType.optional(),
  status: SpanStatus.optional(),
  state: TraceState.optional(),
  hasErrors: z.enum(['true', 'false']).optional().describe('Whether any span ended in an error.'),
  errorText: text.optional().describe('A part of the message of the first error, in capitals or not.'),
  fingerprint: Fingerprint.optional().describe('Of the first error.'),
  minDurationMs: Amount.optional(),
  maxDurationMs: Amount.optional(),
  minCostUsd: Amount.optional(),
  maxCostUsd: Amount.optional(),
  spanName: text.optional().describe('A span of this name; together with spanType and attribute.<key> on one span.'),
  spanType: SpanType.optional(),
};
const Query = withAttributes(shape);
type Query = z.infer<typeof Query>;

/** Conditions by the field that asks for them. */
const conditions =
  (rows: readonly (readonly [unknown, (parameter: string) => string])[]): Conditions =>
  (parameter: Parameter) =>
    rows.flatMap(([value, where]) => (value === undefined ? [] : [where(parameter(value))]));

const asksForErrors = ({ hasErrors, errorText, fingerprint }: Query) =>
  hasErrors === 'true' || errorText !== undefined || fingerprint !== undefined;

const indexed =
  (query: Query): Conditions =>
  (parameter) => [
    ...byKey(query)(parameter),
    // In these words there is an index of the few that have any.
    ...(asksForErrors(query) ? ['t.error_count > 0'] : []),
  ];

const byKey = (query: Query): Conditions =>
  conditions([
    [query.botInstanceId, (id) => `t.bot_id = ${id}::uuid`],
    [query.session, (session) => `t.session = ${session}`],
    [query.run, (run) => `t.run = ${run}`],
    [query.configHash, (hash) => `t.config_hash = ${hash}`],
  ]);

const ofTrace = (query: Query): Conditions =>
  conditions([
    [query.fleetId, (id) => `${fleetNow('t')} = ${id}::uuid`],
    [query.model, (model) => `${model} = any(t.models)`],
    [query.name, (name) => `t.name = ${name}`],
    [query.type, (type) => `t.type = ${type}`],
    [query.status, (status) => `t.status = ${status}`],
    [query.state, (state) => `t.state = ${state}`],
    [query.hasErrors === 'false' ? 0 : undefined, (none) => `t.error_count = ${none}`],
    [query.errorText, (part) => `position(lower(${part}) in lower(t.error_message)) > 0`],
    [query.fingerprint, (fingerprint) => `t.fingerprint = ${fingerprint}`],
    [query.minDurationMs, (ms) => `t.duration_ms >= ${ms}::float8`],
    [query.maxDurationMs, (ms) => `t.duration_ms <= ${ms}::float8`],
    [query.minCostUsd, (usd) => `t.cost_usd >= ${usd}::float8`],
    [query.maxCostUsd, (usd) => `t.cost_usd <= ${usd}::float8`],
  ]);

const ofSpan =
  (query: Query): Conditions =>
  (parameter) => [
    ...conditions([
      [query.spanName, (name) => `s.name = ${name}`],
      [query.spanType, (type) => `s.type = ${type}`],
    ])(parameter),
    ...attributeConditions(query)(parameter),
  ];

const checkOrder = (query: Query, low: 'minDurationMs' | 'minCostUsd', high: 'maxDurationMs' | 'maxCostUsd') => {
  const [least, most] = [query[low], query[high]];
  if (least !== undefined && most !== undefined && Number(least) > Number(most)) {
    throw refused(low, `must not be above ${high}`);
  }
};

/** A cursor goes on in the question that it was made for, whatever the page's size. */
const bindingOf = (call: Call, { limit: _, cursor: __, ...query }: Query): string =>
  JSON.stringify(['traces/search', call.workspace, query, call.principal.fleetIds]);

export const searchRoute: Route = route({
  method: 'GET',
  path: '/traces/search',
  permission: 'trace:read',
  reach: 'filtered',
  summary:
    `Finds traces that began in a time (default: the last day; at most ${windowDaysMax} days), newest first. ` +
    'Fields attribute.<key>=<value> ask for a span with these attributes. One request looks at no more than ' +
    `${tracesLookedAtMax} traces and opens no more than ${tracesOpenedMax}; nextCursor goes on, also after an empty page.`,
  query: Query,
  answer: z.object({
    items: z.array(Trace),
    nextCursor: z.string().nullable().describe('Null: the whole time has been searched.'),
  }),
  run: async (call, { query }) => {
    checkOrder(query, 'minDurationMs', 'maxDurationMs');
    checkOrder(query, 'minCostUsd', 'maxCostUsd');
    const binding = bindingOf(call, query);
    const { rows, next } = await searchTraces(call, {
      window: windowOf(query),
      indexed: indexed(query),
      ofTrace: ofTrace(query),
      ofSpan: ofSpan(query),
      limit: Number(query.limit),
      after: query.cursor === undefined ? undefined : call.world.cursors.read(binding, query.cursor),
    });
    return { status: 200, body: { items: rows, nextCursor: next ? call.world.cursors.issue(binding, next) : null } };
  },
});
