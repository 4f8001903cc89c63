// One transaction for the spans of many requests: their rows, and what is counted of those that are new.
import type { Loader, Sql } from '@molthub/event-store';
import { applyGroups } from './apply-groups.ts';
import { copyOf, spanColumns } from './copy-rows.ts';
import { storeContents, withContent } from './contents.ts';
import { type Counted, fold } from './fold.ts';
import type { Outbox } from '../forward/outbox.ts';
import { createRunawayFinder, type RunawayLimits } from '../runaway/find-runaways.ts';
import type { Batch, Stored } from './stored.ts';
import { createSurroundings, surroundingsId } from './surroundings.ts';

export type SpanStoreSettings = {
  readonly limitsOf: (fleetId: string | null) => RunawayLimits;
  /** Takes what another backend is to have too; null where none is. */
  readonly outbox: Outbox | null;
};

/**
 * Answers what stores spans with traces, rollups and failures, and tells how many of them were new. New ones are copied
 * as they are; only where one is there already are they compared one by one.
 */
export const createSpanStore = (load: Loader['load'], { limitsOf, outbox }: SpanStoreSettings) => {
  const runaways = createRunawayFinder(limitsOf);
  const surroundings = createSurroundings();
  const ids = new WeakMap<object, bigint>();
  const idOf = (record: Stored['record']): bigint => {
    const known = ids.get(record.surroundings);
    if (known !== undefined) return known;
    const id = surroundingsId(record.surroundings);
    ids.set(record.surroundings, id);
    return id;
  };
  /** No limit of these bots is lower, so that traces with fewer calls need not be looked at. */
  const callsMin = (batches: readonly Batch[]): number => {
    const limits = [...new Set(batches.map(({ source }) => source.fleetId))].map(limitsOf);
    return Math.min(
      ...limits.map(({ callsPerMinute, botCallsPerMinute }) => Math.min(callsPerMinute, botCallsPerMinute)),
    );
  };
  return async (batches: readonly Batch[]): Promise<number> => {
    const rows = withContent(
      onceEach(
        batches.flatMap(({ source, records }) =>
          records.map((record) => ({ source, record, surroundings: idOf(record) })),
        ),
      ),
    );
    const day = new Date().toISOString().slice(0, 10);
    const store = async (insert: Insert): Promise<number> => {
      const { stored, keys, looked } = await load(async (sql, copyIn) => {
        const keys = await surroundings.store(sql, rows, day);
        const inserted = await insert(rows, sql, copyIn);
        await storeContents(sql, inserted);
        await outbox?.store(sql, inserted);
        if (inserted.length === 0) return { stored: 0, keys, looked: [] };
        const suspects = await applyGroups(sql, fold(await configured(sql, inserted)), callsMin(batches));
        return { stored: inserted.length, keys, looked: await runaways.find(sql, suspects) };
      });
      // What was done in a transaction that is lost has to be done again.
      surroundings.noted(keys);
      runaways.noted(looked);
      return stored;
    };
    try {
      return await store(copyAll);
    } catch (error) {
      if (!isRepeated(error)) throw error;
      return store(copyNew);
    }
  };
};

type Insert = (
  rows: readonly Stored[],
  sql: Sql,
  copyIn: Parameters<Parameters<Loader['load']>[0]>[1],
) => Promise<readonly Stored[]>;

const columns = spanColumns.join(', ');

const copyAll: Insert = async (rows, _sql, copyIn) => {
  await copyIn(`copy span_rows (${columns}) from stdin (format binary)`, copyOf(rows));
  return rows;
};

const copyNew: Insert = async (rows, sql, copyIn) => {
  await sql(
    'create temporary table if not exists span_stage (like span_rows including defaults) on commit delete rows',
  );
  await copyIn(`copy span_stage (${columns}) from stdin (format binary)`, copyOf(rows));
  const inserted = await sql<{ key: string }>(
    `insert into span_rows (${columns}) select ${columns} from span_stage order by trace_id, span_id, bot_id
     on conflict do nothing
     returning replace(trace_id::text, '-', '') || lpad(to_hex(span_id), 16, '0') || bot_id || started_ns as key`,
  );
  const keys = new Set(inserted.map(({ key }) => key));
  return rows.filter((row) => keys.has(keyOf(row)));
};

const keyOf = ({ source, record }: Unplaced): string =>
  `${record.traceId}${record.spanId}${source.botId}${record.startedNs}`;
type Unplaced = Omit<Stored, 'content'>;

/** Without those that come twice in one flush. Few share the id of their span: the whole key is made of these only. */
const onceEach = (rows: readonly Unplaced[]): readonly Unplaced[] => {
  const bySpan = new Map<string, Unplaced>();
  const others = new Map<string, Unplaced>();
  const kept: Unplaced[] = [];
  for (const row of rows) {
    const first = bySpan.get(row.record.spanId);
    if (first === undefined) bySpan.set(row.record.spanId, row);
    else {
      const key = keyOf(row);
      if (key === keyOf(first) || others.has(key)) continue;
      others.set(key, row);
    }
    kept.push(row);
  }
  return kept;
};

/** The unique key of spans was violated. */
const isRepeated = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && 'code' in error && error.code === '23505';

/** With the configuration that each span's bot ran when it began: what converged last before that. */
const configured = async (sql: Sql, rows: readonly Stored[]): Promise<readonly Counted[]> => {
  const earliest = new Map<string, bigint>();
  for (const { source, record } of rows) {
    const known = earliest.get(source.botId);
    if (known === undefined || record.startedNs < known) earliest.set(source.botId, record.startedNs);
  }
  const found = await sql<{ bot_id: string; since: Date; hash: string }>(
    `select c.bot_id, c.since, c.hash from unnest($1::uuid[], $2::timestamptz[]) as b(bot_id, earliest)
     cross join lateral (select * from bot_configs c where c.bot_id = b.bot_id and c.since >= coalesce((
       select max(o.since) from bot_configs o where o.bot_id = b.bot_id and o.since <= b.earliest), '-infinity')) c
     order by c.bot_id, c.since desc`,
    [[...earliest.keys()], [...earliest.values()].map((ns) => new Date(Number(ns / 1_000_000n)))],
  );
  const configs = Map.groupBy(found, (row) => row.bot_id);
  return rows.map(({ source, record }) => {
    const startedMs = Number(record.startedNs / 1_000_000n);
    const config = configs.get(source.botId)?.find((one) => one.since.getTime() <= startedMs);
    return { source, record, configHash: config?.hash ?? '' };
  });
};
