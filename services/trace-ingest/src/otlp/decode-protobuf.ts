// ExportTraceServiceRequest in protobuf → spans, in slices of time.
import type { Redaction } from '../redact.ts';
import type { Pace } from './pace.ts';
import { type Cursor, cursorOf, expectWire, fieldOf, readMessage, readTag, skip, wire } from './protobuf.ts';
import { noResource, noScope, resourceOf, schemaOf, scopeOf, surroundingsOf } from './surroundings-of.ts';
import { createShelf, type Shelf, transcodeSpan } from './transcode-span.ts';
import { type Sink, spanBytesMax, spanTooLarge } from './wire-span.ts';

type Way = { readonly sink: Sink; readonly pace: Pace; readonly redaction: Redaction; readonly shelf: Shelf };

/** Gives every span of the body to the sink; throws a 400 where the body is no such message. */
export const decodeProtobuf = async (body: Buffer, sink: Sink, pace: Pace, redaction: Redaction): Promise<void> => {
  const way = { sink, pace, redaction, shelf: createShelf(Math.min(65_536, 1_024 + 2 * body.length)) };
  await eachMessage(cursorOf(body), 1, pace, (resourceSpans) => decodeResourceSpans(resourceSpans, way));
};

const decodeResourceSpans = async (resourceSpans: Cursor, way: Way) => {
  const { sink, pace, redaction, shelf } = way;
  // The resource may stand behind its spans, so it is looked for first.
  let resource = noResource;
  await eachMessage({ ...resourceSpans }, 1, pace, (message) => {
    resource = resourceOf(message, redaction);
  });
  const ofResource = await schemaIn('resourceSchemaUrl', { ...resourceSpans }, way);
  await eachMessage(resourceSpans, 2, pace, async (scopeSpans) => {
    let scope = noScope;
    await eachMessage({ ...scopeSpans }, 1, pace, (message) => {
      scope = scopeOf(message, redaction);
    });
    const ofScope = await schemaIn('scopeSchemaUrl', { ...scopeSpans }, way);
    const around = surroundingsOf(resource, scope, [ofResource, ofScope]);
    await eachMessage(scopeSpans, 2, pace, (span) => {
      if (span.end - span.at > spanBytesMax) sink.reject(spanTooLarge);
      else sink.span(transcodeSpan(span, redaction, shelf), around);
    });
  });
};

const schemaField = 3;
const schemaIn = async (name: string, cursor: Cursor, { pace, redaction }: Way): Promise<string> => {
  let schema = '';
  while (cursor.at < cursor.end) {
    if (pace.due(0)) await pace.rest();
    const tag = readTag(cursor);
    if (fieldOf(tag) === schemaField) schema = schemaOf(name, cursor, tag, redaction);
    else skip(cursor, tag);
  }
  return schema;
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
