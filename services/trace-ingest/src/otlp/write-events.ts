// Events and links of a span, and whatever else it says beside its attributes, as JSON.
import { contentBytesMax, textCharsMax } from '../attribute-json.ts';
import { type ByteWriter, writeAscii, writeByte, writeDigits } from './byte-writer.ts';
import { isContentEvent } from './content-keys.ts';
import {
  type Cursor,
  enter,
  expectWire,
  fieldOf,
  leave,
  passOver,
  readFixed32,
  readFixed64,
  readTag,
  readUint,
  skip,
  wire,
} from './protobuf.ts';
import { readAttribute } from './read-value.ts';
import type { Value, WireEvent } from './wire-span.ts';
import { expectUtf8, type Treatment, writeText } from './write-text.ts';
import { type Members, readShort, writeAttribute } from './write-value.ts';

const openBrace = 0x7b;
const comma = 0x2c;

/** A member of an object that is still open; the first opens it. */
export const nameMember = (name: string, out: ByteWriter, from = 0): void => {
  writeByte(out, out.at === from ? openBrace : comma);
  writeAscii(out, `"${name}":`);
};

/** The text between two places, unless it is empty. */
export const noteText = (
  name: string,
  bytes: Buffer,
  at: number,
  end: number,
  out: ByteWriter,
  how: Treatment,
  from = 0,
): void => {
  if (end === at) return;
  nameMember(name, out, from);
  writeText(out, bytes, at, end, textCharsMax, how);
};

export const readCount = (cursor: Cursor, tag: number): number => {
  expectWire(tag, wire.varint);
  return readUint(cursor) % 2 ** 32;
};

/** A number, unless it is 0. */
export const noteCount = (name: string, count: number, out: ByteWriter, from = 0): void => {
  if (count === 0) return;
  nameMember(name, out, from);
  writeDigits(out, count);
};

export const readHex = (cursor: Cursor, tag: number): string => {
  const start = passOver(cursor, tag);
  // Longer than any id is wrong already; how wrong need not be remembered.
  return cursor.bytes.toString('hex', start, Math.min(cursor.at, start + 32));
};

/** `besideIt` is the content of the span's attributes, which has its share of the room. */
export type EventsTo = { readonly out: ByteWriter; readonly content: ByteWriter; readonly besideIt: ByteWriter };

/** Writes one of at most 256 events. */
export const writeEvent = (cursor: Cursor, tag: number, index: number, to: EventsTo, how: Treatment): WireEvent => {
  const { out, content } = to;
  const contentBefore = content.at;
  const outer = enter(cursor, tag);
  const head = eventHead(cursor, how);
  writeByte(out, index === 0 ? 0x5b : comma);
  writeAscii(out, `{"timeNs":"${head.timeNs}","name":`);
  writeText(out, cursor.bytes, head.nameAt, head.nameEnd, textCharsMax, how);
  writeAscii(out, ',"attributes":{');
  if (content.at > 0) writeByte(content, comma);
  writeAscii(content, `{"index":${index},"attributes":{`);
  const promoted = new Map<string, Value>();
  const members: Members = {
    plain: out,
    content: {
      out: content,
      from: content.at,
      endMax: contentBytesMax - to.besideIt.at,
      isContentEvent: isContentEvent(head.name),
    },
    promoted,
    count: 0,
  };
  const contentFrom = content.at;
  writeAttributes(cursor, 3, members, how);
  if (content.at === contentFrom) content.at = contentBefore;
  else writeAscii(content, '}}');
  writeByte(out, 0x7d);
  if (head.dropped > 0) writeAscii(out, `,"droppedAttributesCount":${head.dropped}`);
  writeByte(out, 0x7d);
  leave(cursor, outer);
  return { timeNs: head.timeNs, name: head.name, attributes: promoted };
};

/** Only looks whether it is one. */
export const readEvent = (cursor: Cursor, tag: number): void => {
  const outer = enter(cursor, tag);
  while (cursor.at < cursor.end) {
    const inner = readTag(cursor);
    const field = fieldOf(inner);
    if (field === 1) {
      expectWire(inner, wire.fixed64);
      readFixed64(cursor);
    } else if (field === 2) expectUtf8(cursor.bytes, passOver(cursor, inner), cursor.at);
    else if (field === 3) readAttribute(cursor, inner);
    else if (field === 4) readCount(cursor, inner);
    else skip(cursor, inner);
  }
  leave(cursor, outer);
};

