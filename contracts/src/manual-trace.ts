// Traces that somebody opens and ends over the API, rather than a bot that sends spans.
import { z } from 'zod';
import { defineCommand, defineEvent, defineReadModel, WorkspaceSlug } from './message.ts';
import { SpanType } from './trace.ts';

const TraceId = z.string().regex(/^(?!0{32})[0-9a-f]{32}$/, '32 hexadecimal digits, not all zero');
const SpanId = z.string().regex(/^(?!0{16})[0-9a-f]{16}$/, '16 hexadecimal digits, not all zero');
const text = z
  .string()
  .max(1_024)
  .refine((value) => !value.includes('\0'), 'holds a NUL; take it out');

export const manualAttributesMax = 64;
export const ManualAttributes = z
  .record(
    z
      .string()
      .min(1)
      .max(256)
      .regex(/^[^\0]+$/, 'holds a NUL; take it out'),
    z.union([
      z
        .string()
        .max(4_096)
        .regex(/^[^\0]*$/, 'holds a NUL; take it out'),
      z.number(),
      z.boolean(),
    ]),
  )
  .refine((attributes) => Object.keys(attributes).length <= manualAttributesMax, `at most ${manualAttributesMax}`);

export type ManualAttributes = z.infer<typeof ManualAttributes>;

const opened = z.object({
  botId: z.uuid(),
  fleetId: z.uuid().nullable(),
  simulated: z.boolean(),
  traceId: TraceId,
  spanId: SpanId,
  /** The trace that this one was begun for. */
  parentTraceId: TraceId.nullable(),
  name: text,
  type: SpanType,
  startedAt: z.iso.datetime(),
  session: text.nullable(),
  attributes: ManualAttributes,
});
const ended = z.object({
  botId: z.uuid(),
  traceId: TraceId,
  endedAt: z.iso.datetime(),
  status: z.enum(['OK', 'ERROR']),
  /** Empty unless it failed. */
  message: text,
  attributes: ManualAttributes,
});

export const TraceOpened = defineEvent(
  'trace.trace.opened.v1',
  'A trace was begun over the API; it runs until it is ended.',
  opened,
);
export const TraceEnded = defineEvent(
  'trace.trace.ended.v1',
  'A trace that was begun over the API is over; its span is stored like any other.',
  ended,
);
export const OpenTrace = defineCommand('trace.trace.open.v1', 'Begins a trace.', opened);
export const EndTrace = defineCommand('trace.trace.end.v1', 'Completes a trace, or says that it failed.', ended);

export const ManualTracesView = defineReadModel(
  'trace',
  'manual_traces',
  'Traces that were begun over the API; `status` is OPEN until they end.',
  z.object({
    workspace: WorkspaceSlug,
    bot_id: z.uuid(),
    trace_id: TraceId,
    trace_uuid: z.guid(),
    span_id: SpanId,
    parent_trace_id: z.string().nullable(),
    name: z.string(),
    type: SpanType,
    status: z.enum(['OPEN', 'OK', 'ERROR']),
    session: z.string().nullable(),
    attributes: z.record(z.string(), z.json()),
    started_at: z.iso.datetime(),
    ended_at: z.iso.datetime().nullable(),
  }),
);
