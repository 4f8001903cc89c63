// A span as it is stored: checked, bounded, typed.
import type { SpanType } from '@molthub/contracts';
import { isRequest, typeOf } from './classify.ts';
import { fingerprintOf } from './fingerprint.ts';
import type { SpanBody, Surroundings, WireSpan } from './otlp/wire-span.ts';
import { errorTypeOf, modelOf, runOf, sessionOf, type Tokens, tokensOf, toolOf } from './usage.ts';

export type SpanRecord = {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | null;
  readonly name: string;
  readonly type: SpanType;
  readonly kind: number;
  /** 0 unset, 1 ok, 2 error. */
  readonly status: number;
  readonly statusMessage: string;
  readonly startedNs: bigint;
  readonly durationNs: bigint;
  readonly request: boolean;
  readonly flags: number;
  readonly model: string | null;
  readonly tool: string | null;
  readonly tokens: Tokens;
  /** 10^-12 USD; null where nothing has a price. */
  readonly costPico: bigint | null;
  readonly session: string | null;
  readonly run: string | null;
  /** What errors share that say the same but for numbers and ids. */
  readonly fingerprint: bigint | null;
  /** The class of its error; '' where it has none. */
  readonly errorType: string;
  readonly surroundings: Surroundings;
  readonly body: SpanBody;
};

const earliestNs = BigInt(Date.UTC(2000, 0)) * 1_000_000n;
const clockSkewNs = 86_400_000_000_000n;

/** The record of a span, or why it is rejected. Times may be up to a day ahead of `nowNs`. */
export const recordOf = (span: WireSpan, surroundings: Surroundings, nowNs: bigint): SpanRecord | string => {
  if (!isId(span.traceId, 32)) return 'trace_id must be 16 bytes that are not all zero';
  if (!isId(span.spanId, 16)) return 'span_id must be 8 bytes that are not all zero';
  const rooted = span.parentSpanId === '' || span.parentSpanId === noSpan;
  if (!rooted && !isId(span.parentSpanId, 16)) return 'parent_span_id must be empty or 8 bytes';
  if (span.startNs < earliestNs) return 'start_time_unix_nano must be nanoseconds since 1970, later than 2000';
  if (span.endNs < span.startNs) return 'end_time_unix_nano must not be before start_time_unix_nano';
  if (span.endNs > nowNs + clockSkewNs) return 'end_time_unix_nano is more than a day in the future';
  const own = rooted ? { ...span, parentSpanId: '' } : span;
  const type = typeOf(own);
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    parentSpanId: rooted ? null : span.parentSpanId,
    name: span.name,
    type,
    kind: span.kind >= 0 && span.kind <= 5 ? span.kind : 0,
    status: span.statusCode === 1 || span.statusCode === 2 ? span.statusCode : 0,
    statusMessage: span.statusMessage,
    startedNs: span.startNs,
    durationNs: span.endNs - span.startNs,
    request: isRequest(type, own),
    flags: span.flags,
    model: modelOf(type, span.attributes),
    tool: toolOf(type, span),
    tokens: tokensOf(type, span.attributes),
    costPico: null,
    session: sessionOf(span.attributes),
    run: runOf(span.attributes),
    ...errorIn(span),
    surroundings,
    body: span.body,
  };
};

const statusError = 2;
const errorIn = ({ name, statusCode, statusMessage, attributes, events }: WireSpan) => {
  if (statusCode !== statusError) return { fingerprint: null, errorType: '' };
  // What OpenTelemetry's recordException writes, and all that many instrumentations say of an error's class.
  const thrown = events.findLast((event) => event.name === 'exception');
  const errorType = errorTypeOf(attributes) || (thrown ? errorTypeOf(thrown.attributes) : '');
  return { fingerprint: fingerprintOf(name, errorType, statusMessage), errorType };
};

const noSpan = '0'.repeat(16);

const noTrace = '0'.repeat(32);

const isId = (id: string, digits: number): boolean => id.length === digits && id !== noSpan && id !== noTrace;

/** About how much memory a record holds. */
export const sizeOf = ({ body, name }: SpanRecord): number =>
  1_024 + body.columns.length + (body.content?.length ?? 0) + name.length;
