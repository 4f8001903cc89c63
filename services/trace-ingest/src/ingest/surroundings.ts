// Resource and scope of spans, each stored once a day for each bot that says them.
import { createHash } from 'node:crypto';
import type { Sql } from '@molthub/event-store';
import type { Surroundings } from '../otlp/wire-span.ts';
import type { Stored } from './stored.ts';

/** What is made of what they say: the same bytes have the same number. */
export const surroundingsId = ({ resource, scope, rest }: Surroundings): bigint =>
  createHash('sha256')
    .update(`${resource}\n${JSON.stringify(scope)}\n${rest ?? ''}`)
    .digest()
    .readBigInt64BE(0);

/** Remembers what is stored, so that a bot that says the same all day costs one row a day. */
export const createSurroundings = () => {
  const known = new Set<string>();
  const keyOf = ({ source, surroundings }: Stored, day: string) => `${day} ${source.botId} ${surroundings}`;
  return {
    /** Stores those that these rows need. Call `noted` with what this answers once the transaction is committed. */
    store: async (sql: Sql, rows: readonly Stored[], day: string): Promise<readonly string[]> => {
      const needed = new Map<string, Stored>();
      let before: Stored | null = null;
      for (const row of rows) {
        // Spans of one request come one after another, and mostly have the same ones.
        const isSame = before?.source === row.source && before.surroundings === row.surroundings;
        before = row;
        if (isSame) continue;
        const key = keyOf(row, day);
        if (!known.has(key)) needed.set(key, row);
      }
      if (needed.size === 0) return [];
      const sorted = [...needed].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row);
      await sql(
        `insert into surroundings (bot_id, id, resource, scope, rest)
         select * from unnest($1::uuid[], $2::bigint[], $3::jsonb[], $4::text[], $5::jsonb[])
         on conflict (bot_id, id) do update set seen_on = current_date where surroundings.seen_on < current_date`,
        [
          sorted.map(({ source }) => source.botId),
          sorted.map(({ surroundings }) => surroundings),
          sorted.map(({ record }) => record.surroundings.resource),
          sorted.map(({ record }) => record.surroundings.scope),
          sorted.map(({ record }) => record.surroundings.rest),
        ],
      );
      return [...needed.keys()];
    },
    noted: (keys: readonly string[]) => {
      if (known.size + keys.length > knownMax) known.clear();
      for (const key of keys) known.add(key);
    },
  };
};

const knownMax = 50_000;
