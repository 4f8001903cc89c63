// What the spans of one scope have in common → JSON, once for all of them.
import { textCharsMax } from '../attribute-json.ts';
import type { Redaction } from '../redact.ts';
import { type ByteWriter, clear, createWriter, writeAscii, writeByte, writeBytes, written } from './byte-writer.ts';
import { type Cursor, fieldOf, passOver, readTag, skip } from './protobuf.ts';
import { Refusal } from './refusal.ts';
import { treatmentOf } from './transcode-span.ts';
import { type Surroundings, spanBytesMax } from './wire-span.ts';
import { nameMember, noteCount, noteText } from './write-events.ts';
import { cleanText } from './write-text.ts';
import { writeAttribute } from './write-value.ts';

/** `rest` is the members of a JSON object, which is still open; empty where there are none. */
export type ResourceJson = { readonly attributes: string; readonly rest: string };
export const noResource: ResourceJson = { attributes: '{}', rest: '' };
export type ScopeJson = { readonly name: string; readonly rest: string };
export const noScope: ScopeJson = { name: '', rest: '' };

const attributes = createWriter();
const rest = createWriter();

/** Throws a 413 where it is larger than a span may be. */
export const resourceOf = (cursor: Cursor, redaction: Redaction): ResourceJson => {
  if (cursor.end - cursor.at > spanBytesMax) throw new Refusal(413, `A resource has at most ${spanBytesMax} bytes.`);
  const how = treatmentOf(cursor, redaction);
  begin();
  const members = { plain: attributes, count: 0 };
  while (cursor.at < cursor.end) {
    const tag = readTag(cursor);
    const field = fieldOf(tag);
    if (field === 1) writeAttribute(cursor, tag, members, how);
    else if (field === 2) noteCount('resourceDroppedAttributesCount', cursor, tag, rest);
    else skip(cursor, tag);
  }
  if (how.cut > 0) noteCut('resourceCut', how.cut);
  return { attributes: ended(attributes), rest: written(rest).toString() };
};

export const scopeOf = (cursor: Cursor, redaction: Redaction): ScopeJson => {
  if (cursor.end - cursor.at > spanBytesMax) throw new Refusal(413, `A scope has at most ${spanBytesMax} bytes.`);
  const how = treatmentOf(cursor, redaction);
  begin();
  let name = '';
  const members = { plain: attributes, count: 0 };
  while (cursor.at < cursor.end) {
    const tag = readTag(cursor);
    const field = fieldOf(tag);
    if (field === 1) {
      const start = passOver(cursor, tag);
      name = cleanText(cursor.bytes, start, cursor.at, textCharsMax, how);
    } else if (field === 2) noteText('scopeVersion', cursor, tag, rest, how);
    else if (field === 3) writeAttribute(cursor, tag, members, how);
    else if (field === 4) noteCount('scopeDroppedAttributesCount', cursor, tag, rest);
    else skip(cursor, tag);
  }
  if (how.cut > 0) noteCut('scopeCut', how.cut);
  if (attributes.at > 1) {
    nameMember('scopeAttributes', rest);
    writeBytes(rest, attributes.bytes, 0, attributes.at);
    writeByte(rest, closeBrace);
  }
  return { name, rest: written(rest).toString() };
};

/** A schema's address, as a member like those of `rest`. */
export const schemaOf = (name: string, cursor: Cursor, tag: number, redaction: Redaction): string => {
  begin();
  noteText(name, cursor, tag, rest, treatmentOf(cursor, redaction));
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
const noteCut = (name: string, cut: number) => {
  nameMember(name, rest);
  writeAscii(rest, String(cut));
};
