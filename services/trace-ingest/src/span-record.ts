// A span as it is stored: checked, bounded, typed.
import type { SpanType } from '@molthub/contracts';
import { attributeJson, attributesMax, storable } from './attribute-json.ts';
import { isRequest, typeOf } from './classify.ts';
import { fingerprintOf } from './fingerprint.ts';
import type { WireSpan, WireSurroundings } from './otlp/wire-span.ts';
import { errorTypeOf, modelOf, runOf, sessionOf, type Tokens, tokensOf, toolOf } from './usage.ts';

/** What the spans of one scope have in common, as JSON. One object for all of them. */
export type Surroundings = { readonly resource: string; readonly scope: string; readonly rest: string | null };

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
  readonly attributes: string;
  readonly events: string | null;
  readonly links: string | null;
  readonly rest: string | null;
};

const textCharsMax = 1024;
const earliestNs = BigInt(Date.UTC(2000, 0)) * 1_000_000n;
const clockSkewNs = 86_400_000_000_000n;

/** The record of a span, or why it is rejected. Times may be up to a day ahead of `nowNs`. */
export const recordOf = (span: WireSpan, around: WireSurroundings, nowNs: bigint): SpanRecord | string => {
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
    name: storable(span.name, textCharsMax),
    type,
    kind: span.kind >= 0 && span.kind <= 5 ? span.kind : 0,
    status: span.statusCode === 1 || span.statusCode === 2 ? span.statusCode : 0,
    statusMessage: storable(span.statusMessage, textCharsMax),
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
    surroundings: surroundingsOf(around),
    attributes: attributeJson(span.attributes),
    events: eventsJson(span),
    links: linksJson(span),
    rest: null,
  };
};

const statusError = 2;
const errorIn = ({ name, statusCode, statusMessage, attributes }: WireSpan) => {
  if (statusCode !== statusError) return { fingerprint: null, errorType: '' };
  const errorType = errorTypeOf(attributes);
  return { fingerprint: fingerprintOf(name, errorType, statusMessage), errorType };
};

const noSpan = '0'.repeat(16);

const isId = (id: string, digits: number): boolean =>
  id.length === digits && /^[0-9a-f]+$/.test(id) && !/^0+$/.test(id);

const known = new WeakMap<WireSurroundings, Surroundings>();
/** Written once for all the spans of a scope. */
const surroundingsOf = (around: WireSurroundings): Surroundings => {
  const before = known.get(around);
  if (before) return before;
  const { resource, scope } = around;
  const surroundings = { resource: attributeJson(resource), scope: storable(scope, textCharsMax), rest: null };
  known.set(around, surroundings);
  return surroundings;
};

const eventsJson = ({ events }: WireSpan): string | null => {
  if (events.length === 0) return null;
  const each = events.slice(0, attributesMax).map(({ timeNs, name, attributes }) => {
    const label = JSON.stringify(storable(name, textCharsMax));
    return `{"timeNs":"${timeNs}","name":${label},"attributes":${attributeJson(attributes)}}`;
  });
  return `[${each.join(',')}]`;
};

const linksJson = ({ links }: WireSpan): string | null => {
  if (links.length === 0) return null;
  const each = links.slice(0, attributesMax).map(({ traceId, spanId, attributes }) => {
    const [trace, span] = [traceId, spanId].map((id) => JSON.stringify(storable(id, 64)));
    return `{"traceId":${trace},"spanId":${span},"attributes":${attributeJson(attributes)}}`;
  });
  return `[${each.join(',')}]`;
};

/** About how much memory a record holds. */
export const sizeOf = (record: SpanRecord): number =>
  512 +
  2 * (record.attributes.length + (record.events?.length ?? 0) + (record.links?.length ?? 0) + record.name.length);