/** What an event says beside its attributes: its name decides what is content, and may stand behind them. */
const eventHead = (cursor: Cursor, how: Treatment) => {
  const head = { timeNs: 0n, name: '', nameAt: 0, nameEnd: 0, dropped: 0 };
  const { at: start, fieldsLeft } = cursor;
  while (cursor.at < cursor.end) {
    const tag = readTag(cursor);
    const field = fieldOf(tag);
    if (field === 1) {
      expectWire(tag, wire.fixed64);
      head.timeNs = readFixed64(cursor);
    } else if (field === 2) {
      const at = cursor.at;
      head.nameAt = passOver(cursor, tag);
      head.nameEnd = cursor.at;
      cursor.at = at;
      head.name = readShort(cursor, tag, how);
    } else if (field === 4) head.dropped = readCount(cursor, tag);
    else skip(cursor, tag);
  }
  cursor.at = start;
  cursor.fieldsLeft = fieldsLeft;
  return head;
};

export const writeAttributes = (cursor: Cursor, field: number, members: Members, how: Treatment): void => {
  while (cursor.at < cursor.end) {
    const tag = readTag(cursor);
    if (fieldOf(tag) === field) writeAttribute(cursor, tag, members, how);
    else skip(cursor, tag);
  }
};

/** Writes one of at most 256 links. */
export const writeLink = (cursor: Cursor, tag: number, out: ByteWriter, how: Treatment): void => {
  const outer = enter(cursor, tag);
  const { at: start, fieldsLeft } = cursor;
  writeByte(out, out.at === 0 ? 0x5b : comma);
  const from = out.at;
  const ids = { traceId: '', spanId: '', flags: 0 };
  let [stateAt, stateEnd, dropped] = [0, 0, 0];
  while (cursor.at < cursor.end) {
    const inner = readTag(cursor);
    const field = fieldOf(inner);
    if (field === 1) ids.traceId = readHex(cursor, inner);
    else if (field === 2) ids.spanId = readHex(cursor, inner);
    else if (field === 3) {
      if (stateEnd > stateAt) expectUtf8(cursor.bytes, stateAt, stateEnd);
      stateAt = passOver(cursor, inner);
      stateEnd = cursor.at;
    } else if (field === 5) dropped = readCount(cursor, inner);
    else if (field === 6) {
      expectWire(inner, wire.fixed32);
      ids.flags = readFixed32(cursor);
    } else skip(cursor, inner);
  }
  noteText('traceState', cursor.bytes, stateAt, stateEnd, out, how, from);
  noteCount('droppedAttributesCount', dropped, out, from);
  nameMember('traceId', out, from);
  writeAscii(out, `"${ids.traceId}","spanId":"${ids.spanId}"`);
  if (ids.flags > 0) writeAscii(out, `,"flags":${ids.flags}`);
  nameMember('attributes', out, from);
  writeByte(out, openBrace);
  cursor.at = start;
  cursor.fieldsLeft = fieldsLeft;
  writeAttributes(cursor, 4, { plain: out, count: 0 }, how);
  writeAscii(out, '}}');
  leave(cursor, outer);
};

/** Only looks whether it is one. */
export const readLink = (cursor: Cursor, tag: number): void => {
  const outer = enter(cursor, tag);
  while (cursor.at < cursor.end) {
    const inner = readTag(cursor);
    const field = fieldOf(inner);
    if (field === 1 || field === 2) passOver(cursor, inner);
    else if (field === 3) expectUtf8(cursor.bytes, passOver(cursor, inner), cursor.at);
    else if (field === 4) readAttribute(cursor, inner);
    else if (field === 5) readCount(cursor, inner);
    else if (field === 6) {
      expectWire(inner, wire.fixed32);
      readFixed32(cursor);
    } else skip(cursor, inner);
  }
  leave(cursor, outer);
};
