// Attributes of a protobuf body → members of a JSON object, and values → JSON, exactly: integers of any size as they
// are, doubles always with a dot, bytes and what is no number in objects of one key.
import { attributesMax, secretCharsMax, textCharsMax, valueCharsMax } from '../attribute-json.ts';
import { isSecretOption } from '../named-secrets.ts';
import { hashedValue, redact, redactedValue } from '../redact.ts';
import { type ByteWriter, reserve, writeAscii, writeByte, writeBytes, writeDigits } from './byte-writer.ts';
import { isContentOfEvent } from './content-keys.ts';
import { cutJson } from './cut-json.ts';
import { type Key, keyAt } from './known-keys.ts';
import {
  type Cursor,
  enter,
  expectWire,
  fieldOf,
  leave,
  passOver,
  readDouble,
  readInt64,
  readSmall,
  readTag,
  readUint,
  skip,
  wire,
} from './protobuf.ts';
import {
  arrayField,
  inMerged,
  inPlace,
  type Nested,
  type Place,
  pairsField,
  readAttribute,
  readKinds,
  readParts,
  readValue,
  tooDeep,
} from './read-value.ts';
import { mayHoldSecret } from './secret-bytes.ts';
import { type Value, valueDepthMax } from './wire-span.ts';
import { cleanText, expectUtf8, readWord, type Treatment, writeText } from './write-text.ts';

/** Where the attributes of one owner go: what is content to `content`, which is absent where nothing can be. */
export type Members = {
  readonly plain: ByteWriter;
  readonly content?: ContentMembers | undefined;
  readonly promoted?: Map<string, Value> | undefined;
  /** How many were written of either. */
  count: number;
};
export type ContentMembers = {
  readonly out: ByteWriter;
  /** Where in it these members begin. */
  readonly from: number;
  /** Where in it content must end. */
  endMax: number;
  /** All but a few attributes of the event are content. */
  readonly isContentEvent: boolean;
};

/** Writes the attribute that follows. Beyond the 256th they are only read, and counted as cut. */
export const writeAttribute = (cursor: Cursor, tag: number, into: Members, how: Treatment, depth = 0): void => {
  if (++into.count > attributesMax) {
    how.cut += 1;
    return readAttribute(cursor, tag, depth);
  }
  const outer = enter(cursor, tag);
  const { bytes } = cursor;
  let keyFrom = 0;
  let keyTo = 0;
  let value: Place | null = null;
  let parts: Place[] | null = null;
  while (cursor.at < cursor.end) {
    const inner = readTag(cursor);
    const field = fieldOf(inner);
    if (field === 1) {
      // One that a later one replaces must be well-formed all the same.
      if (keyTo > keyFrom) expectUtf8(bytes, keyFrom, keyTo);
      keyFrom = passOver(cursor, inner);
      keyTo = cursor.at;
    } else if (field === 2) {
      const at = passOver(cursor, inner);
      const found = { bytes, at, end: cursor.at };
      if (value === null) value = found;
      else if (parts) parts.push(found);
      else parts = [value, found];
    } else skip(cursor, inner);
  }
  const key = keyAt(bytes, keyFrom, keyTo, how);
  if (parts) inMerged(cursor, parts, (one) => writeMember(one, key, one, into, how, depth));
  else writeMember(cursor, key, value, into, how, depth);
  leave(cursor, outer);
};

const writeMember = (cursor: Cursor, key: Key, place: Place | null, into: Members, how: Treatment, depth: number) => {
  const action = how.redaction.actionOf?.(key.text);
  if (action === 'drop') {
    if (place) inPlace(cursor, place, () => readKinds(cursor, depth));
    return;
  }
  const { content } = into;
  const isContent = content !== undefined && (content.isContentEvent ? isContentOfEvent(key.text) : key.isContent);
  const isHidden = key.isSecret || action === 'mask';
  if (isContent) return writeContent(cursor, key, place, content, isHidden || action === 'hash', how);
  const out = into.plain;
  separate(out);
  writeBytes(out, key.json);
  const from = out.at;
  writeValueAt(cursor, place, out, how, depth, valueCharsMax);
  if (isHidden) hide(out, from);
  else if (action === 'hash') hash(out, from, how);
  if (key.isPromoted && into.promoted) {
    into.promoted.set(key.text, isHidden || action === 'hash' ? redactedText : scalarAt(cursor, place, how));
  }
};
const redactedText: Value = '[redacted]';

