// ExportTraceServiceRequest in protobuf → spans, in slices of time.
import type { Redaction } from '../redact.ts';
import type { Pace } from './pace.ts';
import { type Cursor, cursorOf, expectWire, fieldOf, merged, readMessage, readTag, skip, wire } from './protobuf.ts';
import { expectSize, noResource, noScope, resourceOf, schemaOf, scopeOf, surroundingsOf } from './surroundings-of.ts';
import { createShelf, giveSpan, type Shelf } from './transcode-span.ts';
import type { Sink } from './wire-span.ts';

type Way = { readonly sink: Sink; readonly pace: Pace; readonly redaction: Redaction; readonly shelf: Shelf };

/** Gives every span of the body to the sink; throws a 400 where the body is no such message. */
export const decodeProtobuf = async (body: Buffer, sink: Sink, pace: Pace, redaction: Redaction): Promise<void> => {
  const way = { sink, pace, redaction, shelf: createShelf(Math.min(65_536, 1_024 + 2 * body.length)) };
  await eachMessage(cursorOf(body), 1, pace, (resourceSpans) => decodeResourceSpans(resourceSpans, way));
};

const decodeResourceSpans = async (resourceSpans: Cursor, way: Way) => {
  const { pace, redaction } = way;
  if (resourceSpans.at === resourceSpans.end) return;
  // The resource may stand behind its spans, so it is looked for first.
  const outside = headOf({ ...resourceSpans }, 'resource', way);
  const { parts, bytes, schema: ofResource } = outside instanceof Promise ? await outside : outside;
  const resource = parts.length === 0 ? noResource : resourceOf(merged(parts), redaction);
  if (pace.due(bytes)) await pace.rest();
  await eachMessage(resourceSpans, 2, pace, async (scopeSpans) => {
    if (scopeSpans.at === scopeSpans.end) return;
    const inside = headOf({ ...scopeSpans }, 'scope', way);
    const found = inside instanceof Promise ? await inside : inside;
    const scope = found.parts.length === 0 ? noScope : scopeOf(merged(found.parts), redaction);
    const around = surroundingsOf(resource, scope, [ofResource, found.schema]);
    if (pace.due(found.bytes)) await pace.rest();
    await eachMessage(scopeSpans, 2, pace, (span) => giveSpan(() => span, around, way));
  });
};

/** The resource or the scope, in the parts that it came in, which protobuf has as one; and the schema beside it. */
type Head = { readonly parts: Cursor[]; bytes: number; schema: string };
/** Read at once, since a promise costs more. */
const smallBytes = 4_096;

const headOf = (cursor: Cursor, name: 'resource' | 'scope', way: Way): Head | Promise<Head> => {
  const head: Head = { parts: [], bytes: 0, schema: '' };
  if (cursor.end - cursor.at > smallBytes) return headInSlices(cursor, name, way, head);
  while (cursor.at < cursor.end) readHead(cursor, name, way, head);
  return head;
};

const headInSlices = async (cursor: Cursor, name: 'resource' | 'scope', way: Way, head: Head): Promise<Head> => {
  while (cursor.at < cursor.end) {
    readHead(cursor, name, way, head);
    if (way.pace.due(0)) await way.pace.rest();
  }
  return head;
};

const readHead = (cursor: Cursor, name: 'resource' | 'scope', { redaction }: Way, head: Head) => {
  const tag = readTag(cursor);
  const field = fieldOf(tag);
  if (field === 1) {
    expectWire(tag, wire.length);
    const part = readMessage(cursor);
    head.bytes += part.end - part.at;
    expectSize(`A ${name}`, head.bytes);
    if (part.at < part.end) head.parts.push(part);
  } else if (field === 3) head.schema = schemaOf(`${name}SchemaUrl`, cursor, tag, redaction);
  else skip(cursor, tag);
};

/** Calls back with each sub-message of one field number, and steps over everything else. */
const eachMessage = async (
  cursor: Cursor,
  field: number,
  pace: Pace,
  found: (message: Cursor) => void | Promise<void>,
) => {
  while (cursor.at < cursor.end) {
    const from = cursor.at;
    const tag = readTag(cursor);
    let read = 0;
    if (fieldOf(tag) === field) {
      expectWire(tag, wire.length);
      const pending = found(readMessage(cursor));
      if (pending) await pending;
      read = cursor.at - from;
    } else skip(cursor, tag);
    if (pace.due(read)) await pace.rest();
  }
};
