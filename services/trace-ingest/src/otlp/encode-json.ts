// Spans of OTLP/JSON → protobuf. Source: opentelemetry-proto docs/specification.md, "JSON Protobuf Encoding": ids in
// hex of either case, enums as integers, 64-bit integers as text or number, unknown fields ignored.
import { unreachable } from '@molthub/decider';
import type { ByteWriter } from './byte-writer.ts';
import { TooManyFields } from './protobuf.ts';
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
import { fieldsMax, valueDepthMax } from './wire-span.ts';

/** How many attributes and values may still be written of a message, which is written in one piece. */
let valuesLeft = 0;
const spendValue = () => {
  if (--valuesLeft < 0) throw new TooManyFields();
};

/** Writes the content of a Span. Throws a 400 that names the field where it is none, and `TooManyFields`. */
export const encodeSpan = (out: ByteWriter, span: JsonObject): void => {
  valuesLeft = fieldsMax;
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
  valuesLeft = fieldsMax;
  encodeAttributes(out, 1, resource['attributes'], 0);
  count(out, 2, resource, 'droppedAttributesCount');
};

export const encodeScope = (out: ByteWriter, scope: JsonObject): void => {
  valuesLeft = fieldsMax;
  namedText(out, 1, scope, 'name');
  namedText(out, 2, scope, 'version');
  encodeAttributes(out, 3, scope['attributes'], 0);
  count(out, 4, scope, 'droppedAttributesCount');
};

const encodeEvent = (out: ByteWriter, event: JsonObject) => {
  spendValue();
  const from = beginField(out, 11);
  fixed64Field(out, 1, uint64(event, 'timeUnixNano'));
  namedText(out, 2, event, 'name');
  encodeAttributes(out, 3, event['attributes'], 0);
  count(out, 4, event, 'droppedAttributesCount');
  endField(out, from);
};

const encodeLink = (out: ByteWriter, link: JsonObject) => {
  spendValue();
  const from = beginField(out, 13);
  for (const [field, key] of [
    [1, 'traceId'],
    [2, 'spanId'],
  ] as const) {
    if (!isHex(text(link, key))) throw malformed(`${key} of a link must be hex.`);
    idField(out, field, link, key);
  }
  namedText(out, 3, link, 'traceState');
  encodeAttributes(out, 4, link['attributes'], 0);
  count(out, 5, link, 'droppedAttributesCount');
  fixed32Field(out, 6, integer(link, 'flags'));
  endField(out, from);
};

const encodeAttributes = (out: ByteWriter, field: number, list: unknown, depth: number) => {
  for (const item of listOf(list, 'attributes')) {
    spendValue();
    const attribute = objectOf(item, 'an attribute');
    const from = beginField(out, field);
    namedText(out, 1, attribute, 'key');
    encodeValue(out, 2, attribute['value'], depth);
    endField(out, from);
  }
};

const encodeValue = (out: ByteWriter, field: number, value: unknown, depth: number) => {
  if (depth > valueDepthMax) throw malformed(`An attribute is nested more than ${valueDepthMax} deep.`);
  spendValue();
  const any = optionalObject(value, 'value');
  const from = beginField(out, field);
  const kind = kinds.find((one) => any[one] !== undefined && any[one] !== null);
  if (kind) encodeKind(out, any, kind, depth);
  endField(out, from);
};

const kinds = [
  'stringValue',
  'intValue',
  'boolValue',
  'doubleValue',
  'arrayValue',
  'kvlistValue',
  'bytesValue',
] as const;

const encodeKind = (out: ByteWriter, any: JsonObject, kind: (typeof kinds)[number], depth: number): void => {
  const held = any[kind];
  switch (kind) {
    case 'stringValue':
      return textField(out, 1, text(any, kind));
    case 'boolValue':
      if (typeof held !== 'boolean') throw malformed('boolValue must be true or false.');
      return uintField(out, 2, held ? 1 : 0);
    case 'intValue':
      // What exporters in JavaScript call an integer is any number without a fraction.
      if (typeof held === 'number' && (held >= 2 ** 63 || held < -(2 ** 63))) return doubleField(out, 4, held);
      return int64Field(out, 3, int64(held));
    case 'doubleValue':
      return doubleField(out, 4, double(held));
    case 'bytesValue':
      return bytesField(out, 7, base64(text(any, kind)));
    case 'arrayValue': {
      const from = beginField(out, 5);
      for (const item of listOf(objectOf(held, kind)['values'], 'values')) encodeValue(out, 1, item, depth + 1);
      return endField(out, from);
    }
    case 'kvlistValue': {
      const from = beginField(out, 6);
      encodeAttributes(out, 1, objectOf(held, kind)['values'], depth + 1);
      return endField(out, from);
    }
    default:
      return unreachable(kind);
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
  // A parent that is no id must not pass for none.
  bytesField(out, field, isHex(id) ? Buffer.from(id, 'hex') : Buffer.from([0]));
};

/** Of either alphabet, padded or not; what is none must not be stored as the bytes that are left of it. */
const base64 = (given: string): Buffer => {
  const digits = given.replace(/={1,2}$/, '');
  const isWhole = digits === given ? digits.length % 4 !== 1 : given.length % 4 === 0;
  if (!isWhole || !/^[\w+/-]*$/.test(digits)) throw malformed('bytesValue must be base64.');
  return Buffer.from(digits, 'base64');
};

const isHex = (id: string): boolean => id.length % 2 === 0 && id.length <= 64 && /^[0-9a-f]*$/i.test(id);

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
