// What lies in no published view: content, which only some may read, and the built-in prices, which are no data.
import { promisify } from 'node:util';
import { zstdDecompress } from 'node:zlib';
import { ReadBuiltinPrices, ReadSpanContent } from '@molthub/contracts';
import { Rejected } from '@molthub/decider';
import { answer, type Query } from '@molthub/service';
import { z } from 'zod';
import { builtinPrices, builtinPricesVersion } from './builtin-prices.ts';
import { toPricedModel } from './prices.ts';

const decompress = promisify(zstdDecompress);
/** A flush is bounded far below; whatever claims to be larger is no content of ours. */
const contentBytesMax = 64 * 1024 * 1024;

const Row = z.object({ body: z.instanceof(Buffer), index: z.int().min(0) });
const Content = z.object({
  attributes: z.record(z.string(), z.json()).default({}),
  events: z.array(z.object({ index: z.int(), attributes: z.record(z.string(), z.json()) })).default([]),
});

/** One flush's content of one bot is a list; a span says which element is its own. */
const contents = z.array(z.unknown());

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
  answer(ReadBuiltinPrices, async () => ({ version: builtinPricesVersion, models: builtinPrices.map(toPricedModel) })),
];
