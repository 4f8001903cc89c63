// Random concurrent transactions over few hot streams, and readers that follow them: does one ever skip an event, or
// see a stream's events in another order than they were appended? For the tests here and for bench/.
import { setImmediate as turn } from 'node:timers/promises';
import { logStart, type LogPosition, type Recorded } from '@molthub/contracts';
import type { Pool } from 'pg';
import { violatedConstraint } from './fault.ts';
import { flush } from './flush.ts';
import { migrate } from './migrate.ts';
import { createPool, readsOn } from './pool.ts';
import { readLog, readLogText } from './read.ts';
import { appendFunctions } from './schema.ts';
import { newEvent } from './testing.ts';
import type { StreamAppend, Unit } from './unit.ts';

export type OrderRun = {
  readonly url: string;
  readonly schema: string;
  /** The run ends when at least this many events are committed (or the log is plainly broken). */
  readonly events: number;
  readonly writers: number;
  /** Readers that follow the writers; one more reads when all is written, as a refill of the bus does. */
  readonly readers: number;
  readonly streams: number;
  readonly seed: number;
  /** Changes the log's DDL, to take a guard out; default: as it is. */
  readonly schemaText?: (text: string) => string;
  /** Changes the reader's statement likewise. */
  readonly readText?: (text: string) => string;
};

export type OrderFindings = {
  readonly events: number;
  readonly transactions: number;
  readonly rolledBack: number;
  readonly conflicts: number;
  /** Appends to any version that broke on another writer's: with the locks held that cannot be. */
  readonly broken: number;
  /** Events in the log that a reader never saw, over all readers. */
  readonly skipped: number;
  /** Events that a reader saw after a later one of their stream. */
  readonly inverted: number;
  readonly repeated: number;
  readonly seconds: number;
  readonly firstTx: bigint;
  readonly lastTx: bigint;
};

/** Transactions that are opened and rolled back by the dice, out of a hundred. */
const rollbacksPercent = 10;
const heldOpenMsMax = 3;
/** What is this broken need not be broken further: each deadlock takes a second to be found. */
const brokenMax = 5;
const connectionsPerPool = 4;

/** Runs writers and readers at the same time, each pool standing for a process, and counts what went wrong. */
export const runOrder = async (run: OrderRun): Promise<OrderFindings> => {
  const pools = Array.from({ length: Math.ceil(run.writers / connectionsPerPool) + 1 }, () => poolOf(run));
  const [readerPool, ...writerPools] = pools;
  try {
    if (!readerPool) throw new Error('A run needs a pool for its readers.');
    await makeSchema(readerPool, run);
    await nearTenThousand(readerPool);
    const tally = { events: 0, transactions: 0, rolledBack: 0, conflicts: 0, broken: 0 };
    const began = performance.now();
    const writing = { done: false };
    const readers = Array.from({ length: run.readers }, (_, index) => follow(readerPool, run, writing, index));
    const writers = Array.from({ length: run.writers }, (_, index) => {
      const pool = writerPools[index % writerPools.length];
      return pool ? write(pool, run, dice(run.seed * 1_000 + index), tally) : Promise.resolve();
    });
    await Promise.all(writers).finally(() => {
      writing.done = true;
    });
    const seen = [...(await Promise.all(readers)), await follow(readerPool, run, writing, run.readers)];
    return { ...tally, ...(await judge(readerPool, seen)), seconds: (performance.now() - began) / 1_000 };
  } finally {
    await Promise.all(pools.map((pool) => pool.end()));
  }
};

const poolOf = (run: OrderRun): Pool =>
  createPool({
    url: run.url,
    schema: run.schema,
    name: 'order',
    connectionsMax: Math.max(connectionsPerPool, run.readers),
    onError: () => {
      // A statement on a lost connection fails by itself, and so does the run.
    },
  });

const makeSchema = async (pool: Pool, run: OrderRun) => {
  await migrate(pool, run.schema, []);
  if (!run.schemaText) return;
  const text = appendFunctions(run.schema);
  const changed = run.schemaText(text);
  if (changed === text) throw new Error('The guard to take out is not in the DDL any more.');
  const appends = changed.match(/create function \S+\.append\w*\([\s\S]*?\$append\$;/g) ?? [];
  if (appends.length !== 2) throw new Error('The DDL should have two append functions.');
  for (const append of appends) await pool.query(append.replace('create function', 'create or replace function'));
};

/** On a new cluster, uses up ids so that the run crosses from 9999 to 10000, where an order by text would turn around. */
const nearTenThousand = async (pool: Pool) => {
  const { rows } = await pool.query<{ at: string }>('select pg_current_xact_id()::text as at');
  const left = 9_950 - Number(rows[0]?.at ?? 0);
  if (left <= 0) return;
  await pool.query(`do $$ begin for i in 1..${left} loop perform pg_current_xact_id(); commit; end loop; end $$`);
};

type Dice = { readonly below: (n: number) => number };

/** mulberry32: small, seeded, good enough to mix transactions. */
export const dice = (seed: number): Dice => {
  let state = seed >>> 0;
  return {
    below: (n) => {
      state = (state + 0x6d2b79f5) >>> 0;
      let t = Math.imul(state ^ (state >>> 15), state | 1);
      t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
      return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * n);
    },
  };
};

