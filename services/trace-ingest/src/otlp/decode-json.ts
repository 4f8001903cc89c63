// ExportTraceServiceRequest in JSON → spans. Source: opentelemetry-proto docs/specification.md, "JSON Protobuf
// Encoding": ids in hex of either case, enums as integers, 64-bit integers as text or number, unknown fields ignored.
import { attributesMax } from '../attribute-json.ts';
import type { Pace } from './pace.ts';
import { malformed } from './refusal.ts';
import { type JsonObject, listOf, objectOf, optionalObject, walkJson } from './walk-json.ts';
import {
  type Attributes,
  type Sink,
  spanBytesMax,
  spanTooLarge,
  type Value,
  valueDepthMax,
  type WireEvent,
  type WireLink,
  type WireSpan,
} from './wire-span.ts';

/** Gives every span of the body to the sink; throws a 400 that names the field where the body is no such message. */
export const decodeJson = async (body: Buffer, sink: Sink, pace: Pace, splitAbove?: number): Promise<void> => {
  let known: { readonly resource: JsonObject; readonly attributes: Attributes } | null = null;
  await walkJson(
    body,
    ['resourceSpans', 'scopeSpans', 'spans'],
    pace,
    (resource, scope) => {
      if (known?.resource !== resource) known = { resource, attributes: attributesOf(resource['attributes'], 0) };
      const around = { resource: known.attributes, scope: text(scope, 'name') };
      return (span, bytes) => {
        if (bytes > spanBytesMax) sink.reject(spanTooLarge);
        else sink.span(spanOf(span), around);
      };
    },
    splitAbove,
  );
};

const spanOf = (span: JsonObject): WireSpan => {
  const status = optionalObject(span['status'], 'status');
  return {
    traceId: text(span, 'traceId').toLowerCase(),
    spanId: text(span, 'spanId').toLowerCase(),
    parentSpanId: text(span, 'parentSpanId').toLowerCase(),
    name: text(span, 'name'),
    kind: integer(span, 'kind'),
    startNs: uint64(span, 'startTimeUnixNano'),
    endNs: uint64(span, 'endTimeUnixNano'),
    attributes: attributesOf(span['attributes'], 0),
    events: listOf(span['events'], 'events').map(eventOf),
    links: listOf(span['links'], 'links').map(linkOf),
    statusCode: integer(status, 'code'),
    statusMessage: text(status, 'message'),
    flags: integer(span, 'flags'),
  };
};

const eventOf = (value: unknown): WireEvent => {
  const event = objectOf(value, 'an event');
  return {
    timeNs: uint64(event, 'timeUnixNano'),
    name: text(event, 'name'),
    attributes: attributesOf(event['attributes'], 0),
  };
};

const linkOf = (value: unknown): WireLink => {
  const link = objectOf(value, 'a link');
  return {
    traceId: text(link, 'traceId').toLowerCase(),
    spanId: text(link, 'spanId').toLowerCase(),
    attributes: attributesOf(link['attributes'], 0),
  };
};

const attributesOf = (list: unknown, depth: number): Attributes => {
  const attributes = new Map<string, Value>();
  // More are not stored, so they need not be read.
  for (const item of listOf(list, 'attributes').slice(0, attributesMax)) {
    const attribute = objectOf(item, 'an attribute');
    attributes.set(text(attribute, 'key'), valueOf(attribute['value'], depth));
  }
  return attributes;
};

const valueOf = (value: unknown, depth: number): Value => {
  if (depth > valueDepthMax) throw malformed(`An attribute is nested more than ${valueDepthMax} deep.`);
  const any = optionalObject(value, 'value');
  for (const [kind, held] of Object.entries(any)) {
    if (held === null) continue;
    switch (kind) {
      case 'stringValue':
        return text(any, kind);
      case 'boolValue':
        if (typeof held !== 'boolean') throw malformed('boolValue must be true or false.');
        return held;
      case 'intValue':
        return int64(held);
      case 'doubleValue':
        return double(held);
      case 'bytesValue':
        return Buffer.from(text(any, kind), 'base64');
      case 'arrayValue':
        return listOf(objectOf(held, kind)['values'], 'values').map((item) => valueOf(item, depth + 1));
      case 'kvlistValue':
        return attributesOf(objectOf(held, kind)['values'], depth + 1);
      default:
    }
  }
  return null;
};

const text = (from: JsonObject, key: string): string => {
  const value = from[key];
  if (value === undefined || value === null) return '';
  if (typeof value !== 'string') throw malformed(`${key} must be text.`);
  return value;
};

const integer = (from: JsonObject, key: string): number => {
  const value = from[key] ?? 0;
  if (typeof value !== 'number' || !Number.isInteger(value)) throw malformed(`${key} must be an integer.`);
  return value;
};

const uint64 = (from: JsonObject, key: string): bigint => {
  const value = digitsOf(from[key] ?? 0, key);
  if (value !== BigInt.asUintN(64, value)) throw malformed(`${key} must be an unsigned 64-bit integer.`);
  return value;
};

const int64 = (held: unknown): bigint => {
  const value = digitsOf(held, 'intValue');
  if (value !== BigInt.asIntN(64, value)) throw malformed('intValue must be a 64-bit integer.');
  return value;
};

const digitsOf = (value: unknown, name: string): bigint => {
  const digits = typeof value === 'number' && Number.isInteger(value) ? BigInt(value).toString() : value;
  if (typeof digits !== 'string' || !/^-?\d{1,20}$/.test(digits)) {
    throw malformed(`${name} must be an integer, as a number or as text.`);
  }
  return BigInt(digits);
};

const double = (held: unknown): number => {
  if (typeof held === 'number') return held;
  const value = typeof held === 'string' && held.trim() !== '' ? Number(held) : Number.NaN;
  if (Number.isNaN(value) && held !== 'NaN') throw malformed('doubleValue must be a number.');
  return value;
};
