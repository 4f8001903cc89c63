// The reference that the decoders are tested against: protobufjs, with all of trace.proto, common.proto, resource.proto.
import protobuf from 'protobufjs';
import type { SpanRecord } from '../span-record.ts';

// Of the language since 2025, and of Node; not yet of the compiler's library.
declare global {
  interface JSON {
    parse(
      text: string,
      reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown,
    ): unknown;
  }
}

const field = (id: number, type: string, rule?: 'repeated') => ({ id, type, ...(rule ? { rule } : {}) });
const root = protobuf.Root.fromJSON({
  nested: {
    AnyValue: {
      oneofs: {
        value: {
          oneof: ['stringValue', 'boolValue', 'intValue', 'doubleValue', 'arrayValue', 'kvlistValue', 'bytesValue'],
        },
      },
      fields: {
        stringValue: field(1, 'string'),
        boolValue: field(2, 'bool'),
        intValue: field(3, 'int64'),
        doubleValue: field(4, 'double'),
        arrayValue: field(5, 'Values'),
        kvlistValue: field(6, 'Pairs'),
        bytesValue: field(7, 'bytes'),
      },
    },
    Values: { fields: { values: field(1, 'AnyValue', 'repeated') } },
    Pairs: { fields: { values: field(1, 'KeyValue', 'repeated') } },
    KeyValue: { fields: { key: field(1, 'string'), value: field(2, 'AnyValue') } },
    Resource: { fields: { attributes: field(1, 'KeyValue', 'repeated'), droppedAttributesCount: field(2, 'uint32') } },
    Scope: {
      fields: {
        name: field(1, 'string'),
        version: field(2, 'string'),
        attributes: field(3, 'KeyValue', 'repeated'),
        droppedAttributesCount: field(4, 'uint32'),
      },
    },
    Status: { fields: { message: field(2, 'string'), code: field(3, 'int32') } },
    Event: {
      fields: {
        timeUnixNano: field(1, 'fixed64'),
        name: field(2, 'string'),
        attributes: field(3, 'KeyValue', 'repeated'),
        droppedAttributesCount: field(4, 'uint32'),
      },
    },
    Link: {
      fields: {
        traceId: field(1, 'bytes'),
        spanId: field(2, 'bytes'),
        traceState: field(3, 'string'),
        attributes: field(4, 'KeyValue', 'repeated'),
        droppedAttributesCount: field(5, 'uint32'),
        flags: field(6, 'fixed32'),
      },
    },
    Span: {
      fields: {
        traceId: field(1, 'bytes'),
        spanId: field(2, 'bytes'),
        traceState: field(3, 'string'),
        parentSpanId: field(4, 'bytes'),
        name: field(5, 'string'),
        kind: field(6, 'int32'),
        startTimeUnixNano: field(7, 'fixed64'),
        endTimeUnixNano: field(8, 'fixed64'),
        attributes: field(9, 'KeyValue', 'repeated'),
        droppedAttributesCount: field(10, 'uint32'),
        events: field(11, 'Event', 'repeated'),
        droppedEventsCount: field(12, 'uint32'),
        links: field(13, 'Link', 'repeated'),
        droppedLinksCount: field(14, 'uint32'),
        status: field(15, 'Status'),
        flags: field(16, 'fixed32'),
      },
    },
    ScopeSpans: {
      fields: { scope: field(1, 'Scope'), spans: field(2, 'Span', 'repeated'), schemaUrl: field(3, 'string') },
    },
    ResourceSpans: {
      fields: {
        resource: field(1, 'Resource'),
        scopeSpans: field(2, 'ScopeSpans', 'repeated'),
        schemaUrl: field(3, 'string'),
      },
    },
    Request: { fields: { resourceSpans: field(1, 'ResourceSpans', 'repeated') } },
    LogRecord: {
      fields: {
        timeUnixNano: field(1, 'fixed64'),
        severityText: field(3, 'string'),
        body: field(5, 'AnyValue'),
        attributes: field(6, 'KeyValue', 'repeated'),
      },
    },
    ScopeLogs: { fields: { scope: field(1, 'Scope'), logRecords: field(2, 'LogRecord', 'repeated') } },
    ResourceLogs: { fields: { resource: field(1, 'Resource'), scopeLogs: field(2, 'ScopeLogs', 'repeated') } },
    Logs: { fields: { resourceLogs: field(1, 'ResourceLogs', 'repeated') } },
  },
});
const Request = root.lookupType('Request');
/** A request in protobuf. */
export const encode = (request: object) => Buffer.from(Request.encode(Request.fromObject(request)).finish());

/** What the reference decoder reads: 64-bit integers as text, bytes in base64, and the default of what is not there. */
export const decode = (body: Buffer): Readonly<Record<string, unknown>> =>
  Request.toObject(Request.decode(body), { longs: String, bytes: String, defaults: true });

const Logs = root.lookupType('Logs');
export const encodeLogs = (request: object) => Buffer.from(Logs.encode(Logs.fromObject(request)).finish());

/** The same request as OTLP/JSON: what the reference decoder read, ids in hex, bytes in base64. */
export const toJson = (body: Buffer) => {
  const plain = Request.toObject(Request.decode(body), { longs: String, bytes: Buffer });
  return Buffer.from(
    JSON.stringify(plain, (key, value: unknown) => {
      // JSON has no numbers for these; protobuf's has texts.
      if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
      if (Object.is(value, -0)) return '-0';
      const bytes = asBytes(value);
      return bytes ? bytes.toString(key.endsWith('Id') ? 'hex' : 'base64') : value;
    }),
  );
};
const asBytes = (value: unknown) =>
  typeof value === 'object' && value !== null && 'type' in value && value.type === 'Buffer' && 'data' in value
    ? Buffer.from(Array.isArray(value.data) ? value.data : [])
    : null;

/** Whether the reference decoder throws. */
export const referenceRefuses = (body: Buffer): boolean => {
  try {
    Request.decode(body);
    return false;
  } catch {
    return true;
  }
};

/** What the reference reads, with every default: 64-bit integers as text, bytes as bytes. */
export const referenceOf = (body: Buffer): unknown =>
  Request.toObject(Request.decode(body), { longs: String, bytes: Buffer, defaults: true, arrays: true });

/** The same of a body in JSON, whose ids are in hex where protobuf's JSON has base64. */
export const referenceOfJson = (body: string): unknown => {
  const request: unknown = JSON.parse(body, (key, value: unknown) =>
    typeof value === 'string' && /^(?:traceId|spanId|parentSpanId)$/.test(key) ? idOf(value) : value,
  );
  if (typeof request !== 'object' || request === null) throw new Error('The body is no JSON object.');
  return referenceOf(encode(request));
};

/** What is no hex is no id, and no shorter one. */
const idOf = (text: string) => (/^(?:[0-9a-f]{2})*$/i.test(text) ? Buffer.from(text, 'hex') : Buffer.from([0]));

/** The JSON columns of a record as COPY takes them, as text; null where there is nothing. */
export const columnsOf = (record: SpanRecord | undefined) => {
  if (!record) throw new Error('There is no record.');
  const { columns } = record.body;
  let at = 0;
  const next = (): string | null => {
    const length = columns.readInt32BE(at);
    at += 4;
    if (length < 0) return null;
    at += length;
    return columns.subarray(at - length, at).toString();
  };
  const [attributes, events, links, rest] = [next(), next(), next(), next()];
  return { attributes: attributes ?? '', events, links, rest };
};