type Tally = { events: number; transactions: number; rolledBack: number; conflicts: number; broken: number };

class RolledBack extends Error {}

const write = async (pool: Pool, run: OrderRun, random: Dice, tally: Tally): Promise<void> => {
  const settings = { pool, schema: run.schema, epoch: () => 1, projections: [] };
  while (tally.events < run.events && tally.broken < brokenMax) {
    const [first, ...others] = randomUnits(run, random);
    const rollsBack = random.below(100) < rollbacksPercent;
    const heldSeconds = random.below(heldOpenMsMax * 1_000) / 1_000_000;
    const units = [{ streams: [], ...first, alongside: holdOpen(heldSeconds, rollsBack) }, ...others];
    tally.transactions += 1;
    try {
      const { results } = await flush(settings, units);
      for (const result of results) {
        if (result.status === 'committed') tally.events += result.events.length;
        else tally.conflicts += 1;
      }
    } catch (error) {
      if (error instanceof RolledBack) tally.rolledBack += 1;
      else if (isLockMissing(error)) tally.broken += 1;
      else throw error;
    }
  }
};

/** Two writers that numbered the same stream at once, or waited for each other's rows: only without the locks. */
const isLockMissing = (error: unknown): boolean =>
  violatedConstraint(error) === 'events_stream_version' ||
  (typeof error === 'object' && error !== null && 'code' in error && error.code === '40P01');

const holdOpen = (seconds: number, rollsBack: boolean): NonNullable<Unit['alongside']> => {
  return async (sql) => {
    await sql('select pg_sleep($1)', [seconds]);
    if (rollsBack) throw new RolledBack();
  };
};

/** One to three units of a transaction, over one to four of the hot streams; a few expect a version that has passed. */
const randomUnits = (run: OrderRun, random: Dice): readonly Unit[] => {
  const streams = new Set(Array.from({ length: 1 + random.below(4) }, () => `hot-${random.below(run.streams)}`));
  const units: StreamAppend[][] = Array.from({ length: 1 + random.below(3) }, () => []);
  for (const stream of streams) {
    const count = random.below(10) === 0 ? 1 : 1 + random.below(24);
    const events = Array.from({ length: count }, () => newEvent('thing.happened'));
    units[random.below(units.length)]?.push({ stream, expected: random.below(50) === 0 ? 1 : 'any', events });
  }
  return units.filter((unit) => unit.length > 0).map((unit) => ({ streams: unit }));
};

type Seen = { readonly ids: ReadonlySet<string>; readonly inverted: number; readonly repeated: number };

/** Reads on from the last event of each page, as the relay does, until all writers are done and nothing is left. */
const follow = async (pool: Pool, run: OrderRun, writing: { readonly done: boolean }, index: number): Promise<Seen> => {
  const sql = readsOn(pool);
  const text = run.readText ? run.readText(readLogText) : readLogText;
  if (run.readText && text === readLogText) throw new Error('The guard to take out is not in the reader any more.');
  const random = dice(run.seed * 7_919 + index);
  const ids = new Set<string>();
  const versions = new Map<string, number>();
  let [inverted, repeated] = [0, 0];
  let at: LogPosition = logStart;
  for (;;) {
    const wasDone = writing.done;
    const page: readonly Recorded[] = await readLog(sql, 1, at, 1 + random.below(700), text);
    for (const event of page) {
      if (ids.has(event.id)) repeated += 1;
      else if (event.version <= (versions.get(event.stream) ?? 0)) inverted += 1;
      ids.add(event.id);
      versions.set(event.stream, Math.max(event.version, versions.get(event.stream) ?? 0));
    }
    at = page.at(-1)?.log ?? at;
    if (page.length === 0 && wasDone) return { ids, inverted, repeated };
    await turn();
  }
};

/** What is in the log in the end is what every reader must have seen. */
const judge = async (pool: Pool, seen: readonly Seen[]) => {
  const { rows } = await pool.query<{ ids: string[] | null; first: string | null; last: string | null }>(
    'select array_agg(event_id::text) as ids, min(tx)::text as first, max(tx)::text as last from events',
  );
  const ids = rows[0]?.ids ?? [];
  const total = (pick: (one: Seen) => number) => seen.reduce((sum, one) => sum + pick(one), 0);
  return {
    skipped: total((one) => ids.filter((id) => !one.ids.has(id)).length),
    inverted: total((one) => one.inverted),
    repeated: total((one) => one.repeated),
    firstTx: BigInt(rows[0]?.first ?? 0),
    lastTx: BigInt(rows[0]?.last ?? 0),
  };
};
