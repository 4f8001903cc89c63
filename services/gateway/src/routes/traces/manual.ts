// Traces of what is no bot that sends spans: begun, completed or failed over the API.
import { EndTrace, ManualAttributes, OpenTrace, SpanType } from '@molthub/contracts';
import { z } from 'zod';
import { oneRow, type PlainRow } from '../../read-side.ts';
import { type Call, Id, route, type Route } from '../../route.ts';
import { time, uuid } from '../shapes.ts';
import { findTrace, fromTraces, scopeOf, SpanId, Trace, traceColumns, TraceId, visible } from './trace-row.ts';

const said = z
  .string()
  .min(1)
  .max(1_024)
  .refine((value) => !value.includes('\0'), 'holds a NUL; take it out');
const NewTraceId = TraceId.refine((id) => !/^0+$/.test(id), 'must not be all zero');

const Opened = z.strictObject({
  botInstanceId: uuid,
  traceId: NewTraceId.optional().describe('Default: a new one. Spans that bots send under it are parts of the trace.'),
  parentTraceId: NewTraceId.optional().describe('The trace that this one is begun for.'),
  name: said,
  type: SpanType.default('TASK'),
  startedAt: time.optional().describe('Default: now. At most five minutes ahead.'),
  session: z.string().min(1).max(200).optional(),
  attributes: ManualAttributes.default({}),
});
const ending = {
  endedAt: time.optional().describe('Default: now. At most five minutes ahead.'),
  attributes: ManualAttributes.default({}).describe('More of them, or others in the place of those given before.'),
};

const Bot = z.object({ fleetId: z.uuid(), simulated: z.boolean() });
const botOf = async (call: Call, id: string) => {
  const rows = await call.world.views(
    `select b.fleet_id as "fleetId", b.engine = 'simulated' as simulated from config_read.bots b
     where b.workspace = $1 and b.id = $2`,
    [call.workspace, id],
  );
  return Bot.parse(oneRow(rows, 'bot instance'));
};

const Begun = Trace.extend({
  rootSpanId: SpanId.describe('Of its own span: spans that name it as their parent hang under it.'),
});
/** The span is stored when it ends; until then only this view knows it. */
const begun = async (call: Call, traceId: string, botInstanceId: string): Promise<PlainRow> => {
  const [trace, spans] = await Promise.all([
    findTrace(call, traceId, botInstanceId),
    call.world.views(
      `select m.span_id as "rootSpanId" from trace_read.manual_traces m
       where m.workspace = $1 and m.trace_uuid = $2::uuid and m.bot_id = $3`,
      [call.workspace, traceId, botInstanceId],
    ),
  ]);
  return { ...trace, ...oneRow(spans, 'trace') };
};

/** Whole milliseconds: what the events have. */
const moment = (given: string | undefined): string => (given ? new Date(given) : new Date()).toISOString();

const open = route({
  method: 'POST',
  path: '/traces',
  permission: 'trace:create',
  reach: 'subject',
  summary: 'Begins a trace of a bot; it is RUNNING until it is completed or fails.',
  body: Opened,
  status: 201,
  answer: Begun,
  isCommand: true,
  subjects: ({ body }) => [{ kind: 'bot', id: body.botInstanceId }],
  run: async (call, { body }) => {
    const digits = call.newId.replaceAll('-', '');
    const traceId = body.traceId ?? digits;
    return call.dispatch.change(call, {
      definition: OpenTrace,
      data: {
        botId: body.botInstanceId,
        ...(await botOf(call, body.botInstanceId)),
        traceId,
        spanId: digits.slice(-16),
        parentTraceId: body.parentTraceId ?? null,
        name: body.name,
        type: body.type,
        startedAt: moment(body.startedAt),
        session: body.session ?? null,
        attributes: body.attributes,
      },
      resourceId: call.newId,
      done: async () => {
        const trace = await begun(call, traceId, body.botInstanceId);
        return { status: 201, body: trace, headers: { location: `/api/v1/traces/${String(trace['id'])}` } };
      },
    });
  },
});

const byId = async (call: Call, id: string): Promise<PlainRow> =>
  oneRow(
    await call.world.views(`select ${traceColumns} from ${fromTraces} where ${visible('t')} and t.id = $3`, [
      ...scopeOf(call),
      id,
    ]),
    'trace',
  );

const storedMs = 2_000;
const lookEveryMs = 20;
/** Its span is stored right after it has ended; who asks for it then should see it. */
const ended = async (call: Call, id: string): Promise<PlainRow> => {
  const deadline = Date.now() + storedMs;
  for (;;) {
    const trace = await byId(call, id);
    if (trace['state'] !== 'RUNNING' || Date.now() > deadline) return trace;
    await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
  }
};

type Ending = { readonly endedAt?: string | undefined; readonly attributes: ManualAttributes };

const end = async (call: Call, id: string, status: 'OK' | 'ERROR', body: Ending & { readonly error?: string }) => {
  const trace = await byId(call, id);
  const { error: message = '', attributes } = body;
  const data = { botId: trace['botInstanceId'], traceId: trace['traceId'], endedAt: moment(body.endedAt) };
  return call.dispatch.change(call, {
    definition: EndTrace,
    data: { ...data, status, message, attributes },
    resourceId: id,
    done: async () => ({ status: 200, body: await ended(call, id) }),
  });
};

export const manualRoutes: readonly Route[] = [
  open,
  route({
    method: 'POST',
    path: '/traces/:id/complete',
    permission: 'trace:create',
    reach: 'filtered',
    summary: 'Ends a trace that was begun over the API.',
    params: Id,
    body: z.strictObject(ending),
    answer: Trace,
    isCommand: true,
    run: (call, { params, body }) => end(call, params.id, 'OK', body),
  }),
  route({
    method: 'POST',
    path: '/traces/:id/fail',
    permission: 'trace:create',
    reach: 'filtered',
    summary: 'Ends a trace that was begun over the API with an error.',
    params: Id,
    body: z.strictObject({ ...ending, error: said }),
    answer: Trace,
    isCommand: true,
    run: (call, { params, body }) => end(call, params.id, 'ERROR', body),
  }),
];
