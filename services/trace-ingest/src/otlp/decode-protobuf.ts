// ExportTraceServiceRequest in protobuf → spans, in slices of time.
import type { Pace } from './pace.ts';
import {
  type Cursor,
  cursorOf,
  expectWire,
  fieldOf,
  readBytes,
  readDouble,
  readEnum,
  readFixed32,
  readFixed64,
  readInt64,
  readMessage,
  readTag,
  readText,
  readUint,
  skip,
  wire,
} from './protobuf.ts';
import { malformed, Refusal } from './refusal.ts';
import {
  type Attributes,
  type Sink,
  type WireSurroundings,
  spanBytesMax,
  spanTooLarge,
  type Value,
  valueDepthMax,
  type WireEvent,
  type WireLink,
  type WireSpan,
} from './wire-span.ts';

/** Gives every span of the body to the sink; throws a 400 where the body is no such message. */
export const decodeProtobuf = async (body: Buffer, sink: Sink, pace: Pace): Promise<void> => {
  await eachMessage(cursorOf(body), 1, pace, (resourceSpans) => decodeResourceSpans(resourceSpans, sink, pace));
};

const decodeResourceSpans = async (resourceSpans: Cursor, sink: Sink, pace: Pace) => {
  // The resource may stand behind its spans, so it is looked for first.
  let resource: Attributes = new Map();
  await eachMessage({ ...resourceSpans }, 1, pace, (message) => {
    resource = decodeResource(message);
  });
  await eachMessage(resourceSpans, 2, pace, async (scopeSpans) => {
    let scope = '';
    await eachMessage({ ...scopeSpans }, 1, pace, (message) => {
      scope = decodeScope(message);
    });
    const around: WireSurroundings = { resource, scope };
    await eachMessage(scopeSpans, 2, pace, (span) => {
      if (span.end - span.at > spanBytesMax) sink.reject(spanTooLarge);
      else sink.span(decodeSpan(span), around);
    });
  });
};

/** Calls back with each sub-message of one field number, and steps over everything else. */
const eachMessage = async (
  cursor: Cursor,
  field: number,
  pace: Pace,
  found: (message: Cursor) => void | Promise<void>,
) => {
  let read = 0;
  while (cursor.at < cursor.end) {
    if (pace.due(read)) await pace.rest();
    const from = cursor.at;
    const tag = readTag(cursor);
    if (fieldOf(tag) !== field) {
      read = 0;
      skip(cursor, tag);
      continue;
    }
    expectWire(tag, wire.length);
    const pending = found(readMessage(cursor));
    if (pending) await pending;
    read = cursor.at - from;
  }
};

const decodeResource = (cursor: Cursor): Attributes => {
  if (cursor.end - cursor.at > spanBytesMax) throw new Refusal(413, `A resource has at most ${spanBytesMax} bytes.`);
  const attributes = new Map<string, Value>();
  while (cursor.at < cursor.end) {
    const tag = readTag(cursor);
    if (fieldOf(tag) === 1) decodeAttribute(submessage(cursor, tag), attributes, 0);
    else skip(cursor, tag);
  }
  return attributes;
};

const decodeScope = (cursor: Cursor): string => {
  let scope = '';
  while (cursor.at < cursor.end) {
    const tag = readTag(cursor);
    if (fieldOf(tag) === 1) scope = text(cursor, tag);
    else skip(cursor, tag);
  }
  return scope;
};

const decodeSpan = (cursor: Cursor): WireSpan => {
  let traceId = '';
  let spanId = '';
  let parentSpanId = '';
  let name = '';
  let kind = 0;
  let startNs = 0n;
  let endNs = 0n;
  let status = { code: 0, message: '' };
  let flags = 0;
  const attributes = new Map<string, Value>();
  const events: WireEvent[] = [];
  const links: WireLink[] = [];
  while (cursor.at < cursor.end) {
    const tag = readTag(cursor);
    switch (fieldOf(tag)) {
      case 1:
        traceId = hex(cursor, tag);
        break;
      case 2:
        spanId = hex(cursor, tag);
        break;
      case 4:
        parentSpanId = hex(cursor, tag);
        break;
      case 5:
        name = text(cursor, tag);
        break;
      case 6:
        expectWire(tag, wire.varint);
        kind = readEnum(cursor);
        break;
      case 7:
        startNs = fixed64(cursor, tag);
        break;
      case 8:
        endNs = fixed64(cursor, tag);
        break;
      case 9:
        decodeAttribute(submessage(cursor, tag), attributes, 0);
        break;
      case 11:
        events.push(decodeEvent(submessage(cursor, tag)));
        break;
      case 13:
        links.push(decodeLink(submessage(cursor, tag)));
        break;
      case 15:
        status = decodeStatus(submessage(cursor, tag));
        break;
      case 16:
        expectWire(tag, wire.fixed32);
        flags = readFixed32(cursor);
        break;
      default:
        skip(cursor, tag);
    }
  }
  const { code: statusCode, message: statusMessage } = status;
  return {
    traceId,
    spanId,
    parentSpanId,
    name,
    kind,
    startNs,
    endNs,
    attributes,
    events,
    links,
    statusCode,
    statusMessage,
    flags,
  };
};

