// A span as it is stored: checked, bounded, typed.
import type { SpanType } from '@molthub/contracts';
import { attributeJson, attributesMax, storable } from './attribute-json.ts';
import { isRequest, tokensOf, typeOf } from './classify.ts';
import type { Surroundings, WireSpan } from './otlp/wire-span.ts';

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
  readonly attributes: string;
  readonly resource: string;
  readonly events: string;
  readonly links: string;
  readonly scope: string;
  readonly request: boolean;
  readonly inputTokens: number;
  readonly outputTokens: number;
};

const textCharsMax = 1024;
const earliestNs = BigInt(Date.UTC(2000, 0)) * 1_000_000n;
const clockSkewNs = 86_400_000_000_000n;

/** The record of a span, or why it is rejected. Times may be up to a day ahead of `nowNs`. */
export const recordOf = (span: WireSpan, around: Surroundings, nowNs: bigint): SpanRecord | string => {
  if (!isId(span.traceId, 32)) return 'trace_id must be 16 bytes that are not all zero';
  if (!isId(span.spanId, 16)) return 'span_id must be 8 bytes that are not all zero';
  const rooted = span.parentSpanId === '' || span.parentSpanId === noSpan;
  if (!rooted && !isId(span.parentSpanId, 16)) return 'parent_span_id must be empty or 8 bytes';
  if (span.startNs < earliestNs) return 'start_time_unix_nano must be nanoseconds since 1970, later than 2000';
  if (span.endNs < span.startNs) return 'end_time_unix_nano must not be before start_time_unix_nano';
  if (span.endNs > nowNs + clockSkewNs) return 'end_time_unix_nano is more than a day in the future';
  const own = rooted ? { ...span, parentSpanId: '' } : span;
  const type = typeOf(own);
  const tokens = tokensOf(type, span.attributes);
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
    attributes: attributeJson(span.attributes),
    resource: resourceJson(around),
    events: eventsJson(span),
    links: linksJson(span),
    scope: storable(around.scope, textCharsMax),
    request: isRequest(type, own),
    inputTokens: tokens.input,
    outputTokens: tokens.output,
  };
};

const noSpan = '0'.repeat(16);

const isId = (id: string, digits: number): boolean =>
  id.length === digits && /^[0-9a-f]+$/.test(id) && !/^0+$/.test(id);

const resources = new WeakMap<Surroundings['resource'], string>();
/** Written once for all the spans of a resource. */
const resourceJson = ({ resource }: Surroundings): string => {
  const known = resources.get(resource);
  if (known) return known;
  const json = attributeJson(resource);
  resources.set(resource, json);
  return json;
};

const eventsJson = ({ events }: WireSpan): string => {
  if (events.length === 0) return '[]';
  const each = events.slice(0, attributesMax).map(({ timeNs, name, attributes }) => {
    const label = JSON.stringify(storable(name, textCharsMax));
    return `{"timeNs":"${timeNs}","name":${label},"attributes":${attributeJson(attributes)}}`;
  });
  return `[${each.join(',')}]`;
};

const linksJson = ({ links }: WireSpan): string => {
  if (links.length === 0) return '[]';
  const each = links.slice(0, attributesMax).map(({ traceId, spanId, attributes }) => {
    const [trace, span] = [traceId, spanId].map((id) => JSON.stringify(storable(id, 64)));
    return `{"traceId":${trace},"spanId":${span},"attributes":${attributeJson(attributes)}}`;
  });
  return `[${each.join(',')}]`;
};

/** About how much memory a record holds. */
export const sizeOf = (record: SpanRecord): number =>
  512 + 2 * (record.attributes.length + record.events.length + record.links.length + record.name.length);
