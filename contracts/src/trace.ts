// trace-ingest stores bots' spans as data and says in events only what others decide on.
import { z } from 'zod';
import { Hash } from './manifest.ts';
import { defineCommand, defineEvent, defineReadModel, WorkspaceSlug } from './message.ts';
import { ExactUsd } from './runaway.ts';

export const SpanType = z.enum(['REQUEST', 'TASK', 'SKILL', 'TOOL', 'MODEL', 'OTHER']);
export type SpanType = z.infer<typeof SpanType>;

/** Upper bounds of the latency buckets, in ms: those of `gen_ai.client.operation.duration`; the last is open. */
export const latencyBucketsMs = [
  10, 20, 40, 80, 160, 320, 640, 1_280, 2_560, 5_120, 10_240, 20_480, 40_960, 81_920,
] as const;
/** Upper bounds of the token buckets: those of `gen_ai.client.token.usage`; the last is open. */
export const tokenBuckets = [
  1, 4, 16, 64, 256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216, 67_108_864,
] as const;
/** Upper bounds for the tokens and the cost of whole traces: finer, since what is compared by them differs by less. */
export const traceTokenBuckets = Array.from({ length: 18 }, (_, i) => 64 * 2 ** i);
export const traceCostBucketsUsd = Array.from({ length: 20 }, (_, i) => 2 ** i / 10_000);

export const windowModelsMax = 16;
const WindowModel = z.object({
  name: z.string(),
  calls: z.int().min(0),
  errors: z.int().min(0),
  inputTokens: z.int().min(0),
  cachedTokens: z.int().min(0),
  outputTokens: z.int().min(0),
  costUsd: ExactUsd,
  latencyCounts: z.array(z.int().min(0)).length(latencyBucketsMs.length + 1),
});

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
    // What came later: events of before have none of it.
    durationMsSum: z.number().min(0).optional(),
    modelCalls: z.int().min(0).optional(),
    toolCalls: z.int().min(0).optional(),
    cachedTokens: z.int().min(0).optional(),
    costUsd: ExactUsd.optional(),
    unpricedCalls: z.int().min(0).optional(),
    /** The ones that were called most. */
    models: z.array(WindowModel).max(windowModelsMax).optional(),
    /** Traces with a request that ended in the window and began at most an hour before it, by the tokens of each. */
    traceTokenCounts: z
      .array(z.int().min(0))
      .length(traceTokenBuckets.length + 1)
      .optional(),
    /** The same by cost, without those of which a call has no price. */
    traceCostCounts: z
      .array(z.int().min(0))
      .length(traceCostBucketsUsd.length + 1)
      .optional(),
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

/** Reads what a span said in full; `records: false`. */
export const ReadSpanContent = defineCommand(
  'trace.content.read.v1',
  'Answers prompts, messages, arguments and results of tools that were kept of a span.',
  z.strictObject({
    botId: z.uuid(),
    traceId: z.string().regex(/^[0-9a-f]{32}$/),
    spanId: z.string().regex(/^[0-9a-f]{16}$/),
  }),
);

/** Reads metrics or logs as they came; `records: false`. */
export const ReadSignals = defineCommand(
  'trace.signals.read.v1',
  'Answers the metrics or logs that a bot sent, the latest request first.',
  z.strictObject({
    botId: z.uuid(),
    kind: z.enum(['metrics', 'logs']),
    before: z.iso.datetime({ offset: true }).optional(),
  }),
);

