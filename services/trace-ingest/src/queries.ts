// What lies in no published view: content, which only some may read, and the built-in prices, which are no data.
import { promisify } from 'node:util';
import { gunzip, zstdDecompress } from 'node:zlib';
import { ReadBuiltinPrices, ReadSignals, ReadSpanContent } from '@molthub/contracts';
import { Rejected } from '@molthub/decider';
import { answer, type Query } from '@molthub/service';
import { z } from 'zod';
import { builtinPrices, builtinPricesVersion } from './builtin-prices.ts';
import { toPricedModel } from './prices.ts';

const decompress = promisify(zstdDecompress);
const inflate = promisify(gunzip);
/** A flush is bounded far below; whatever claims to be larger is no content of ours. */
const contentBytesMax = 64 * 1024 * 1024;

const Row = z.object({ body: z.instanceof(Buffer), index: z.int().min(0) });
const Content = z.object({
  attributes: z.record(z.string(), z.json()).default({}),
  events: z.array(z.object({ index: z.int(), attributes: z.record(z.string(), z.json()) })).default([]),
});

/** One flush's content of one bot is a list; a span says which element is its own. */
const contents = z.array(z.unknown());

const signalsMax = 20;
/** Of one answer: as JSON inside of JSON it is at most twice that, and an answer has at most 512 KiB. */
const signalBytesMax = 200 * 1024;
const Signal = z.object({
  receivedAt: z.string(),
  encoding: z.enum(['protobuf', 'json']),
  sizeBytes: z.coerce.number(),
  body: z.instanceof(Buffer).nullable(),
});
type Signal = z.infer<typeof Signal>;

/** As many from the front as fit into one answer; one that does not fit alone goes without its body. */
const fitting = (rows: readonly Signal[]): readonly Signal[] => {
  let bytes = 0;
  const last = rows.findIndex(({ sizeBytes }, index) => {
    bytes += sizeBytes > signalBytesMax ? 0 : sizeBytes;
    return index === signalsMax || bytes > signalBytesMax;
  });
  return last === -1 ? rows : rows.slice(0, last);
};

const signalOf = async ({ receivedAt, encoding, sizeBytes, body }: Signal) => {
  if (body === null) return { receivedAt, encoding, sizeBytes, body };
  const text = (await inflate(body, { maxOutputLength: signalBytesMax })).toString(
    encoding === 'json' ? 'utf8' : 'base64',
  );
  return { receivedAt, encoding, sizeBytes, body: text };
};

/** gzip ends in the size of what it holds, of which there are 16 MiB at most. */
const size = `(get_byte(body, length(body) - 4) + get_byte(body, length(body) - 3) * 256
  + get_byte(body, length(body) - 2) * 65536 + get_byte(body, length(body) - 1) * 16777216::bigint)`;

export const queries: readonly Query[] = [
  answer(ReadSpanContent, async ({ data, workspace }, { reads }) => {
    const rows = await reads(
      `select c.body, s.content_index as index from span_rows s join span_contents c on c.id = s.content
       where s.workspace = $1 and s.bot_id = $2 and s.trace_id = $3::uuid and s.span_id = ('x' || $4)::bit(64)::bigint
         and c.workspace = s.workspace and c.bot_id = s.bot_id order by s.started_at limit 1`,
      [workspace, data.botId, data.traceId, data.spanId],
    );
    if (!rows[0]) throw new Rejected('trace.content-not-found', 'No content is kept of this span, or not any more.');
    const { body, index } = Row.parse(rows[0]);
    const list = contents.parse(JSON.parse((await decompress(body, { maxOutputLength: contentBytesMax })).toString()));
    return Content.parse(list[index]);
  }),
  answer(ReadSignals, async ({ data, workspace }, { reads }) => {
    const rows = await reads(
      `select to_char(received_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as "receivedAt", encoding,
         ${size} as "sizeBytes", case when ${size} <= ${signalBytesMax} then body end as body
       from telemetry_bodies where workspace = $1 and bot_id = $2 and signal = $3
         and ($4::timestamptz is null or received_at < $4)
       order by received_at desc limit ${signalsMax + 1}`,
      [workspace, data.botId, data.kind, data.before ?? null],
    );
    const found = z.array(Signal).parse(rows);
    const page = fitting(found);
    const nextBefore = page.length < found.length ? (page.at(-1)?.receivedAt ?? null) : null;
    return { items: await Promise.all(page.map(signalOf)), nextBefore };
  }),
  answer(ReadBuiltinPrices, async () => ({ version: builtinPricesVersion, models: builtinPrices.map(toPricedModel) })),
];
