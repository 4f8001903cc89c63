// Spans as Jaeger's own API answers them, so that what reads Jaeger reads Molthub.
// Source: Jaeger's UI model and its translation of OTLP, as Grafana's datasource parses it.
import { z } from 'zod';
import { type AnyValue, type KeyValue, plainValue, readAttributes } from '../traces/any-value.ts';
import type { StoredSpan } from '../traces/stored-spans.ts';

const Tag = z.object({ key: z.string(), type: z.string(), value: z.unknown() });
type Tag = z.infer<typeof Tag>;
const Process = z.object({ serviceName: z.string(), tags: z.array(Tag) });
const Span = z.object({
  traceID: z.string(),
  spanID: z.string(),
  operationName: z.string(),
  references: z.array(z.object({ refType: z.string(), traceID: z.string(), spanID: z.string() })),
  startTime: z.int(),
  duration: z.int(),
  tags: z.array(Tag),
  logs: z.array(z.object({ timestamp: z.int(), fields: z.array(Tag) })),
  processID: z.string(),
  warnings: z.null(),
});
export const JaegerTrace = z.object({
  traceID: z.string(),
  spans: z.array(Span),
  processes: z.record(z.string(), Process),
  warnings: z.null(),
});
export type JaegerTrace = z.infer<typeof JaegerTrace>;

/** What bots are called that say no `service.name`. */
export const namelessService = 'unknown_service';

/** One trace of all its spans, whoever sent them. */
export const jaegerTrace = (traceID: string, spans: readonly StoredSpan[]): JaegerTrace => {
  const processes = new Map<string, { readonly id: string; readonly process: z.infer<typeof Process> }>();
  const processOf = ({ resource }: StoredSpan): string => {
    const known = processes.get(resource) ?? { id: `p${processes.size + 1}`, process: readProcess(resource) };
    processes.set(resource, known);
    return known.id;
  };
  return {
    traceID,
    spans: spans.map((span) => ({ ...spanOf(span), processID: processOf(span), warnings: null })),
    processes: Object.fromEntries([...processes.values()].map(({ id, process }) => [id, process])),
    warnings: null,
  };
};

const readProcess = (resource: string): z.infer<typeof Process> => {
  const attributes = readAttributes(resource);
  const name = attributes.find(({ key }) => key === 'service.name');
  return {
    serviceName: name ? String(plainValue(name.value)) : namelessService,
    tags: attributes.filter(({ key }) => key !== 'service.name').map(tagOf),
  };
};

const spanOf = (span: StoredSpan) => ({
  traceID: span.traceId,
  spanID: span.spanId,
  operationName: span.name,
  references: [
    ...(span.parentSpanId === null ? [] : [{ refType: 'CHILD_OF', traceID: span.traceId, spanID: span.parentSpanId }]),
    ...links
      .parse(JSON.parse(span.links))
      .map(({ traceId, spanId }) => ({ refType: 'FOLLOWS_FROM', traceID: traceId, spanID: spanId })),
  ],
  startTime: microseconds(span.startedNs),
  duration: microseconds(span.durationNs),
  tags: tagsOf(span),
  logs: logsOf(span.events),
});

const microseconds = (ns: string): number => Number(BigInt(ns) / 1_000n);

const links = z.array(z.object({ traceId: z.string(), spanId: z.string() }));
const ScopeRest = z.object({ version: z.string().optional() });
const Rest = z.object({ traceState: z.string().optional() });
const events = z.array(z.object({ timeNs: z.string(), name: z.string() }).loose());

const kinds = ['', 'internal', 'server', 'client', 'producer', 'consumer'];

const tagsOf = (span: StoredSpan): Tag[] => {
  const { version } = ScopeRest.parse(JSON.parse(span.scopeRest ?? '{}'));
  const { traceState } = Rest.parse(JSON.parse(span.rest ?? '{}'));
  const kind = kinds[span.kind];
  return [
    ...textTag('otel.scope.name', span.scope),
    ...textTag('otel.scope.version', version),
    ...readAttributes(span.attributes).map(tagOf),
    ...textTag('span.kind', kind),
    ...textTag('otel.status_code', span.status === 'UNSET' ? undefined : span.status),
    ...(span.status === 'ERROR' ? [{ key: 'error', type: 'bool', value: true }] : []),
    ...textTag('otel.status_description', span.statusMessage),
    ...textTag('w3c.tracestate', traceState),
  ];
};

const textTag = (key: string, value: string | undefined): readonly Tag[] =>
  value ? [{ key, type: 'string', value }] : [];

const logsOf = (json: string) => {
  const told = events.parse(JSON.parse(json));
  if (told.length === 0) return [];
  const attributes = attributesOfEach(json);
  return told.map(({ timeNs, name }, index) => ({
    timestamp: microseconds(timeNs),
    fields: [...textTag('event', name), ...(attributes[index] ?? []).map(tagOf)],
  }));
};

/** Of a list of objects, the attributes of each, with their types. */
const attributesOfEach = (json: string): readonly (readonly KeyValue[])[] => {
  const [list] = readAttributes(`{"list":${json}}`);
  const values = list && 'arrayValue' in list.value ? (list.value.arrayValue?.values ?? []) : [];
  return values.map((value) => {
    const fields = 'kvlistValue' in value ? (value.kvlistValue?.values ?? []) : [];
    const own = fields.find(({ key }) => key === 'attributes')?.value;
    return own && 'kvlistValue' in own ? (own.kvlistValue?.values ?? []) : [];
  });
};

const tagOf = ({ key, value }: KeyValue): Tag => ({ key, type: typeOf(value), value: tagValue(value) });

const typeOf = (value: AnyValue): string => {
  if ('boolValue' in value) return 'bool';
  if ('intValue' in value) return 'int64';
  if ('doubleValue' in value) return 'float64';
  return 'bytesValue' in value ? 'binary' : 'string';
};

/** Lists and objects are text of JSON there. */
const tagValue = (value: AnyValue): unknown => {
  const plain = plainValue(value);
  return typeof plain === 'object' && plain !== null ? JSON.stringify(plain) : (plain ?? '');
};
