// Records → rows of `span_rows` in Postgres' binary COPY format. Source: postgresql.org, COPY, "Binary Format".
import { SpanType } from '@molthub/contracts';
import {
  type ByteWriter,
  createWriter,
  reserve,
  writeByte,
  writeBytes,
  writeUtf8,
  written,
} from '../otlp/byte-writer.ts';
import { writeInt64BE } from '../otlp/int64.ts';
import type { Source, Stored } from './stored.ts';

export const spanColumns = [
  'trace_id',
  'span_id',
  'parent_id',
  'bot_id',
  'workspace',
  'started_at',
  'started_ns',
  'duration_ns',
  'type',
  'kind',
  'status',
  'request',
  'flags',
  'name',
  'status_message',
  'model',
  'tool',
  'input_tokens',
  'cached_tokens',
  'cache_write_tokens',
  'output_tokens',
  'reasoning_tokens',
  'cost_pico',
  'session',
  'fingerprint',
  'surroundings',
  'content',
  'content_index',
  'attributes',
  'events',
  'links',
  'rest',
] as const;

const signature = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');
/** Microseconds from 1970 to 2000, where Postgres counts from. */
const epochUs = 946_684_800_000_000n;
const pieceBytes = 64 * 1024;

/** The whole of a COPY, in pieces: head, rows, end. */
export function* copyOf(rows: readonly Stored[]): Generator<Buffer> {
  let out = createWriter(2 * pieceBytes);
  writeBytes(out, signature);
  for (const row of rows) {
    writeRow(out, row);
    if (out.at < pieceBytes) continue;
    yield written(out);
    // The piece before is still on its way.
    out = createWriter(2 * pieceBytes);
  }
  writeBytes(out, trailer);
  yield written(out);
}
const trailer = Buffer.from([0xff, 0xff]);

const writeRow = (out: ByteWriter, { source, record, surroundings, content }: Stored) => {
  // All fields of fixed width together are shorter.
  reserve(out, 512);
  out.at = out.bytes.writeInt16BE(spanColumns.length, out.at);
  hexField(out, record.traceId, 16);
  hexField(out, record.spanId, 8);
  if (record.parentSpanId === null) nullField(out);
  else hexField(out, record.parentSpanId, 8);
  int4(out, 16);
  writeBytes(out, botBytesOf(source));
  textField(out, source.workspace);
  int8Field(out, record.startedNs / 1_000n - epochUs);
  int8Field(out, record.startedNs);
  int8Field(out, record.durationNs);
  int2Field(out, SpanType.options.indexOf(record.type));
  int2Field(out, record.kind);
  int2Field(out, record.status);
  int4(out, 1);
  writeByte(out, record.request ? 1 : 0);
  int4Field(out, record.flags);
  textField(out, record.name);
  textField(out, record.statusMessage);
  textField(out, record.model);
  textField(out, record.tool);
  int4Field(out, record.tokens.input);
  int4Field(out, record.tokens.cached);
  int4Field(out, record.tokens.cacheWrite);
  int4Field(out, record.tokens.output);
  int4Field(out, record.tokens.reasoning);
  int8Field(out, record.costPico);
  textField(out, record.session);
  int8Field(out, record.fingerprint);
  int8Field(out, surroundings);
  if (content === null) {
    nullField(out);
    nullField(out);
  } else {
    hexField(out, content.id.replaceAll('-', ''), 16);
    int4Field(out, content.index);
  }
  writeBytes(out, record.body.columns);
};

/** Spans of one request have one source. */
const botBytesOf = (source: Source): Buffer => {
  const known = botBytes.get(source);
  if (known !== undefined) return known;
  const bytes = Buffer.from(source.botId.replaceAll('-', ''), 'hex');
  botBytes.set(source, bytes);
  return bytes;
};
const botBytes = new WeakMap<Source, Buffer>();

const int4 = (out: ByteWriter, value: number) => {
  reserve(out, 4);
  const { bytes, at } = out;
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
  out.at = at + 4;
};
const nullField = (out: ByteWriter) => int4(out, -1);
const int2Field = (out: ByteWriter, value: number) => {
  int4(out, 2);
  writeByte(out, value >>> 8);
  writeByte(out, value & 0xff);
};
const int4Field = (out: ByteWriter, value: number) => {
  int4(out, 4);
  int4(out, value);
};
const int8Field = (out: ByteWriter, value: bigint | null) => {
  if (value === null) return nullField(out);
  int4(out, 8);
  reserve(out, 8);
  out.at = writeInt64BE(out.bytes, out.at, value);
};
/** A call of `Buffer` costs more than the few digits of an id do. */
const hexField = (out: ByteWriter, hex: string, length: number) => {
  int4(out, length);
  reserve(out, length);
  const { bytes, at } = out;
  for (let i = 0; i < length; i++) {
    bytes[at + i] = ((digitOf[hex.charCodeAt(2 * i)] ?? 0) << 4) | (digitOf[hex.charCodeAt(2 * i + 1)] ?? 0);
  }
  out.at = at + length;
};
const digitOf = new Uint8Array(128);
for (let digit = 0; digit < 16; digit++) digitOf[digit.toString(16).charCodeAt(0)] = digit;

const textField = (out: ByteWriter, text: string | null) => {
  if (text === null) return nullField(out);
  int4(out, 0);
  const from = out.at;
  const length = writeUtf8(out, text);
  out.at = from - 4;
  int4(out, length);
  out.at += length;
};
