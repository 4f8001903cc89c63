// Whether a body of metrics or logs is what it says it is. Source: opentelemetry-proto 1.x metrics.proto, logs.proto.
import { createPace, type Pace } from './pace.ts';
import {
  type Cursor,
  cursorOf,
  expectWire,
  fieldOf,
  readMessage,
  readTag,
  readText,
  skip,
  type Wire,
  wire,
} from './protobuf.ts';
import { malformed } from './refusal.ts';
import type { Lists } from './split-json.ts';
import { walkJson } from './walk-json.ts';
import type { Encoding } from './decode-spans.ts';

export type OtherSignal = 'metrics' | 'logs';

/** The bytes that somebody's value is, not those of an id. */
export const bytesOfValue = 'bytes';
/** What a field holds: a wire type, text, a message by its name, or numbers that may be packed. */
export type Kind = Wire | typeof bytesOfValue | 'text' | 'packed' | { readonly message: string };
export type Fields = Readonly<Record<number, Kind>>;

const of = (message: string): Kind => ({ message });
const attributes = of('KeyValue');
const { varint, fixed64, fixed32, length: bytes } = wire;

const messages: Readonly<Record<string, Fields>> = {
  ExportMetrics: { 1: of('ResourceMetrics') },
  ResourceMetrics: { 1: of('Resource'), 2: of('ScopeMetrics'), 3: 'text' },
  ScopeMetrics: { 1: of('Scope'), 2: of('Metric'), 3: 'text' },
  Metric: {
    1: 'text',
    2: 'text',
    3: 'text',
    5: of('Numbers'),
    7: of('Numbers'),
    9: of('Histogram'),
    10: of('ExponentialHistogram'),
    11: of('Summary'),
    12: attributes,
  },
  Numbers: { 1: of('NumberPoint'), 2: varint, 3: varint },
  Histogram: { 1: of('HistogramPoint'), 2: varint },
  ExponentialHistogram: { 1: of('ExponentialPoint'), 2: varint },
  Summary: { 1: of('SummaryPoint') },
  NumberPoint: { 2: fixed64, 3: fixed64, 4: fixed64, 5: of('Exemplar'), 6: fixed64, 7: attributes, 8: varint },
  HistogramPoint: {
    2: fixed64,
    3: fixed64,
    4: fixed64,
    5: fixed64,
    6: 'packed',
    7: 'packed',
    8: of('Exemplar'),
    9: attributes,
    10: varint,
    11: fixed64,
    12: fixed64,
  },
  ExponentialPoint: {
    1: attributes,
    2: fixed64,
    3: fixed64,
    4: fixed64,
    5: fixed64,
    6: varint,
    7: fixed64,
    8: of('Buckets'),
    9: of('Buckets'),
    10: varint,
    11: of('Exemplar'),
    12: fixed64,
    13: fixed64,
    14: fixed64,
  },
  Buckets: { 1: varint, 2: 'packed' },
  SummaryPoint: { 2: fixed64, 3: fixed64, 4: fixed64, 5: fixed64, 6: of('Quantile'), 7: attributes, 8: varint },
  Quantile: { 1: fixed64, 2: fixed64 },
  Exemplar: { 2: fixed64, 3: fixed64, 4: bytes, 5: bytes, 6: fixed64, 7: attributes },
  ExportLogs: { 1: of('ResourceLogs') },
  ResourceLogs: { 1: of('Resource'), 2: of('ScopeLogs'), 3: 'text' },
  ScopeLogs: { 1: of('Scope'), 2: of('LogRecord'), 3: 'text' },
  LogRecord: {
    1: fixed64,
    2: varint,
    3: 'text',
    5: of('AnyValue'),
    6: attributes,
    7: varint,
    8: fixed32,
    9: bytes,
    10: bytes,
    11: fixed64,
    12: 'text',
  },
  Resource: { 1: attributes, 2: varint },
  Scope: { 1: 'text', 2: 'text', 3: attributes, 4: varint },
  KeyValue: { 1: 'text', 2: of('AnyValue') },
  AnyValue: {
    1: 'text',
    2: varint,
    3: varint,
    4: fixed64,
    5: of('ArrayValue'),
    6: of('KeyValueList'),
    7: bytesOfValue,
  },
  ArrayValue: { 1: of('AnyValue') },
  KeyValueList: { 1: attributes },
};

/** The fields of a message by its name. */
export const fieldsOf = (message: string): Fields => messages[message] ?? {};
/** The message that a body of a signal is. */
export const rootOf = (signal: OtherSignal): string => (signal === 'metrics' ? 'ExportMetrics' : 'ExportLogs');

/** Messages in messages: nine of OTLP's own above two for each level of nested values. */
const depthMax = 9 + 2 * 32;

const lists: Readonly<Record<OtherSignal, Lists>> = {
  metrics: ['resourceMetrics', 'scopeMetrics', 'metrics'],
  logs: ['resourceLogs', 'scopeLogs', 'logRecords'],
};

/** Throws a 400 for a body that is not the signal's export request. Takes time in slices. */
export const checkShape = async (
  signal: OtherSignal,
  body: Buffer,
  encoding: Encoding,
  pace: Pace = createPace(),
): Promise<void> => {
  if (encoding === 'json') await walkJson(body, lists[signal], pace, () => ({ element: () => undefined }));
  else await checkMessage(cursorOf(body), rootOf(signal), pace);
};

const checkMessage = async (body: Cursor, name: string, pace: Pace) => {
  const open = [{ cursor: body, fields: messages[name] ?? {} }];
  for (let inner = open.at(-1); inner; inner = open.at(-1)) {
    if (pace.due(0)) await pace.rest();
    const { cursor, fields } = inner;
    if (cursor.at >= cursor.end) {
      open.pop();
      continue;
    }
    const tag = readTag(cursor);
    const kind = fields[fieldOf(tag)];
    if (kind === undefined) skip(cursor, tag);
    else if (typeof kind === 'object') {
      expectWire(tag, bytes);
      if (open.length > depthMax) throw malformed(`Messages are nested more than ${depthMax} deep.`);
      open.push({ cursor: readMessage(cursor), fields: messages[kind.message] ?? {} });
    } else if (kind === 'text') {
      expectWire(tag, bytes);
      readText(cursor);
    } else {
      if (kind !== 'packed') expectWire(tag, kind === bytesOfValue ? bytes : kind);
      skip(cursor, tag);
    }
  }
};