const time = z.iso.datetime();
const scoped = { workspace: WorkspaceSlug, bot_id: z.uuid() };
const SpanStatus = z.enum(['UNSET', 'OK', 'ERROR']);
export const SpansView = defineReadModel(
  'trace',
  'spans',
  'Every stored span. Look for a trace by `trace_uuid`, which is indexed; costs are null where nothing has a price.',
  z.object({
    ...scoped,
    trace_id: z.string(),
    trace_uuid: z.guid(),
    span_id: z.string(),
    parent_span_id: z.string().nullable(),
    name: z.string(),
    type: SpanType,
    kind: z.int(),
    status: SpanStatus,
    status_message: z.string(),
    started_at: time,
    started_ns: z.string(),
    duration_ns: z.string(),
    duration_ms: z.number(),
    model: z.string().nullable(),
    input_tokens: z.int(),
    cached_tokens: z.int(),
    cache_write_tokens: z.int(),
    output_tokens: z.int(),
    reasoning_tokens: z.int(),
    cost_usd: z.number().nullable(),
    session: z.string().nullable(),
    fingerprint: z.string().nullable(),
    has_content: z.boolean(),
    attributes: z.record(z.string(), z.json()),
    resource: z.record(z.string(), z.json()),
    events: z.array(z.json()),
    links: z.array(z.json()),
    scope: z.string(),
    scope_rest: z.record(z.string(), z.json()).nullable(),
    flags: z.int(),
    rest: z.record(z.string(), z.json()).nullable(),
  }),
);
/** RUNNING: a span is open, or its root has not come yet; ORPHANED: its root will not come any more. */
export const TraceState = z.enum(['RUNNING', 'ENDED', 'ORPHANED']);
export const TracesView = defineReadModel(
  'trace',
  'traces',
  'One row per trace, right in whatever order its spans came.',
  z.object({
    ...scoped,
    fleet_id: z.uuid().nullable(),
    config_hash: Hash.nullable(),
    trace_id: z.string(),
    trace_uuid: z.guid(),
    id: z.uuid(),
    name: z.string(),
    type: SpanType,
    status: SpanStatus,
    state: TraceState,
    started_at: time,
    ended_at: time,
    duration_ms: z.number(),
    span_count: z.int(),
    error_count: z.int(),
    root_count: z.int(),
    request_count: z.int(),
    model_calls: z.int(),
    tool_calls: z.int(),
    input_tokens: z.int(),
    cached_tokens: z.int(),
    output_tokens: z.int(),
    cost_usd: z.number(),
    unpriced_calls: z.int(),
    models: z.array(z.string()),
    session: z.string().nullable(),
    run: z.string().nullable(),
    error_message: z.string().nullable(),
    fingerprint: z.string().nullable(),
    updated_at: time,
  }),
);

const ofBotAndConfig = { ...scoped, fleet_id: z.uuid().nullable(), config_hash: Hash.nullable() };
const requestsCounted = {
  simulated: z.boolean(),
  requests: z.int(),
  errors: z.int(),
  spans: z.int(),
  model_calls: z.int(),
  tool_calls: z.int(),
  latency_counts: z.array(z.int()),
  duration_ms_sum: z.number(),
  input_tokens: z.int(),
  cached_tokens: z.int(),
  output_tokens: z.int(),
  cost_usd: z.number(),
  unpriced_calls: z.int(),
};
const callsCounted = {
  type: SpanType,
  name: z.string(),
  calls: z.int(),
  errors: z.int(),
  latency_counts: z.array(z.int()),
  token_counts: z.array(z.int()),
  duration_ms_sum: z.number(),
  input_tokens: z.int(),
  cached_tokens: z.int(),
  cache_write_tokens: z.int(),
  output_tokens: z.int(),
  reasoning_tokens: z.int(),
  cost_usd: z.number(),
  unpriced_calls: z.int(),
};
export const BotMinutesView = defineReadModel(
  'trace',
  'bot_minutes',
  'Requests per bot, configuration hash and the minute in which they ended.',
  z.object({ ...ofBotAndConfig, minute: time, ...requestsCounted }),
);
export const BotHoursView = defineReadModel(
  'trace',
  'bot_hours',
  'The same by the hour.',
  z.object({ ...ofBotAndConfig, hour: time, ...requestsCounted }),
);
export const CallMinutesView = defineReadModel(
  'trace',
  'call_minutes',
  'Calls of models and of tools, by name, per bot, configuration hash and the minute in which they ended.',
  z.object({ ...ofBotAndConfig, minute: time, ...callsCounted }),
);
export const CallHoursView = defineReadModel(
  'trace',
  'call_hours',
  'The same by the hour.',
  z.object({ ...ofBotAndConfig, hour: time, ...callsCounted }),
);
export const ErrorGroupsView = defineReadModel(
  'trace',
  'error_groups',
  'Errors of a bot that say the same but for numbers and ids.',
  z.object({
    ...scoped,
    fleet_id: z.uuid().nullable(),
    fingerprint: z.string(),
    name: z.string(),
    error_type: z.string(),
    message: z.string(),
    count: z.int(),
    first_at: time,
    last_at: time,
    trace_id: z.string(),
  }),
);
export const ServicesView = defineReadModel(
  'trace',
  'services',
  "What bots call themselves: `service.name` of their resources. The workspace of a bot is config's to say.",
  z.object({ bot_id: z.uuid(), name: z.string().nullable(), seen_on: z.iso.date() }),
);
export const CallsView = defineReadModel(
  'trace',
  'calls',
  'Every stored call of a model or tool, with the `service.name` that made it. Look for a trace by `trace_uuid`.',
  z.object({
    ...scoped,
    trace_uuid: z.guid(),
    started_at: time,
    service: z.string().nullable(),
    name: z.string(),
  }),
);
