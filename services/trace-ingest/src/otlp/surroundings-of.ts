// What the spans of one scope have in common → JSON, once for all of them.
import { textCharsMax } from '../attribute-json.ts';
import type { Redaction } from '../redact.ts';
import { type ByteWriter, clear, createWriter, writeByte, writeBytes, written } from './byte-writer.ts';
import { type Cursor, fieldOf, passOver, readTag, skip, TooManyFields } from './protobuf.ts';
import { Refusal } from './refusal.ts';
import { treatmentOf } from './transcode-span.ts';
import { fieldsMax, type Surroundings, spanBytesMax } from './wire-span.ts';
import { nameMember, noteCount, noteText, readCount } from './write-events.ts';
import { cleanText, expectUtf8 } from './write-text.ts';
import { writeAttribute } from './write-value.ts';

/** `rest` is the members of a JSON object, which is still open; empty where there are none. */
export type ResourceJson = { readonly attributes: string; readonly rest: string };
export const noResource: ResourceJson = { attributes: '{}', rest: '' };
export type ScopeJson = { readonly name: string; readonly rest: string };
export const noScope: ScopeJson = { name: '', rest: '' };

const attributes = createWriter();
const rest = createWriter();

/** Throws a 413 where it is larger, or has more fields, than a span may. */
export const resourceOf = (from: Cursor | (() => Cursor), redaction: Redaction): ResourceJson =>
  bounded('A resource', from, (cursor) => {
    const how = treatmentOf(cursor, redaction);
    begin();
    let dropped = 0;
    const members = { plain: attributes, count: 0 };
    while (cursor.at < cursor.end) {
      const tag = readTag(cursor);
      const field = fieldOf(tag);
      if (field === 1) writeAttribute(cursor, tag, members, how);
      else if (field === 2) dropped = readCount(cursor, tag);
      else skip(cursor, tag);
    }
    noteCount('resourceDroppedAttributesCount', dropped, rest);
    noteCount('resourceCut', how.cut, rest);
    return { attributes: ended(attributes), rest: written(rest).toString() };
  });

export const scopeOf = (from: Cursor | (() => Cursor), redaction: Redaction): ScopeJson =>
  bounded('A scope', from, (cursor) => {
    const how = treatmentOf(cursor, redaction);
    begin();
    let name = '';
    let [versionAt, versionEnd, dropped] = [0, 0, 0];
    const members = { plain: attributes, count: 0 };
    while (cursor.at < cursor.end) {
      const tag = readTag(cursor);
      const field = fieldOf(tag);
      if (field === 1) {
        const start = passOver(cursor, tag);
        name = cleanText(cursor.bytes, start, cursor.at, textCharsMax, how);
      } else if (field === 2) {
        if (versionEnd > versionAt) expectUtf8(cursor.bytes, versionAt, versionEnd);
        versionAt = passOver(cursor, tag);
        versionEnd = cursor.at;
      } else if (field === 3) writeAttribute(cursor, tag, members, how);
      else if (field === 4) dropped = readCount(cursor, tag);
      else skip(cursor, tag);
    }
    noteText('scopeVersion', cursor.bytes, versionAt, versionEnd, rest, how);
    noteCount('scopeDroppedAttributesCount', dropped, rest);
    noteCount('scopeCut', how.cut, rest);
    if (attributes.at > 1) {
      nameMember('scopeAttributes', rest);
      writeBytes(rest, attributes.bytes, 0, attributes.at);
      writeByte(rest, closeBrace);
    }
    return { name, rest: written(rest).toString() };
  });

export const expectSize = (what: string, bytes: number): void => {
  if (bytes > spanBytesMax) throw new Refusal(413, `${what} has at most ${spanBytesMax} bytes.`);
};

const bounded = <T>(what: string, from: Cursor | (() => Cursor), read: (cursor: Cursor) => T): T => {
  try {
    const cursor = typeof from === 'function' ? from() : from;
    expectSize(what, cursor.end - cursor.at);
    cursor.fieldsLeft = fieldsMax;
    return read(cursor);
  } catch (error) {
    if (!(error instanceof TooManyFields)) throw error;
    throw new Refusal(413, `${what} has at most ${fieldsMax} fields, those in fields included.`, { cause: error });
  }
};

/** A schema's address, as a member like those of `rest`. */
export const schemaOf = (name: string, cursor: Cursor, tag: number, redaction: Redaction): string => {
  begin();
  const start = passOver(cursor, tag);
  noteText(name, cursor.bytes, start, cursor.at, rest, treatmentOf(cursor, redaction));
  return written(rest).toString();
};

/** One object, however many spans it is for. */
export const surroundingsOf = (resource: ResourceJson, scope: ScopeJson, schemas: readonly string[]): Surroundings => {
  const members = [resource.rest, scope.rest, ...schemas].filter((part) => part !== '').map((part) => part.slice(1));
  return {
    resource: resource.attributes,
    scope: scope.name,
    rest: members.length === 0 ? null : `{${members.join(',')}}`,
  };
};

const closeBrace = 0x7d;
const begin = () => {
  clear(attributes);
  clear(rest);
  writeByte(attributes, 0x7b);
};
const ended = (out: ByteWriter): string => {
  writeByte(out, closeBrace);
  return written(out).toString();
};
