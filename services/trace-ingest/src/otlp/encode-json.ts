// Spans of OTLP/JSON → protobuf. Source: opentelemetry-proto docs/specification.md, "JSON Protobuf Encoding": ids in
// hex of either case, enums as integers, 64-bit integers as text or number, unknown fields ignored.
import type { ByteWriter } from './byte-writer.ts';
import {
  beginField,
  bytesField,
  doubleField,
  endField,
  fixed32Field,
  fixed64Field,
  int64Field,
  textField,
  uintField,
} from './protobuf-writer.ts';
import { malformed } from './refusal.ts';
import { type JsonObject, listOf, objectOf, optionalObject } from './walk-json.ts';
import { valueDepthMax } from './wire-span.ts';

/** Writes the content of a Span. Throws a 400 that names the field where it is none. */
export const encodeSpan = (out: ByteWriter, span: JsonObject): void => {
  idField(out, 1, span, 'traceId');
  idField(out, 2, span, 'spanId');
  namedText(out, 3, span, 'traceState');
  idField(out, 4, span, 'parentSpanId');
  namedText(out, 5, span, 'name');
  int64Field(out, 6, BigInt(integer(span, 'kind')));
  fixed64Field(out, 7, uint64(span, 'startTimeUnixNano'));
  fixed64Field(out, 8, uint64(span, 'endTimeUnixNano'));
  encodeAttributes(out, 9, span['attributes'], 0);
  count(out, 10, span, 'droppedAttributesCount');
  for (const event of listOf(span['events'], 'events')) encodeEvent(out, objectOf(event, 'an event'));
  count(out, 12, span, 'droppedEventsCount');
  for (const link of listOf(span['links'], 'links')) encodeLink(out, objectOf(link, 'a link'));
  count(out, 14, span, 'droppedLinksCount');
  const status = optionalObject(span['status'], 'status');
  const from = beginField(out, 15);
  namedText(out, 2, status, 'message');
  int64Field(out, 3, BigInt(integer(status, 'code')));
  endField(out, from);
  fixed32Field(out, 16, integer(span, 'flags'));
};

export const encodeResource = (out: ByteWriter, resource: JsonObject): void => {
  encodeAttributes(out, 1, resource['attributes'], 0);
  count(out, 2, resource, 'droppedAttributesCount');
};

export const encodeScope = (out: ByteWriter, scope: JsonObject): void => {
  namedText(out, 1, scope, 'name');
  namedText(out, 2, scope, 'version');
  encodeAttributes(out, 3, scope['attributes'], 0);
  count(out, 4, scope, 'droppedAttributesCount');
};

const encodeEvent = (out: ByteWriter, event: JsonObject) => {
  const from = beginField(out, 11);
  fixed64Field(out, 1, uint64(event, 'timeUnixNano'));
  namedText(out, 2, event, 'name');
  encodeAttributes(out, 3, event['attributes'], 0);
  count(out, 4, event, 'droppedAttributesCount');
  endField(out, from);
};

const encodeLink = (out: ByteWriter, link: JsonObject) => {
  const from = beginField(out, 13);
  idField(out, 1, link, 'traceId');
  idField(out, 2, link, 'spanId');
  namedText(out, 3, link, 'traceState');
  encodeAttributes(out, 4, link['attributes'], 0);
  count(out, 5, link, 'droppedAttributesCount');
  fixed32Field(out, 6, integer(link, 'flags'));
  endField(out, from);
};

const encodeAttributes = (out: ByteWriter, field: number, list: unknown, depth: number) => {
  for (const item of listOf(list, 'attributes')) {
    const attribute = objectOf(item, 'an attribute');
    const from = beginField(out, field);
    namedText(out, 1, attribute, 'key');
    encodeValue(out, 2, attribute['value'], depth);
    endField(out, from);
  }
};

const encodeValue = (out: ByteWriter, field: number, value: unknown, depth: number) => {
  if (depth > valueDepthMax) throw malformed(`An attribute is nested more than ${valueDepthMax} deep.`);
  const any = optionalObject(value, 'value');
  const from = beginField(out, field);
  for (const [kind, held] of Object.entries(any)) {
    if (held !== null && encodeKind(out, any, kind, held, depth)) break;
  }
  endField(out, from);
};

/** Answers whether this is a kind of value. */
const encodeKind = (out: ByteWriter, any: JsonObject, kind: string, held: unknown, depth: number): boolean => {
  switch (kind) {
    case 'stringValue':
      textField(out, 1, text(any, kind));
      return true;
    case 'boolValue':
      if (typeof held !== 'boolean') throw malformed('boolValue must be true or false.');
      uintField(out, 2, held ? 1 : 0);
      return true;
    case 'intValue':
      int64Field(out, 3, int64(held));
      return true;
    case 'doubleValue':
      doubleField(out, 4, double(held));
      return true;
    case 'bytesValue':
      bytesField(out, 7, Buffer.from(text(any, kind), 'base64'));
      return true;
    case 'arrayValue': {
      const from = beginField(out, 5);
      for (const item of listOf(objectOf(held, kind)['values'], 'values')) encodeValue(out, 1, item, depth + 1);
      endField(out, from);
      return true;
    }
    case 'kvlistValue': {
      const from = beginField(out, 6);
      encodeAttributes(out, 1, objectOf(held, kind)['values'], depth + 1);
      endField(out, from);
      return true;
    }
    default:
      return false;
  }
};

const namedText = (out: ByteWriter, field: number, from: JsonObject, key: string) => {
  const value = text(from, key);
  if (value !== '') textField(out, field, value);
};

/** What is no hex is an id of no length, for which its span is rejected. */
const idField = (out: ByteWriter, field: number, from: JsonObject, key: string) => {
  const id = text(from, key);
  if (id === '') return;
  const isHex = id.length % 2 === 0 && id.length <= 64 && /^[0-9a-f]*$/i.test(id);
  // A parent that is no id must not pass for none.
  bytesField(out, field, isHex ? Buffer.from(id, 'hex') : Buffer.from([0]));
};

const count = (out: ByteWriter, field: number, from: JsonObject, key: string) => {
  const value = integer(from, key);
  if (value < 0 || value >= 2 ** 32) throw malformed(`${key} must be an integer from 0 to 2^32 - 1.`);
  if (value > 0) uintField(out, field, value);
};

export const text = (from: JsonObject, key: string): string => {
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
