// Prompts, messages, arguments and results: for each bot of a commit one compressed JSON list, of which a span has one
// element `{ "attributes": {…}, "events": [{ "index", "attributes" }] }`.
import { randomUUID } from 'node:crypto';
import { promisify } from 'node:util';
import { constants, zstdCompress } from 'node:zlib';
import type { Sql } from '@molthub/event-store';
import type { Stored } from './stored.ts';

/** Says for each span that has content where it will be. */
export const withContent = (rows: readonly Omit<Stored, 'content'>[]): readonly Stored[] => {
  const lists = new Map<string, { readonly id: string; length: number }>();
  return rows.map((row) => {
    if (row.record.body.content === null) return { ...row, content: null };
    const { botId } = row.source;
    const list = lists.get(botId) ?? { id: randomUUID(), length: 0 };
    lists.set(botId, list);
    const content = { id: list.id, index: list.length };
    list.length += 1;
    return { ...row, content };
  });
};

const compress = promisify(zstdCompress);
const level = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

/** Stores the content of these spans. Elements of spans that were there already are null: they have theirs. */
export const storeContents = async (sql: Sql, rows: readonly Stored[]): Promise<void> => {
  const lists = Map.groupBy(
    rows.filter(({ content }) => content !== null),
    ({ content }) => content?.id ?? '',
  );
  if (lists.size === 0) return;
  const each = await Promise.all(
    [...lists].map(async ([id, members]) => ({ id, source: members[0]?.source, body: await bodyOf(members) })),
  );
  await sql(
    `insert into span_contents (id, workspace, bot_id, body)
     select * from unnest($1::uuid[], $2::text[], $3::uuid[], $4::bytea[])`,
    [
      each.map(({ id }) => id),
      each.map(({ source }) => source?.workspace),
      each.map(({ source }) => source?.botId),
      each.map(({ body }) => body),
    ],
  );
};

const bodyOf = (members: readonly Stored[]): Promise<Buffer> => {
  const parts: Buffer[] = [];
  let next = 0;
  for (const { record, content } of members) {
    if (content === null || record.body.content === null) continue;
    for (; next < content.index; next++) parts.push(next === 0 ? nothingFirst : nothing);
    parts.push(next === 0 ? open : comma, record.body.content);
    next += 1;
  }
  return compress(Buffer.concat([...parts, close]), level);
};
const [open, comma, close] = [Buffer.from('['), Buffer.from(','), Buffer.from(']')];
const [nothingFirst, nothing] = [Buffer.from('[null'), Buffer.from(',null')];
