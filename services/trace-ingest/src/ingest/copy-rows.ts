// Records → rows of `span_rows` in Postgres' binary COPY format. Source: postgresql.org, COPY, "Binary Format".
import { SpanType } from '@molthub/contracts';
import type { Stored } from './stored.ts';

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
  'input_tokens',
  'cached_tokens',
  'cache_write_tokens',
  'output_tokens',
  'reasoning_tokens',
  'cost_pico',
  'session',
  'fingerprint',
  'surroundings',
  'attributes',
  'events',
  'links',
  'rest',
] as const;

const signature = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');
const trailer = Buffer.from([0xff, 0xff]);
/** Microseconds from 1970 to 2000, where Postgres counts from. */
const epochUs = 946_684_800_000_000n;

/** The whole of a COPY: head, rows, end. */
export function* copyOf(rows: readonly Stored[]): Generator<Buffer> {
  yield signature;
  for (const row of rows) yield rowOf(row);
  yield trailer;
}

const rowOf = ({ source, record, surroundings }: Stored): Buffer => {
  const row = createRow();
  row.bytes(Buffer.from(record.traceId, 'hex'));
  row.bytes(Buffer.from(record.spanId, 'hex'));
  row.bytes(record.parentSpanId === null ? null : Buffer.from(record.parentSpanId, 'hex'));
  row.bytes(Buffer.from(source.botId.replaceAll('-', ''), 'hex'));
  row.text(source.workspace);
  row.int8(record.startedNs / 1_000n - epochUs);
  row.int8(record.startedNs);
  row.int8(record.durationNs);
  row.int2(SpanType.options.indexOf(record.type));
  row.int2(record.kind);
  row.int2(record.status);
  row.bytes(record.request ? yes : no);
  row.int4(record.flags);
  row.text(record.name);
  row.text(record.statusMessage);
  row.text(record.model);
  row.int4(record.tokens.input);
  row.int4(record.tokens.cached);
  row.int4(record.tokens.cacheWrite);
  row.int4(record.tokens.output);
  row.int4(record.tokens.reasoning);
  row.int8(record.costPico);
  row.text(record.session);
  row.int8(record.fingerprint);
  row.int8(surroundings);
  row.json(record.attributes);
  row.json(record.events);
  row.json(record.links);
  row.json(record.rest);
  return row.done();
};

const yes = Buffer.from([1]);
const no = Buffer.from([0]);
const nothing = Buffer.from([0xff, 0xff, 0xff, 0xff]);

const createRow = () => {
  const parts: Buffer[] = [];
  const fields = Buffer.alloc(2);
  fields.writeInt16BE(spanColumns.length);
  parts.push(fields);
  const bytes = (value: Buffer | null) => {
    if (value === null) {
      parts.push(nothing);
      return;
    }
    const length = Buffer.alloc(4);
    length.writeInt32BE(value.length);
    parts.push(length, value);
  };
  const sized = (size: number, write: (field: Buffer) => void) => {
    const field = Buffer.alloc(size);
    write(field);
    bytes(field);
  };
  return {
    bytes,
    text: (value: string | null) => bytes(value === null ? null : Buffer.from(value)),
    /** A jsonb is its version, 1, and its text. */
    json: (value: string | null) => bytes(value === null ? null : Buffer.from(`\u0001${value}`)),
    int2: (value: number) => sized(2, (field) => field.writeInt16BE(value)),
    int4: (value: number) => sized(4, (field) => field.writeInt32BE(value | 0)),
    int8: (value: bigint | null) => {
      if (value === null) bytes(null);
      else sized(8, (field) => field.writeBigInt64BE(value));
    },
    done: () => Buffer.concat(parts),
  };
};
