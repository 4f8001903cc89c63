// Reads the protobuf wire format with every length checked. Source: protobuf.dev/programming-guides/encoding.
import { isUtf8 } from 'node:buffer';
import { readUint64LE } from './int64.ts';
import { malformed } from './refusal.ts';

/** A message, or what is left of it: the bytes from `at` up to `end`, of which so many fields may still be read. */
export type Cursor = { readonly bytes: Buffer; at: number; end: number; fieldsLeft: number };

export const wire = { varint: 0, fixed64: 1, length: 2, fixed32: 5 } as const;
export type Wire = (typeof wire)[keyof typeof wire];

export const cursorOf = (bytes: Buffer, end = bytes.length): Cursor => ({ bytes, at: 0, end, fieldsLeft: anyNumber });
/** More than any body has. */
const anyNumber = 2 ** 30 - 1;

/** Thrown where a message that is read in one piece has more fields than may hold up the others. */
export class TooManyFields extends Error {
  override readonly name = 'TooManyFields';
}

/** Several parts of one message as one: its bytes are theirs, one behind the other. */
export const merged = (parts: readonly Pick<Cursor, 'bytes' | 'at' | 'end'>[]): Cursor => {
  const [first] = parts;
  if (first && parts.length === 1) return { ...first, fieldsLeft: anyNumber };
  return cursorOf(Buffer.concat(parts.map(({ bytes, at, end }) => bytes.subarray(at, end))));
};

/** Field number × 8 + wire type. Groups, unknown wire types and field number 0 are refused. */
export const readTag = (cursor: Cursor): number => {
  if (--cursor.fieldsLeft < 0) throw new TooManyFields();
  const tag = readUint(cursor);
  const type = tag & 7;
  if (tag > 0xffff_ffff || tag < 8 || type === 3 || type === 4 || type > 5) {
    throw malformed(`Protobuf: no field can start at byte ${cursor.at}.`);
  }
  return tag;
};

export const fieldOf = (tag: number): number => tag >>> 3;

/** Refuses a known field that is encoded as something else. */
export const expectWire = (tag: number, expected: Wire): void => {
  if ((tag & 7) !== expected) throw malformed(`Protobuf: field ${fieldOf(tag)} has the wrong wire type ${tag & 7}.`);
};

/** A varint as a number; only its lowest 53 bits count, which is enough for tags, lengths, enums and booleans. */
export const readUint = (cursor: Cursor): number => {
  const first = cursor.at < cursor.end ? (cursor.bytes[cursor.at] ?? 0) : 0x80;
  if (first < 0x80) {
    cursor.at += 1;
    return first;
  }
  const small = readSmall(cursor);
  return small >= 0 ? small : Number(readUint64(cursor) & 0x1f_ffff_ffff_ffffn);
};

/** A varint of up to four bytes, as nearly all are; for any other -1, and nothing is read. */
export const readSmall = (cursor: Cursor): number => {
  const { bytes, at } = cursor;
  const last = Math.min(cursor.end, at + 4);
  let value = 0;
  for (let i = at, bits = 0; i < last; i++, bits += 7) {
    const byte = bytes[i] ?? 0;
    value |= (byte & 0x7f) << bits;
    if (byte < 0x80) {
      cursor.at = i + 1;
      return value;
    }
  }
  return -1;
};

const readUint64 = (cursor: Cursor): bigint => {
  let low = 0;
  let high = 0n;
  for (let read = 0; read < 10; read++) {
    if (cursor.at >= cursor.end) throw malformed('Protobuf: the body ends inside a number.');
    const byte = cursor.bytes[cursor.at++] ?? 0;
    if (read < 4) low += (byte & 0x7f) * 2 ** (7 * read);
    else high |= BigInt(byte & 0x7f) << BigInt(7 * read);
    if (byte < 0x80) return BigInt.asUintN(64, high | BigInt(low));
  }
  throw malformed('Protobuf: a number has more than 10 bytes.');
};

/** A varint as a signed 64-bit integer. */
export const readInt64 = (cursor: Cursor): bigint => BigInt.asIntN(64, readUint64(cursor));

/** A varint as an enum or int32; what does not fit is as unknown as any other number. */
export const readEnum = (cursor: Cursor): number => Number(BigInt.asIntN(32, readUint64(cursor)));

export const readFixed64 = (cursor: Cursor): bigint => readUint64LE(cursor.bytes, advance(cursor, 8));
export const readFixed32 = (cursor: Cursor): number => cursor.bytes.readUInt32LE(advance(cursor, 4));
export const readDouble = (cursor: Cursor): number => cursor.bytes.readDoubleLE(advance(cursor, 8));

/** The bytes of a length-delimited field as a cursor of their own. */
export const readMessage = (cursor: Cursor): Cursor => {
  const length = readUint(cursor);
  const start = advance(cursor, length);
  return { bytes: cursor.bytes, at: start, end: start + length, fieldsLeft: cursor.fieldsLeft };
};

/** Narrows the cursor to the message that follows; answers the end to give to `leave` once it is read. */
export const enter = (cursor: Cursor, tag: number): number => {
  expectWire(tag, wire.length);
  const length = readUint(cursor);
  const start = advance(cursor, length);
  cursor.at = start;
  const outer = cursor.end;
  cursor.end = start + length;
  return outer;
};
export const leave = (cursor: Cursor, outer: number): void => {
  cursor.at = cursor.end;
  cursor.end = outer;
};

/** Steps over a length-delimited field; answers where its content starts. It ends where the cursor is then. */
export const passOver = (cursor: Cursor, tag: number): number => {
  expectWire(tag, wire.length);
  return advance(cursor, readUint(cursor));
};

/** A view of the body, not a copy. */
export const readBytes = (cursor: Cursor): Buffer => {
  const length = readUint(cursor);
  const start = advance(cursor, length);
  return cursor.bytes.subarray(start, start + length);
};

/** Text, which must be UTF-8. */
export const readText = (cursor: Cursor): string => {
  const length = readUint(cursor);
  const start = advance(cursor, length);
  const text = cursor.bytes.toString('utf8', start, start + length);
  // Decoding puts U+FFFD for whatever is wrong; only text that has one needs a closer look.
  if (text.includes('\ufffd') && !isUtf8(cursor.bytes.subarray(start, start + length))) {
    throw malformed(`Protobuf: the text at byte ${start} is not UTF-8.`);
  }
  return text;
};

/** Steps over the value of a field that nobody here asks for. */
export const skip = (cursor: Cursor, tag: number): void => {
  const type = tag & 7;
  if (type === wire.varint) readUint64(cursor);
  else advance(cursor, type === wire.fixed64 ? 8 : type === wire.fixed32 ? 4 : readUint(cursor));
};

const advance = (cursor: Cursor, length: number): number => {
  const start = cursor.at;
  if (length > cursor.end - start)
    throw malformed(`Protobuf: a field at byte ${start} is longer than what contains it.`);
  cursor.at = start + length;
  return start;
};