const writeContent = (
  cursor: Cursor,
  key: Key,
  place: Place | null,
  { out, from: first, endMax }: ContentMembers,
  isHidden: boolean,
  how: Treatment,
) => {
  const before = out.at;
  if (before > first) writeByte(out, comma);
  writeBytes(out, key.json);
  const from = out.at;
  const { cut } = how;
  writeValueAt(cursor, place, out, how, 0, Math.max(0, endMax - from - 2));
  if (isHidden) hide(out, from);
  if (out.at <= endMax) return;
  // Escapes make texts longer, and lists hold many. However much it was, it counts as one thing that was cut.
  how.cut = cut + 1;
  if (!cutJson(out, from, endMax)) out.at = before;
};

const comma = 0x2c;
const quote = 0x22;
const dash = 0x2d;
const openBrace = 0x7b;
/** A comma, unless this is the first member of its object. */
const separate = (out: ByteWriter) => {
  if (out.at > 0 && out.bytes[out.at - 1] !== openBrace) writeByte(out, comma);
};

const nullText = Buffer.from('null');
const hide = (out: ByteWriter, from: number) => {
  if (nullText.equals(out.bytes.subarray(from, out.at))) return;
  out.at = from;
  writeAscii(out, redactedValue);
};
const hash = (out: ByteWriter, from: number, { redaction }: Treatment) => {
  const hashed = hashedValue(out.bytes.subarray(from, out.at), redaction.salt);
  out.at = from;
  writeAscii(out, `"${hashed}"`);
};

const writeValueAt = (
  cursor: Cursor,
  place: Place | null,
  out: ByteWriter,
  how: Treatment,
  depth: number,
  charsMax: number,
) => {
  if (place) inPlace(cursor, place, () => writeKinds(cursor, out, how, depth, charsMax));
  else writeBytes(out, nullText);
};

/** The AnyValue that is the rest of the cursor. Of several kinds the last holds. */
const writeKinds = (cursor: Cursor, out: ByteWriter, how: Treatment, depth: number, charsMax: number): void => {
  if (depth > valueDepthMax) throw tooDeep();
  const from = out.at;
  let double: number | null = null;
  let nested: Nested | undefined;
  while (cursor.at < cursor.end) {
    const kind = readTag(cursor);
    const field = fieldOf(kind);
    if (field < 1 || field > 7) {
      skip(cursor, kind);
      continue;
    }
    out.at = from;
    double = null;
    if (field === arrayField || field === pairsField) {
      const part = { bytes: cursor.bytes, at: passOver(cursor, kind), end: cursor.at };
      if (nested?.field === field) nested.parts.push(part);
      else {
        if (nested) readParts(cursor, nested, depth);
        nested = { field, parts: [part] };
      }
      continue;
    }
    if (nested) readParts(cursor, nested, depth);
    nested = undefined;
    if (field === 1) {
      const start = passOver(cursor, kind);
      writeText(out, cursor.bytes, start, cursor.at, charsMax, how);
    } else if (field === 3) {
      expectWire(kind, wire.varint);
      writeInteger(cursor, out);
    } else if (field === 2) {
      expectWire(kind, wire.varint);
      writeAscii(out, readUint(cursor) === 0 ? 'false' : 'true');
    } else if (field === 4) {
      expectWire(kind, wire.fixed64);
      double = readDouble(cursor);
    } else writeBase64(cursor, kind, out, how);
  }
  if (double !== null) writeAscii(out, doubleJson(double));
  else if (nested) {
    const { field, parts } = nested;
    if (parts.length > 1) inMerged(cursor, parts, (one) => writeNested(one, field, out, how, depth + 1, charsMax));
    else
      for (const part of parts) inPlace(cursor, part, () => writeNested(cursor, field, out, how, depth + 1, charsMax));
  } else if (out.at === from) writeBytes(out, nullText);
};

const writeInteger = (cursor: Cursor, out: ByteWriter) => {
  const small = readSmall(cursor);
  if (small >= 0) writeDigits(out, small);
  else writeAscii(out, String(readInt64(cursor)));
};

