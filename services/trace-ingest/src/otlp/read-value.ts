// Attributes and values that are not written: whether they are well-formed, at no more than the cost of reading.
import {
  type Cursor,
  enter,
  expectWire,
  fieldOf,
  leave,
  merged,
  passOver,
  readTag,
  skip,
  type Wire,
  wire,
} from './protobuf.ts';
import { malformed } from './refusal.ts';
import { valueDepthMax } from './wire-span.ts';
import { expectUtf8 } from './write-text.ts';

/** Only looks whether it is one. */
export const readAttribute = (cursor: Cursor, tag: number, depth = 0): void => {
  const outer = enter(cursor, tag);
  while (cursor.at < cursor.end) {
    const inner = readTag(cursor);
    const field = fieldOf(inner);
    if (field === 1) expectUtf8(cursor.bytes, passOver(cursor, inner), cursor.at);
    else if (field === 2) readValue(cursor, inner, depth);
    else skip(cursor, inner);
  }
  leave(cursor, outer);
};

/** Only looks whether an AnyValue follows. */
export const readValue = (cursor: Cursor, tag: number, depth: number): void => {
  const outer = enter(cursor, tag);
  readKinds(cursor, depth);
  leave(cursor, outer);
};

export const readKinds = (cursor: Cursor, depth: number): void => {
  if (depth > valueDepthMax) throw tooDeep();
  while (cursor.at < cursor.end) {
    const kind = readTag(cursor);
    const field = fieldOf(kind);
    if (field === 1) expectUtf8(cursor.bytes, passOver(cursor, kind), cursor.at);
    else if (field === arrayField || field === pairsField) {
      const outer = enter(cursor, kind);
      readNested(cursor, field, depth + 1);
      leave(cursor, outer);
    } else {
      const expected = wireOfKind[field];
      if (expected !== undefined) expectWire(kind, expected);
      skip(cursor, kind);
    }
  }
};
export const arrayField = 5;
export const pairsField = 6;

export const readNested = (cursor: Cursor, field: number, depth: number): void => {
  while (cursor.at < cursor.end) {
    const inner = readTag(cursor);
    if (fieldOf(inner) !== 1) skip(cursor, inner);
    else if (field === arrayField) readValue(cursor, inner, depth);
    else readAttribute(cursor, inner, depth);
  }
};
const wireOfKind: Readonly<Record<number, Wire>> = { 2: wire.varint, 3: wire.varint, 4: wire.fixed64, 7: wire.length };
export const tooDeep = () => malformed(`An attribute is nested more than ${valueDepthMax} deep.`);

/** Where the content of a message lies. */
export type Place = { readonly bytes: Buffer; readonly at: number; readonly end: number };

/** Reads at another place of the same bytes, and comes back. */
export const inPlace = (cursor: Cursor, { at, end }: Place, read: () => void): void => {
  const { at: back, end: outer } = cursor;
  cursor.at = at;
  cursor.end = end;
  read();
  cursor.at = back;
  cursor.end = outer;
};

/** Reads what came in several parts, which protobuf has as one behind the other. */
export const inMerged = (cursor: Cursor, parts: readonly Place[], read: (one: Cursor) => void): void => {
  const one = merged(parts);
  one.fieldsLeft = cursor.fieldsLeft;
  read(one);
  cursor.fieldsLeft = one.fieldsLeft;
};

/** A list or an object of which there may be several parts. */
export type Nested = { readonly field: number; readonly parts: Place[] };

/** What a later kind replaces must be well-formed all the same. */
export const readParts = (cursor: Cursor, { field, parts }: Nested, depth: number): void => {
  for (const part of parts) inPlace(cursor, part, () => readNested(cursor, field, depth + 1));
};
