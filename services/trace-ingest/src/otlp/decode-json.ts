// ExportTraceServiceRequest in JSON → spans: each is written as protobuf, and takes the one way from there.
import type { Redaction } from '../redact.ts';
import { type ByteWriter, clear, createWriter } from './byte-writer.ts';
import { encodeResource, encodeScope, encodeSpan, text } from './encode-json.ts';
import type { Pace } from './pace.ts';
import { type Cursor, cursorOf, readTag } from './protobuf.ts';
import { textField } from './protobuf-writer.ts';
import { resourceOf, schemaOf, scopeOf, surroundingsOf } from './surroundings-of.ts';
import { createShelf, giveSpan } from './transcode-span.ts';
import { type JsonObject, walkJson } from './walk-json.ts';
import { spanTooRich, fieldsMax, type Sink, spanBytesMax, spanTooLarge } from './wire-span.ts';

/** Gives every span of the body to the sink; throws a 400 that names the field where the body is no such message. */
export const decodeJson = async (
  body: Buffer,
  sink: Sink,
  pace: Pace,
  redaction: Redaction,
  splitAbove?: number,
): Promise<void> => {
  const shelf = createShelf(Math.min(65_536, 1_024 + 2 * body.length));
  const schemaIn = (name: string, around: JsonObject): string => {
    const schema = text(around, 'schemaUrl');
    if (schema === '') return '';
    const cursor = encoded((out) => textField(out, 1, schema));
    return schemaOf(name, cursor, readTag(cursor), redaction);
  };
  await walkJson(
    body,
    ['resourceSpans', 'scopeSpans', 'spans'],
    pace,
    (resource, scope, { group, scoped }) => {
      const around = surroundingsOf(
        resourceOf(() => encoded((out) => encodeResource(out, resource)), redaction),
        scopeOf(() => encoded((out) => encodeScope(out, scope)), redaction),
        [schemaIn('resourceSchemaUrl', group), schemaIn('scopeSchemaUrl', scoped)],
      );
      return {
        takes: ({ bytes, values }) => {
          if (bytes.length > spanBytesMax) sink.reject(spanTooLarge);
          else if (values > fieldsMax) sink.reject(spanTooRich);
          else return true;
          return false;
        },
        element: (span) => giveSpan(() => encoded((out) => encodeSpan(out, span)), around, { sink, redaction, shelf }),
      };
    },
    splitAbove,
  );
};

/** Each message is read before the next is written. */
const message = createWriter();
const encoded = (write: (out: ByteWriter) => void): Cursor => {
  clear(message);
  write(message);
  return cursorOf(message.bytes, message.at);
};
