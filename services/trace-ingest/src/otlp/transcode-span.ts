// One span in protobuf → the columns of its row that are stored as they came, as bytes, and the few facts that
// something is concluded from.
import { attributesMax, contentBytesMax } from '../attribute-json.ts';
import type { Redaction } from '../redact.ts';
import {
  type ByteWriter,
  clear,
  createWriter,
  reserve,
  writeAscii,
  writeByte,
  writeBytes,
  writeDigits,
} from './byte-writer.ts';
import {
  nameMember,
  noteCount,
  noteText,
  readCount,
  readEvent,
  readHex,
  readLink,
  writeEvent,
  writeLink,
} from './write-events.ts';
import {
  type Cursor,
  enter,
  expectWire,
  fieldOf,
  leave,
  passOver,
  readEnum,
  readFixed32,
  readFixed64,
  readTag,
  skip,
  TooManyFields,
  wire,
} from './protobuf.ts';
import {
  fieldsMax,
  type Sink,
  type SpanBody,
  type Surroundings,
  spanBytesMax,
  spanTooLarge,
  spanTooRich,
  type Value,
  type WireEvent,
  type WireSpan,
} from './wire-span.ts';
import { type Members, readLong, readShort, writeAttribute } from './write-value.ts';
import { expectUtf8, type Treatment } from './write-text.ts';

/** Where the bytes of many spans lie one behind another. */
export type Shelf = { readonly put: (from: ByteWriter) => Buffer };

/** Puts bytes into memory of about `sizeBytes` a piece. */
export const createShelf = (sizeBytes: number): Shelf => {
  let piece = Buffer.alloc(0);
  let at = 0;
  return {
    put: (from) => {
      if (at + from.at > piece.length) {
        piece = Buffer.allocUnsafeSlow(Math.max(sizeBytes, from.at));
        at = 0;
      }
      from.bytes.copy(piece, at, 0, from.at);
      at += from.at;
      return piece.subarray(at - from.at, at);
    },
  };
};

/** What is written of one span, before it is put together. Spans are transcoded one at a time, so one is enough. */
const attributes = createWriter();
const events = createWriter();
const links = createWriter();
const rest = createWriter();
const columns = createWriter();
const content = createWriter();
const contentEvents = createWriter();
const eventsTo = { out: events, content: contentEvents, besideIt: content };

/** Gives the span that is the rest of a cursor to the sink, or tells it why that is too much for one span. */
export const giveSpan = (
  cursorOf: () => Cursor,
  around: Surroundings,
  { sink, redaction, shelf }: { readonly sink: Sink; readonly redaction: Redaction; readonly shelf: Shelf },
): void => {
  try {
    const cursor = cursorOf();
    if (cursor.end - cursor.at > spanBytesMax) sink.reject(spanTooLarge);
    else sink.span(transcodeSpan(cursor, redaction, shelf), around);
  } catch (error) {
    if (!(error instanceof TooManyFields)) throw error;
    sink.reject(spanTooRich);
  }
};

