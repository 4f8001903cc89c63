// Spans as they are stored → requests in protobuf for another backend. Source: opentelemetry-proto trace.proto.
import type { Stored } from '../ingest/stored.ts';
import { type ByteWriter, clear, createWriter, writeBytes, written } from '../otlp/byte-writer.ts';
import {
  beginField,
  bytesField,
  endField,
  fixed32Field,
  fixed64Field,
  textField,
  uintField,
} from '../otlp/protobuf-writer.ts';
import type { Surroundings } from '../otlp/wire-span.ts';
import type { SpanRecord } from '../span-record.ts';
import {
  eachItem,
  eachMember,
  type JsonCursor,
  readCount,
  readText,
  skipValue,
  writeKeyValues,
  writeTextField,
} from './stored-json.ts';

/** An ExportTraceServiceRequest. Two of them, one behind the other, are one of the spans of both. */
export type Request = { readonly spans: number; readonly body: Buffer };

export const spansPerRequestMax = 512;
export const bytesPerRequestMax = 4 * 1024 * 1024;

/** Memory that is written to again and again: what is encoded is encoded at once. */
const request = createWriter();
const head = createWriter();
const span = createWriter();

/**
 * Requests of at most so many spans and bytes; one of a single span may be larger. `leftOut` is told of each span that
 * is not in them, because what is stored of it cannot be read.
 */
export const requestsOf = (rows: readonly Stored[], leftOut: (record: SpanRecord) => void): readonly Request[] => {
  const requests: Request[] = [];
  let spans = 0;
  clear(request);
  const end = () => {
    if (spans > 0) requests.push({ spans, body: Buffer.from(written(request)) });
    clear(request);
    spans = 0;
  };
  for (const group of Map.groupBy(rows, (row) => row.surroundings).values()) {
    let opened: Opened | null = null;
    clear(head);
    for (const { record } of group) {
      try {
        if (head.at === 0) open(head, record.surroundings);
        clear(span);
        writeSpan(span, record);
      } catch {
        // It came and is stored: that it cannot be forwarded is no reason to refuse it, and others with it, for ever.
        // The error may quote what it says.
        leftOut(record);
        clear(head);
        continue;
      }
      const bytes = request.at + (opened ? 0 : head.at) + span.at;
      if (spans >= spansPerRequestMax || (spans > 0 && bytes > bytesPerRequestMax)) {
        if (opened) close(request, opened);
        opened = null;
        end();
      }
      opened ??= open(request, record.surroundings);
      writeBytes(request, span.bytes, 0, span.at);
      spans += 1;
    }
    if (opened) close(request, opened);
  }
  end();
  return requests;
};

type Opened = { readonly resourceSpans: number; readonly scopeSpans: number };

/** Begins the spans of one resource and scope. */
const open = (out: ByteWriter, { resource, scope, rest }: Surroundings): Opened => {
  const said = placesIn(Buffer.from(rest ?? '{}'));
  const resourceSpans = beginField(out, 1);
  const ofResource = beginField(out, 1);
  writeKeyValues(out, 1, cursorOf(resource));
  countAt(out, 2, said('resourceDroppedAttributesCount'));
  endField(out, ofResource);
  textAt(out, 3, said('resourceSchemaUrl'));
  const scopeSpans = beginField(out, 2);
  const ofScope = beginField(out, 1);
  if (scope !== '') textField(out, 1, scope);
  textAt(out, 2, said('scopeVersion'));
  const attributes = said('scopeAttributes');
  if (attributes) writeKeyValues(out, 3, attributes);
  countAt(out, 4, said('scopeDroppedAttributesCount'));
  endField(out, ofScope);
  textAt(out, 3, said('scopeSchemaUrl'));
  return { resourceSpans, scopeSpans };
};

const close = (out: ByteWriter, { resourceSpans, scopeSpans }: Opened) => {
  endField(out, scopeSpans);
  endField(out, resourceSpans);
};

const cursorOf = (json: string): JsonCursor => ({ bytes: Buffer.from(json), at: 0 });

/** Where the value of each key of an object is. */
const placesIn = (bytes: Buffer): ((key: string) => JsonCursor | null) => {
  const places = new Map<string, number>();
  const cursor = { bytes, at: 0 };
  eachMember(cursor, (key) => {
    places.set(key, cursor.at);
    skipValue(cursor);
  });
  return (key) => {
    const at = places.get(key);
    return at === undefined ? null : { bytes, at };
  };
};

const textAt = (out: ByteWriter, field: number, cursor: JsonCursor | null) => {
  if (cursor) writeTextField(out, field, cursor);
};
const countAt = (out: ByteWriter, field: number, cursor: JsonCursor | null) => {
  if (cursor) uintField(out, field, readCount(cursor));
};