const decodeEvent = (cursor: Cursor): WireEvent => {
  let timeNs = 0n;
  let name = '';
  const attributes = new Map<string, Value>();
  while (cursor.at < cursor.end) {
    const tag = readTag(cursor);
    const field = fieldOf(tag);
    if (field === 1) timeNs = fixed64(cursor, tag);
    else if (field === 2) name = text(cursor, tag);
    else if (field === 3) decodeAttribute(submessage(cursor, tag), attributes, 0);
    else skip(cursor, tag);
  }
  return { timeNs, name, attributes };
};

const decodeLink = (cursor: Cursor): WireLink => {
  let traceId = '';
  let spanId = '';
  const attributes = new Map<string, Value>();
  while (cursor.at < cursor.end) {
    const tag = readTag(cursor);
    const field = fieldOf(tag);
    if (field === 1) traceId = hex(cursor, tag);
    else if (field === 2) spanId = hex(cursor, tag);
    else if (field === 4) decodeAttribute(submessage(cursor, tag), attributes, 0);
    else skip(cursor, tag);
  }
  return { traceId, spanId, attributes };
};

const decodeStatus = (cursor: Cursor) => {
  let code = 0;
  let message = '';
  while (cursor.at < cursor.end) {
    const tag = readTag(cursor);
    const field = fieldOf(tag);
    if (field === 2) message = text(cursor, tag);
    else if (field === 3) {
      expectWire(tag, wire.varint);
      code = readEnum(cursor);
    } else skip(cursor, tag);
  }
  return { code, message };
};

const decodeAttribute = (cursor: Cursor, into: Map<string, Value>, depth: number) => {
  let key = '';
  let value: Value = null;
  while (cursor.at < cursor.end) {
    const tag = readTag(cursor);
    const field = fieldOf(tag);
    if (field === 1) key = text(cursor, tag);
    else if (field === 2) value = decodeValue(submessage(cursor, tag), depth);
    else skip(cursor, tag);
  }
  into.set(key, value);
};

const decodeValue = (cursor: Cursor, depth: number): Value => {
  if (depth > valueDepthMax) throw malformed(`An attribute is nested more than ${valueDepthMax} deep.`);
  let value: Value = null;
  while (cursor.at < cursor.end) {
    const tag = readTag(cursor);
    switch (fieldOf(tag)) {
      case 1:
        value = text(cursor, tag);
        break;
      case 2:
        expectWire(tag, wire.varint);
        value = readUint(cursor) !== 0;
        break;
      case 3:
        expectWire(tag, wire.varint);
        value = readInt64(cursor);
        break;
      case 4:
        expectWire(tag, wire.fixed64);
        value = readDouble(cursor);
        break;
      case 5:
        value = decodeArray(submessage(cursor, tag), depth + 1);
        break;
      case 6:
        value = decodeList(submessage(cursor, tag), depth + 1);
        break;
      case 7:
        expectWire(tag, wire.length);
        value = readBytes(cursor);
        break;
      default:
        skip(cursor, tag);
    }
  }
  return value;
};

const decodeArray = (cursor: Cursor, depth: number): readonly Value[] => {
  const values: Value[] = [];
  while (cursor.at < cursor.end) {
    const tag = readTag(cursor);
    if (fieldOf(tag) === 1) values.push(decodeValue(submessage(cursor, tag), depth));
    else skip(cursor, tag);
  }
  return values;
};

const decodeList = (cursor: Cursor, depth: number): Attributes => {
  const values = new Map<string, Value>();
  while (cursor.at < cursor.end) {
    const tag = readTag(cursor);
    if (fieldOf(tag) === 1) decodeAttribute(submessage(cursor, tag), values, depth);
    else skip(cursor, tag);
  }
  return values;
};

const submessage = (cursor: Cursor, tag: number): Cursor => {
  expectWire(tag, wire.length);
  return readMessage(cursor);
};
const text = (cursor: Cursor, tag: number): string => {
  expectWire(tag, wire.length);
  return readText(cursor);
};
const hex = (cursor: Cursor, tag: number): string => {
  expectWire(tag, wire.length);
  // Longer than any id is wrong already; how wrong need not be remembered.
  return readBytes(cursor).subarray(0, 32).toString('hex');
};
const fixed64 = (cursor: Cursor, tag: number): bigint => {
  expectWire(tag, wire.fixed64);
  return readFixed64(cursor);
};