/** Transcodes the span that is the rest of the cursor. Throws a 400 where it is none, and `TooManyFields`. */
const transcodeSpan = (cursor: Cursor, redaction: Redaction, shelf: Shelf): WireSpan => {
  cursor.fieldsLeft = fieldsMax;
  const how = treatmentOf(cursor, redaction);
  for (const out of [attributes, events, links, rest, columns, content, contentEvents]) clear(out);
  writeByte(attributes, openBrace);
  writeAscii(content, contentStart);
  const promoted = new Map<string, Value>();
  const contentTo = { out: content, from: content.at, endMax: contentBytesMax, isContentEvent: false };
  const members: Members = {
    plain: attributes,
    content: contentTo,
    promoted,
    count: 0,
  };
  const span: { -readonly [K in keyof WireSpan]: WireSpan[K] } = { ...nothing, attributes: promoted };
  const found: WireEvent[] = [];
  let [eventCount, linkCount] = [0, 0];
  let [stateAt, stateEnd] = [0, 0];
  let [droppedAttributes, droppedEvents, droppedLinks] = [0, 0, 0];
  while (cursor.at < cursor.end) {
    const tag = readTag(cursor);
    switch (fieldOf(tag)) {
      case 1:
        span.traceId = readHex(cursor, tag);
        break;
      case 2:
        span.spanId = readHex(cursor, tag);
        break;
      case 3:
        if (stateEnd > stateAt) expectUtf8(cursor.bytes, stateAt, stateEnd);
        stateAt = passOver(cursor, tag);
        stateEnd = cursor.at;
        break;
      case 4:
        span.parentSpanId = readHex(cursor, tag);
        break;
      case 5:
        span.name = readShort(cursor, tag, how);
        break;
      case 6:
        expectWire(tag, wire.varint);
        span.kind = readEnum(cursor);
        break;
      case 7:
        span.startNs = fixed64(cursor, tag);
        break;
      case 8:
        span.endNs = fixed64(cursor, tag);
        break;
      case 9:
        contentTo.endMax = contentBytesMax - contentEvents.at;
        writeAttribute(cursor, tag, members, how);
        break;
      case 11:
        if (eventCount++ < attributesMax) found.push(writeEvent(cursor, tag, found.length, eventsTo, how));
        else readEvent(cursor, tag);
        break;
      case 13:
        if (linkCount++ < attributesMax) writeLink(cursor, tag, links, how);
        else readLink(cursor, tag);
        break;
      case 15:
        readStatus(cursor, tag, span, how);
        break;
      case 16:
        expectWire(tag, wire.fixed32);
        span.flags = readFixed32(cursor);
        break;
      case 10:
        droppedAttributes = readCount(cursor, tag);
        break;
      case 12:
        droppedEvents = readCount(cursor, tag);
        break;
      case 14:
        droppedLinks = readCount(cursor, tag);
        break;
      default:
        skip(cursor, tag);
    }
  }
  noteText('traceState', cursor.bytes, stateAt, stateEnd, rest, how);
  noteCount('droppedAttributesCount', droppedAttributes, rest);
  noteCount('droppedEventsCount', droppedEvents, rest);
  noteCount('droppedLinksCount', droppedLinks, rest);
  how.cut += Math.max(0, eventCount - attributesMax) + Math.max(0, linkCount - attributesMax);
  span.events = found;
  span.body = bodyOf(how, shelf);
  return span;
};

const openBrace = 0x7b;
const closeBrace = 0x7d;
const closeBracket = 0x5d;
const contentStart = '{"attributes":{';

const empty = Buffer.alloc(0);
const nothing: WireSpan = {
  traceId: '',
  spanId: '',
  parentSpanId: '',
  name: '',
  kind: 0,
  startNs: 0n,
  endNs: 0n,
  attributes: new Map(),
  events: [],
  statusCode: 0,
  statusMessage: '',
  flags: 0,
  body: { columns: empty, content: null },
};

/** A message that holds the sender's token, or is of a fleet with patterns of its own, is looked through as text. */
export const treatmentOf = ({ bytes, at, end }: Cursor, redaction: Redaction): Treatment => {
  const { token, hide, actionOf } = redaction;
  const isTokenThere = token ? bytes.subarray(at, end).includes(token) : false;
  return { redaction, closely: isTokenThere || hide !== undefined || actionOf !== undefined, cut: 0 };
};

const fixed64 = (cursor: Cursor, tag: number): bigint => {
  expectWire(tag, wire.fixed64);
  return readFixed64(cursor);
};

const readStatus = (
  cursor: Cursor,
  tag: number,
  span: { statusCode: number; statusMessage: string },
  how: Treatment,
) => {
  const outer = enter(cursor, tag);
  while (cursor.at < cursor.end) {
    const inner = readTag(cursor);
    const field = fieldOf(inner);
    if (field === 2) span.statusMessage = readLong(cursor, inner, how);
    else if (field === 3) {
      expectWire(inner, wire.varint);
      span.statusCode = readEnum(cursor);
    } else skip(cursor, inner);
  }
  leave(cursor, outer);
};

/** Puts the columns together; each is its length and its text. */
const bodyOf = (how: Treatment, shelf: Shelf): SpanBody => {
  writeByte(attributes, closeBrace);
  if (how.cut > 0) {
    nameMember('cut', rest);
    writeDigits(rest, how.cut);
  }
  if (events.at > 0) writeByte(events, closeBracket);
  if (links.at > 0) writeByte(links, closeBracket);
  if (rest.at > 0) writeByte(rest, closeBrace);
  for (const out of [attributes, events, links, rest]) writeColumn(out);
  return { columns: shelf.put(columns), content: contentOf(shelf) };
};

const writeColumn = (out: ByteWriter) => {
  reserve(columns, 4);
  const { bytes, at } = columns;
  bytes.writeInt32BE(out.at === 0 ? -1 : out.at, at);
  columns.at = at + 4;
  writeBytes(columns, out.bytes, 0, out.at);
};

const contentOf = (shelf: Shelf): Buffer | null => {
  if (content.at === contentStart.length && contentEvents.at === 0) return null;
  writeAscii(content, '},"events":[');
  writeBytes(content, contentEvents.bytes, 0, contentEvents.at);
  writeAscii(content, ']}');
  return shelf.put(content);
};
