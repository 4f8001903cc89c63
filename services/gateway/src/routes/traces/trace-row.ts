// A trace as lists, searches and the tail answer it: a summary, never its spans.
import { SpanType, TraceState } from '@molthub/contracts';
import { HttpProblem } from '@molthub/http';
import { z } from 'zod';
import { oneRow, type PlainRow } from '../../read-side.ts';
import type { Call } from '../../route.ts';
import { time, uuid } from '../shapes.ts';

export const SpanStatus = z.enum(['UNSET', 'OK', 'ERROR']);
/** Some tools write the digits in capitals. */
const digits = (count: number) =>
  z
    .string()
    .regex(new RegExp(`^[0-9a-fA-F]{${count}}$`), `must be ${count} hexadecimal digits`)
    .toLowerCase();
export const TraceId = digits(32);
export const SpanId = digits(16);
export const Fingerprint = digits(16);

export const Trace = z.object({
  id: z.uuid(),
  traceId: z.string(),
  botInstanceId: z.uuid(),
  fleetId: z.uuid().nullable(),
  configHash: z.string().nullable(),
  name: z.string(),
  type: SpanType,
  status: SpanStatus.describe('That of its root.'),
  state: TraceState.describe('RUNNING: something is open, or its root has not come yet; ORPHANED: it will not come.'),
  startedAt: time,
  endedAt: time,
  durationMs: z.number(),
  spanCount: z.int(),
  errorCount: z.int().describe('Spans of it that ended in error, of whatever kind.'),
  requestCount: z.int(),
  modelCalls: z.int(),
  toolCalls: z.int(),
  inputTokens: z.int().describe('Cached ones included.'),
  cachedTokens: z.int(),
  outputTokens: z.int(),
  costUsd: z.number(),
  unpricedCalls: z.int().describe('Calls of models that no price is known of; they are not in costUsd.'),
  models: z.array(z.string()),
  session: z.string().nullable(),
  run: z.string().nullable(),
  error: z.object({ message: z.string(), fingerprint: z.string().nullable() }).nullable(),
});

export const traceColumns = `t.id, t.trace_id as "traceId", t.bot_id as "botInstanceId", t.fleet_id as "fleetId",
  t.config_hash as "configHash", t.name, t.type, t.status, t.state, t.started_at as "startedAt", t.ended_at as "endedAt",
  t.duration_ms as "durationMs", t.span_count as "spanCount", t.error_count as "errorCount",
  t.request_count as "requestCount", t.model_calls as "modelCalls", t.tool_calls as "toolCalls",
  t.input_tokens as "inputTokens", t.cached_tokens as "cachedTokens", t.output_tokens as "outputTokens",
  t.cost_usd as "costUsd", t.unpriced_calls as "unpricedCalls", t.models, t.session, t.run,
  case when t.error_message is not null then json_build_object('message', t.error_message, 'fingerprint', t.fingerprint)
    end as error`;
export const fromTraces = 'trace_read.traces t';

/** A key for some fleets sees the traces of bots that are in them now. */
export const visible = (row: string) => `${row}.workspace = $1 and ($2::uuid[] is null or ${row}.bot_id in (
  select b.id from config_read.bots b where b.workspace = $1 and b.fleet_id = any($2::uuid[])))`;
/** The fleet that a trace's bot is in now. */
export const fleetNow = (row: string) =>
  `(select b.fleet_id from config_read.bots b where b.workspace = ${row}.workspace and b.id = ${row}.bot_id)`;
/** What `visible` takes as $1 and $2. */
export const scopeOf = (call: Call): readonly [string, readonly string[] | null] => [
  call.workspace,
  call.principal.fleetIds.length > 0 ? [...call.principal.fleetIds] : null,
];

export const ByTrace = z.strictObject({ traceId: TraceId });
export const OfBot = { botInstanceId: uuid.optional() };

/** The one bot whose trace it is. Two bots that chose the same trace id are told apart by the caller. */
export const findTrace = async (call: Call, traceId: string, botInstanceId: string | undefined): Promise<PlainRow> => {
  const rows = await call.world.views(
    `select ${traceColumns} from ${fromTraces}
     where ${visible('t')} and t.trace_uuid = $3 and ($4::uuid is null or t.bot_id = $4)
     order by t.started_at, t.bot_id limit ${botsNamedMax}`,
    [...scopeOf(call), traceId, botInstanceId ?? null],
  );
  if (rows.length > 1) throw ambiguous(rows.map((row) => String(row['botInstanceId'])));
  return oneRow(rows, 'trace');
};

const botsNamedMax = 10;
const ambiguous = (bots: readonly string[]): HttpProblem =>
  new HttpProblem({
    status: 409,
    code: 'gateway.ambiguous-trace',
    detail: 'Several bots sent spans under this trace id; say which with ?botInstanceId=.',
    errors: [{ path: 'botInstanceId', code: 'gateway.ambiguous-trace', message: `give one of ${bots.join(', ')}` }],
  });