export const doubleJson = (value: number): string => {
  if (!Number.isFinite(value)) return `{"otlp:double":"${value}"}`;
  // Numbers of Postgres know no negative zero.
  if (Object.is(value, -0)) return '{"otlp:double":"-0"}';
  // All digits: Postgres would write an exponent's number as an integer.
  if (Math.abs(value) >= 1e21) return `${BigInt(value)}.0`;
  const text = String(value);
  return Number.isInteger(value) ? `${text}.0` : text;
};

const bytesMax = valueCharsMax / 2;
const writeBase64 = (cursor: Cursor, tag: number, out: ByteWriter, how: Treatment) => {
  const start = passOver(cursor, tag);
  // Bytes may be text, too; a secret in them is not told from what stands around it. What is not stored tells none.
  const seenTo = Math.min(cursor.at, start + bytesMax + secretCharsMax);
  if (how.closely || mayHoldSecret(cursor.bytes, start, seenTo)) {
    const asText = cursor.bytes.toString('latin1', start, seenTo);
    if (redact(asText, how.redaction) !== asText) return writeAscii(out, redactedValue);
  }
  if (cursor.at - start > bytesMax) how.cut += 1;
  const text = cursor.bytes.toString('base64', start, Math.min(cursor.at, start + bytesMax));
  reserve(out, text.length + 20);
  writeAscii(out, '{"otlp:bytes":"');
  writeAscii(out, text);
  writeAscii(out, '"}');
};

/** The list, or the object, that is the rest of the cursor. */
const writeNested = (
  cursor: Cursor,
  field: number,
  out: ByteWriter,
  how: Treatment,
  depth: number,
  charsMax: number,
) => {
  const isList = field === arrayField;
  const members: Members = { plain: out, count: 0 };
  let isNextSecret = false;
  writeByte(out, isList ? 0x5b : openBrace);
  while (cursor.at < cursor.end) {
    const inner = readTag(cursor);
    if (fieldOf(inner) !== 1) skip(cursor, inner);
    else if (!isList) writeAttribute(cursor, inner, members, how, depth);
    else if (++members.count > attributesMax) {
      how.cut += 1;
      readValue(cursor, inner, depth);
    } else {
      if (members.count > 1) writeByte(out, comma);
      const [from, outer] = [out.at, enter(cursor, inner)];
      writeKinds(cursor, out, how, depth, charsMax);
      leave(cursor, outer);
      const isOption = out.bytes[from] === quote && out.bytes[from + 1] === dash;
      if (isNextSecret && !isOption) hide(out, from);
      isNextSecret = isOption && isSecretOption(out.bytes.toString('latin1', from + 1, out.at - 1));
    }
  }
  writeByte(out, isList ? 0x5d : 0x7d);
};

/** A value that classification reads: text, number or truth; null for any other. */
const scalarAt = (cursor: Cursor, place: Place | null, how: Treatment): Value => {
  let value: Value = null;
  if (place === null) return value;
  const { fieldsLeft } = cursor;
  inPlace(cursor, place, () => {
    while (cursor.at < cursor.end) {
      const kind = readTag(cursor);
      const field = fieldOf(kind);
      if (field === 1) {
        const start = passOver(cursor, kind);
        value = readWord(cursor.bytes, start, cursor.at, valueCharsMax, how);
      } else if (field === 2) value = readUint(cursor) !== 0;
      else if (field === 3) value = integerOf(cursor);
      else if (field === 4) value = readDouble(cursor);
      else {
        if (field >= 5 && field <= 7) value = null;
        skip(cursor, kind);
      }
    }
  });
  cursor.fieldsLeft = fieldsLeft;
  return value;
};

const integerOf = (cursor: Cursor): number | bigint => {
  const small = readSmall(cursor);
  if (small >= 0) return small;
  const value = readInt64(cursor);
  return BigInt.asIntN(53, value) === value ? Number(value) : value;
};

/** A text that is no attribute, such as a name. */
export const readShort = (cursor: Cursor, tag: number, how: Treatment): string => {
  const start = passOver(cursor, tag);
  return readWord(cursor.bytes, start, cursor.at, textCharsMax, how);
};
export const readLong = (cursor: Cursor, tag: number, how: Treatment): string => {
  const start = passOver(cursor, tag);
  return cleanText(cursor.bytes, start, cursor.at, textCharsMax, how);
};
