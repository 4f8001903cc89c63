// JSON as spans are stored → protobuf, with every type and digit: the way back from `otlp/write-value.ts`.
import { type ByteWriter, writeBytes } from '../otlp/byte-writer.ts';
import {
  beginField,
  bytesField,
  doubleField,
  endField,
  int64Field,
  textField,
  uintField,
} from '../otlp/protobuf-writer.ts';

/** Where reading goes on in JSON that this service wrote: well-formed, and without any space. */
export type JsonCursor = { readonly bytes: Buffer; at: number };

const [quote, backslash, comma, colon] = [0x22, 0x5c, 0x2c, 0x3a];
const [openBrace, closeBrace, openBracket, closeBracket] = [0x7b, 0x7d, 0x5b, 0x5d];

const expectByte = (cursor: JsonCursor, byte: number) => {
  if (cursor.bytes[cursor.at] !== byte) {
    throw new Error(`Stored JSON has no ${String.fromCharCode(byte)} at byte ${cursor.at}.`);
  }
  cursor.at += 1;
};

/** Calls back with each key of the object that follows; what is called must read the value, or `skipValue`. */
export const eachMember = (cursor: JsonCursor, found: (key: string) => void): void => {
  expectByte(cursor, openBrace);
  for (let isFirst = true; cursor.bytes[cursor.at] !== closeBrace; isFirst = false) {
    if (!isFirst) expectByte(cursor, comma);
    const key = readText(cursor);
    expectByte(cursor, colon);
    found(key);
  }
  cursor.at += 1;
};

export const eachItem = (cursor: JsonCursor, found: () => void): void => {
  expectByte(cursor, openBracket);
  for (let isFirst = true; cursor.bytes[cursor.at] !== closeBracket; isFirst = false) {
    if (!isFirst) expectByte(cursor, comma);
    found();
  }
  cursor.at += 1;
};

/** Steps over a text; answers where it ends, and whether something in it is escaped. */
const passText = (cursor: JsonCursor): { readonly end: number; readonly isEscaped: boolean } => {
  const { bytes } = cursor;
  expectByte(cursor, quote);
  let isEscaped = false;
  let end = cursor.at;
  for (; bytes[end] !== quote; end++) {
    if (end >= bytes.length) throw new Error('Stored JSON ends inside a text.');
    if (bytes[end] !== backslash) continue;
    isEscaped = true;
    end += 1;
  }
  cursor.at = end + 1;
  return { end, isEscaped };
};

export const readText = (cursor: JsonCursor): string => {
  const start = cursor.at + 1;
  const { end, isEscaped } = passText(cursor);
  return isEscaped ? unescaped(cursor.bytes, start, end) : cursor.bytes.toString('utf8', start, end);
};

const unescaped = (bytes: Buffer, start: number, end: number): string => {
  const text: unknown = JSON.parse(bytes.toString('utf8', start - 1, end + 1));
  return String(text);
};

/** Writes the text that follows. */
export const writeTextField = (out: ByteWriter, field: number, cursor: JsonCursor): void => {
  const start = cursor.at + 1;
  const { end, isEscaped } = passText(cursor);
  if (isEscaped) return textField(out, field, unescaped(cursor.bytes, start, end));
  const from = beginField(out, field);
  writeBytes(out, cursor.bytes, start, end);
  endField(out, from);
};

/** The digits, sign, dot and exponent that follow. */
const readDigits = (cursor: JsonCursor): string => {
  const { bytes, at } = cursor;
  let end = at;
  for (let byte = bytes[end]; byte !== undefined && isOfNumber(byte); byte = bytes[++end]);
  cursor.at = end;
  return bytes.toString('latin1', at, end);
};
const isOfNumber = (byte: number): boolean =>
  (byte >= 0x30 && byte <= 0x39) || byte === 0x2d || byte === 0x2e || byte === 0x65 || byte === 0x2b;

export const readCount = (cursor: JsonCursor): number => Number(readDigits(cursor));

/** Steps over the value that follows. */
export const skipValue = (cursor: JsonCursor): void => {
  const { bytes } = cursor;
  for (let depth = 0; ; ) {
    const byte = bytes[cursor.at];
    if (byte === undefined) throw new Error('Stored JSON ends inside a value.');
    if (depth === 0 && (byte === comma || byte === closeBrace || byte === closeBracket)) return;
    if (byte === quote) {
      passText(cursor);
      continue;
    }
    if (byte === openBrace || byte === openBracket) depth += 1;
    else if (byte === closeBrace || byte === closeBracket) depth -= 1;
    cursor.at += 1;
  }
};

/** Writes the members of the object that follows as KeyValues of this field. */
export const writeKeyValues = (out: ByteWriter, field: number, cursor: JsonCursor): void => {
  expectByte(cursor, openBrace);
  for (let isFirst = true; cursor.bytes[cursor.at] !== closeBrace; isFirst = false) {
    if (!isFirst) expectByte(cursor, comma);
    const from = beginField(out, field);
    writeTextField(out, 1, cursor);
    expectByte(cursor, colon);
    writeAnyValue(out, 2, cursor);
    endField(out, from);
  }
  cursor.at += 1;
};

const writeAnyValue = (out: ByteWriter, field: number, cursor: JsonCursor) => {
  const from = beginField(out, field);
  const byte = cursor.bytes[cursor.at];
  if (byte === quote) writeTextField(out, 1, cursor);
  else if (byte === openBrace) writeObject(out, cursor);
  else if (byte === openBracket) {
    const list = beginField(out, 5);
    eachItem(cursor, () => writeAnyValue(out, 1, cursor));
    endField(out, list);
  } else if (byte === letterN) skipValue(cursor);
  else if (byte === letterT || byte === letterF) {
    uintField(out, 2, byte === letterT ? 1 : 0);
    skipValue(cursor);
  } else writeNumber(out, readDigits(cursor));
  endField(out, from);
};
const [letterT, letterF, letterN] = [0x74, 0x66, 0x6e];

/** Doubles are told by a dot or an exponent. */
const writeNumber = (out: ByteWriter, digits: string) => {
  if (/[.e]/.test(digits)) doubleField(out, 4, Number(digits));
  else if (digits.length < 16 && digits[0] !== '-') uintField(out, 3, Number(digits));
  else int64Field(out, 3, BigInt(digits));
};

/** What JSON has no form for lies in an object of one key. */
const writeObject = (out: ByteWriter, cursor: JsonCursor) => {
  const bytes = textIn(asBytes, cursor);
  if (bytes !== null) return bytesField(out, 7, Buffer.from(bytes, 'base64'));
  const double = textIn(asDouble, cursor);
  if (double !== null) return doubleField(out, 4, Number(double));
  const from = beginField(out, 6);
  writeKeyValues(out, 1, cursor);
  endField(out, from);
};
const asBytes = Buffer.from('{"otlp:bytes":"');
const asDouble = Buffer.from('{"otlp:double":"');

/** The text in such an object; null, and nothing is read, where it is none. */
const textIn = (beginning: Buffer, cursor: JsonCursor): string | null => {
  const { bytes, at } = cursor;
  const textAt = at + beginning.length - 1;
  if (beginning.compare(bytes, at, Math.min(bytes.length, textAt + 1)) !== 0) return null;
  cursor.at = textAt;
  const text = readText(cursor);
  if (bytes[cursor.at] === closeBrace) {
    cursor.at += 1;
    return text;
  }
  cursor.at = at;
  return null;
};
