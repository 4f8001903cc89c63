// Stored spans → the JSON of an OTLP request: what a bot could have sent, for whoever takes it elsewhere.
// Source: opentelemetry-proto trace.proto; ids in hex, 64-bit integers as text, enums as numbers.
import { z } from 'zod';
import { type AnyValue, type KeyValue, readAttributes } from './any-value.ts';
import type { StoredSpan } from './stored-spans.ts';

/** What `rest` columns hold where there is any: of the span, and of its resource and scope. */
const Rest = z.object({
  traceState: z.string().optional(),
  droppedAttributesCount: z.int().optional(),
  droppedEventsCount: z.int().optional(),
  droppedLinksCount: z.int().optional(),
});
const ScopeRest = z.object({
  scopeVersion: z.string().optional(),
  scopeAttributes: z.unknown().optional(),
  scopeDroppedAttributesCount: z.int().optional(),
  scopeSchemaUrl: z.string().optional(),
  resourceSchemaUrl: z.string().optional(),
  resourceDroppedAttributesCount: z.int().optional(),
});

const Json = z.record(z.string(), z.unknown());
type Json = z.infer<typeof Json>;
export const OtlpTraces = z.object({ resourceSpans: z.array(Json) });

/** One request of all these spans: those of one resource and scope together, in the order of the first of each. */
export const otlpOf = (spans: readonly StoredSpan[]): z.infer<typeof OtlpTraces> => {
  const around = ({ resource, scopeRest }: StoredSpan) => {
    const rest = ScopeRest.parse(JSON.parse(scopeRest ?? '{}'));
    return JSON.stringify([resource, rest.resourceSchemaUrl, rest.resourceDroppedAttributesCount]);
  };
  return { resourceSpans: [...Map.groupBy(spans, around).values()].map(resourceSpans) };
};

const resourceSpans = (spans: readonly StoredSpan[]): Json => {
  const [first] = spans;
  const rest = ScopeRest.parse(JSON.parse(first?.scopeRest ?? '{}'));
  const scope = (span: StoredSpan) => JSON.stringify([span.scope, span.scopeRest]);
  return known({
    resource: known({
      attributes: readAttributes(first?.resource ?? '{}'),
      droppedAttributesCount: rest.resourceDroppedAttributesCount,
    }),
    scopeSpans: [...Map.groupBy(spans, scope).values()].map(scopeSpans),
    schemaUrl: rest.resourceSchemaUrl,
  });
};

const scopeSpans = (spans: readonly StoredSpan[]): Json => {
  const [first] = spans;
  const text = first?.scopeRest ?? '{}';
  const rest = ScopeRest.parse(JSON.parse(text));
  return known({
    scope: known({
      name: first?.scope,
      version: rest.scopeVersion,
      attributes: listOf(field(readAttributes(text), 'scopeAttributes')),
      droppedAttributesCount: rest.scopeDroppedAttributesCount,
    }),
    spans: spans.map(spanOf),
    schemaUrl: rest.scopeSchemaUrl,
  });
};

const statuses = ['UNSET', 'OK', 'ERROR'];

const spanOf = (span: StoredSpan): Json => {
  const rest = Rest.parse(JSON.parse(span.rest ?? '{}'));
  return known({
    traceId: span.traceId,
    spanId: span.spanId,
    traceState: rest.traceState,
    parentSpanId: span.parentSpanId ?? undefined,
    flags: span.flags === 0 ? undefined : span.flags,
    name: span.name,
    kind: span.kind,
    startTimeUnixNano: span.startedNs,
    endTimeUnixNano: String(BigInt(span.startedNs) + BigInt(span.durationNs)),
    attributes: readAttributes(span.attributes),
    droppedAttributesCount: rest.droppedAttributesCount,
    events: eachOf(span.events).map((event) =>
      known({ timeUnixNano: textOf(event, 'timeNs'), name: textOf(event, 'name'), ...countedIn(event) }),
    ),
    droppedEventsCount: rest.droppedEventsCount,
    links: eachOf(span.links).map((link) =>
      known({
        traceId: textOf(link, 'traceId'),
        spanId: textOf(link, 'spanId'),
        traceState: textOf(link, 'traceState'),
        flags: numberOf(link, 'flags'),
        ...countedIn(link),
      }),
    ),
    droppedLinksCount: rest.droppedLinksCount,
    status: known({
      code: span.status === 'UNSET' ? undefined : statuses.indexOf(span.status),
      message: span.statusMessage === '' ? undefined : span.statusMessage,
    }),
  });
};

const countedIn = (fields: readonly KeyValue[]) => ({
  attributes: listOf(field(fields, 'attributes')),
  droppedAttributesCount: numberOf(fields, 'droppedAttributesCount'),
});

/** Without what nobody said: OTLP leaves out what has its default. */
const known = (fields: Json): Json =>
  Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined && !(Array.isArray(value) && value.length === 0)),
  );

/** The objects of a stored list, with every value's type. */
const eachOf = (json: string): readonly (readonly KeyValue[])[] => {
  if (json === '[]') return [];
  const list = field(readAttributes(`{"list":${json}}`), 'list');
  return list && 'arrayValue' in list ? (list.arrayValue?.values ?? []).map(listOf) : [];
};

const field = (fields: readonly KeyValue[], name: string): AnyValue | undefined =>
  fields.find(({ key }) => key === name)?.value;
const listOf = (value: AnyValue | undefined): readonly KeyValue[] =>
  value && 'kvlistValue' in value ? (value.kvlistValue?.values ?? []) : [];
const textOf = (fields: readonly KeyValue[], name: string): string | undefined => {
  const value = field(fields, name);
  return value && 'stringValue' in value && value.stringValue !== '' ? value.stringValue : undefined;
};
const numberOf = (fields: readonly KeyValue[], name: string): number | undefined => {
  const value = field(fields, name);
  return value && 'intValue' in value && value.intValue !== '0' ? Number(value.intValue) : undefined;
};