const idField = (out: ByteWriter, field: number, hex: string) => bytesField(out, field, Buffer.from(hex, 'hex'));

const writeSpan = (out: ByteWriter, record: SpanRecord) => {
  const from = beginField(out, 2);
  idField(out, 1, record.traceId);
  idField(out, 2, record.spanId);
  if (record.parentSpanId !== null) idField(out, 4, record.parentSpanId);
  if (record.name !== '') textField(out, 5, record.name);
  uintField(out, 6, record.kind);
  fixed64Field(out, 7, record.startedNs);
  fixed64Field(out, 8, record.startedNs + record.durationNs);
  const columns = { bytes: record.body.columns, at: 0 };
  const [attributes, events, links, rest] = [
    columnAt(columns),
    columnAt(columns),
    columnAt(columns),
    columnAt(columns),
  ];
  const content = contentIn(record.body.content);
  if (attributes) writeKeyValues(out, 9, attributes);
  if (content.attributes) writeKeyValues(out, 9, content.attributes);
  if (events) writeEvents(out, events, content.ofEvents);
  if (links) eachItem(links, () => writeLink(out, links));
  if (rest) writeRest(out, rest);
  const status = beginField(out, 15);
  if (record.statusMessage !== '') textField(out, 2, record.statusMessage);
  uintField(out, 3, record.status);
  endField(out, status);
  if (record.flags !== 0) fixed32Field(out, 16, record.flags);
  endField(out, from);
};

/** The next column as COPY takes it: a length, and the text; null where there is nothing. */
const columnAt = (columns: JsonCursor): JsonCursor | null => {
  const length = columns.bytes.readInt32BE(columns.at);
  const at = columns.at + 4;
  columns.at = at + Math.max(0, length);
  return length < 0 ? null : { bytes: columns.bytes, at };
};

type Content = {
  readonly attributes: JsonCursor | null;
  /** By the index of the event. */
  readonly ofEvents: ReadonlyMap<number, JsonCursor>;
};
const noContent: Content = { attributes: null, ofEvents: new Map() };

/** Where in the content of a span is what of it. */
const contentIn = (bytes: Buffer | null): Content => {
  if (bytes === null) return noContent;
  const ofEvents = new Map<number, JsonCursor>();
  const said = placesIn(bytes);
  const events = said('events');
  if (events) {
    eachItem(events, () => {
      let index = 0;
      eachMember(events, (key) => {
        if (key === 'index') index = readCount(events);
        else {
          if (key === 'attributes') ofEvents.set(index, { bytes, at: events.at });
          skipValue(events);
        }
      });
    });
  }
  return { attributes: said('attributes'), ofEvents };
};

const writeEvents = (out: ByteWriter, events: JsonCursor, contents: ReadonlyMap<number, JsonCursor>) => {
  let index = 0;
  eachItem(events, () => {
    const from = beginField(out, 11);
    eachMember(events, (key) => {
      if (key === 'timeNs') fixed64Field(out, 1, BigInt(readText(events)));
      else if (key === 'name') writeTextField(out, 2, events);
      else if (key === 'attributes') writeKeyValues(out, 3, events);
      else if (key === 'droppedAttributesCount') uintField(out, 4, readCount(events));
      else skipValue(events);
    });
    const content = contents.get(index++);
    if (content) writeKeyValues(out, 3, content);
    endField(out, from);
  });
};

const writeLink = (out: ByteWriter, link: JsonCursor) => {
  const from = beginField(out, 13);
  eachMember(link, (key) => {
    if (key === 'traceId') idField(out, 1, readText(link));
    else if (key === 'spanId') idField(out, 2, readText(link));
    else if (key === 'traceState') writeTextField(out, 3, link);
    else if (key === 'attributes') writeKeyValues(out, 4, link);
    else if (key === 'droppedAttributesCount') uintField(out, 5, readCount(link));
    else if (key === 'flags') fixed32Field(out, 6, readCount(link));
    else skipValue(link);
  });
  endField(out, from);
};

const writeRest = (out: ByteWriter, rest: JsonCursor) =>
  eachMember(rest, (key) => {
    if (key === 'traceState') writeTextField(out, 3, rest);
    else if (key === 'droppedAttributesCount') uintField(out, 10, readCount(rest));
    else if (key === 'droppedEventsCount') uintField(out, 12, readCount(rest));
    else if (key === 'droppedLinksCount') uintField(out, 14, readCount(rest));
    else skipValue(rest);
  });
