// trace-ingest stores bots' spans as data and says in events only what others decide on.
import { z } from 'zod';
import { Hash } from './manifest.ts';
import { defineCommand, defineEvent, defineReadModel, WorkspaceSlug } from './message.ts';

export const SpanType = z.enum(['REQUEST', 'TASK', 'SKILL', 'TOOL', 'MODEL', 'OTHER']);
export type SpanType = z.infer<typeof SpanType>;

/** Upper bounds of the latency buckets, in ms: those of `gen_ai.client.operation.duration`; the last is open. */
export const latencyBucketsMs = [
  10, 20, 40, 80, 160, 320, 640, 1_280, 2_560, 5_120, 10_240, 20_480, 40_960, 81_920,
] as const;

export const TraceWindowSummarized = defineEvent(
  'trace.window.summarized.v1',
  "What a bot's requests looked like in [from, to), on one configuration.",
  z.object({
    botId: z.uuid(),
    fleetId: z.uuid().nullable(),
    configHash: Hash.nullable(),
    from: z.iso.datetime(),
    to: z.iso.datetime(),
    requests: z.int().min(0),
    errors: z.int().min(0),
    spans: z.int().min(0),
    /** One count more than there are bounds. */
    latencyCounts: z.array(z.int().min(0)).length(latencyBucketsMs.length + 1),
    inputTokens: z.int().min(0),
    outputTokens: z.int().min(0),
    simulated: z.boolean(),
  }),
);
export const TraceFailed = defineEvent(
  'trace.trace.failed.v1',
  'Traces of a bot ended in errors; at most one event per bot and minute, with a count.',
  z.object({
    botId: z.uuid(),
    fleetId: z.uuid().nullable(),
    traceId: z.string(),
    name: z.string(),
    message: z.string(),
    count: z.int().min(1),
    minute: z.iso.datetime(),
  }),
);

export const SummarizeWindow = defineCommand(
  'trace.window.summarize.v1',
  "Says what a closed window held. trace's own job; not for callers.",
  TraceWindowSummarized.data,
);
export const ReportFailedTraces = defineCommand(
  'trace.failure.report.v1',
  "Says that traces of a bot failed in a minute. trace's own job; not for callers.",
  TraceFailed.data,
);

const time = z.iso.datetime();
const scoped = { workspace: WorkspaceSlug, bot_id: z.uuid() };
export const SpansView = defineReadModel(
  'trace',
  'spans',
  'Every stored span.',
  z.object({
    ...scoped,
    trace_id: z.string(),
    span_id: z.string(),
    parent_span_id: z.string().nullable(),
    name: z.string(),
    type: SpanType,
    kind: z.int(),
    status: z.enum(['UNSET', 'OK', 'ERROR']),
    status_message: z.string(),
    started_at: time,
    started_ns: z.string(),
    duration_ns: z.string(),
    attributes: z.record(z.string(), z.json()),
    resource: z.record(z.string(), z.json()),
    events: z.array(z.json()),
    links: z.array(z.json()),
    scope: z.string(),
  }),
);
export const TracesView = defineReadModel(
  'trace',
  'traces',
  'One row per trace, right in whatever order its spans came.',
  z.object({
    ...scoped,
    trace_id: z.string(),
    id: z.uuid(),
    name: z.string(),
    type: SpanType,
    status: z.enum(['UNSET', 'OK', 'ERROR']),
    started_at: time,
    ended_at: time,
    duration_ms: z.number(),
    span_count: z.int(),
    error_count: z.int(),
    root_count: z.int(),
    input_tokens: z.int(),
    output_tokens: z.int(),
  }),
);
export const BotMinutesView = defineReadModel(
  'trace',
  'bot_minutes',
  'Rollups per bot, configuration hash and minute.',
  z.object({
    ...scoped,
    config_hash: Hash.nullable(),
    minute: time,
    requests: z.int(),
    errors: z.int(),
    spans: z.int(),
    model_calls: z.int(),
    tool_calls: z.int(),
    latency_counts: z.array(z.int()),
    duration_ms_sum: z.number(),
    input_tokens: z.int(),
    output_tokens: z.int(),
  }),
);
