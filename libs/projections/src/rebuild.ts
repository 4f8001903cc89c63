// Builds a read model anew from the log into shadow tables while the old one serves, then switches in one transaction.
import { type LogPosition, logStart } from '@molthub/contracts';
import { inTransaction, type Log, type Projection, sqlOn } from '@molthub/event-store';
import type { PoolClient } from 'pg';
import { createGeneration, dropOtherGenerations, generationSchema, serveGeneration } from './generation.ts';

/** Events per transaction: large enough for speed, short enough to keep the horizon of all readers moving. */
const pageSize = 2_000;

type RebuildOptions = {
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: RebuildProgress) => void;
};

/** Two rebuilds of one read model would fill the same shadow tables. */
export class RebuildRunning extends Error {}

/** Somebody cancelled it; what served before goes on. */
export class RebuildCancelled extends Error {}

/**
 * Ends a rebuild, in whichever replica it runs: it looks whether it is still wanted about every 500 ms, and once more
 * in the transaction that would switch. Answers false where none runs, or where nothing serves yet.
 */
export const cancelRebuild = async (log: Log, name: string): Promise<boolean> => {
  const rows = await log.reads(
    `update projections set status = 'SERVING', processed = total, message = 'The last rebuild was cancelled.',
       updated_at = clock_timestamp()
     where name = $1 and status = 'REBUILDING' and generation > 0 returning name`,
    [name],
  );
  return rows.length > 0;
};

export type RebuildProgress = { readonly name: string; readonly processed: number; readonly total: number };

/**
 * Rebuilds `projection` and serves it. Writers go on meanwhile; they wait only for the last page and the switch.
 * Throws, leaving the old one serving, if `signal` aborts, it is cancelled, an event cannot be applied, or another
 * rebuild of it runs.
 * Nothing else runs again: reactions are not part of a read model.
 */
export const rebuild = async (log: Log, projection: Projection, options: RebuildOptions): Promise<void> => {
  await inTransaction(log.pool, async (sql) => {
    // This transaction only holds the lock and writes nothing, so it may wait for a long rebuild.
    await sql('set local idle_in_transaction_session_timeout = 0');
    const [lock] = await sql<{ is_mine: boolean }>(
      'select pg_try_advisory_xact_lock(hashtextextended($1, 4)) as is_mine',
      [`${log.schema} ${projection.name}`],
    );
    if (!lock?.is_mine) throw new RebuildRunning(`The read model ${projection.name} is being rebuilt already.`);
    await build(log, projection, options);
  });
};

const build = async (log: Log, projection: Projection, options: RebuildOptions): Promise<void> => {
  const { schema, pool } = log;
  const [row] = await log.reads<{ generation: number }>('select generation from projections where name = $1', [
    projection.name,
  ]);
  const generation = (row?.generation ?? 0) + 1;
  const total = await log.countAfter(logStart);
  await note(log, projection, {
    status: 'REBUILDING',
    generation: row?.generation ?? 0,
    processed: 0,
    total,
    message: '',
  });
  try {
    const shadow = await inTransaction(pool, (_, client) => createGeneration(client, schema, projection, generation));
    const at = await fill(log, projection, shadow, total, options);
    await inTransaction(pool, async (sql, client) => {
      // Appends hold this lock shared until they commit: from here to the commit there are none.
      await sql('select pg_advisory_xact_lock(hashtextextended($1, 1))', [schema]);
      const processed = await drain(log, projection, shadow, client, at);
      await serveGeneration(client, sql, schema, projection, shadow);
      await dropOtherGenerations(sql, client, schema, projection.name, shadow);
      const wanted = await sql(
        `update projections set revision = $2, generation = $3, status = 'SERVING', processed = total, message = '',
           updated_at = clock_timestamp(), total = total + $4 where name = $1 and status = 'REBUILDING' returning name`,
        [projection.name, projection.revision, generation, processed],
      );
      if (wanted.length === 0) throw cancelled(projection);
    });
  } catch (error) {
    if (error instanceof RebuildCancelled) {
      await pool.query(`drop schema if exists ${generationSchema(schema, projection.name, generation)} cascade`);
      throw error;
    }
    const message = error instanceof Error ? error.message : String(error);
    await note(log, projection, { status: 'FAILED', generation: row?.generation ?? 0, processed: 0, total, message });
    throw new Error(`The read model ${projection.name} could not be rebuilt: ${message}`, { cause: error });
  }
};

const cancelled = (projection: Projection) =>
  new RebuildCancelled(`The rebuild of the read model ${projection.name} was cancelled; the old one goes on serving.`);

const fill = async (
  log: Log,
  projection: Projection,
  shadow: string,
  total: number,
  options: RebuildOptions,
): Promise<LogPosition> => {
  let at = logStart;
  let processed = 0;
  let told = Date.now();
  let coming = log.readLog(at, pageSize);
  for (;;) {
    options.signal.throwIfAborted();
    const page = await coming;
    const last = page.at(-1);
    if (!last) return at;
    // Read while this page is applied. Its failure is heard when its turn comes, if it does.
    if (page.length === pageSize) coming = log.readLog(last.log, pageSize);
    coming.catch(() => undefined);
    const own = page.filter((event) => projection.types.has(event.type));
    if (own.length > 0) {
      await inTransaction(log.pool, async (sql, client) => {
        await client.query(`set local search_path = ${shadow}, ${log.schema}`);
        await projection.apply(own, sql);
      });
    }
    at = last.log;
    processed += page.length;
    options.onProgress?.({ name: projection.name, processed, total });
    if (Date.now() - told > 500) {
      told = Date.now();
      const wanted = await log.reads(
        `update projections set processed = $2, updated_at = clock_timestamp()
         where name = $1 and status = 'REBUILDING' returning name`,
        [projection.name, processed],
      );
      if (wanted.length === 0) throw cancelled(projection);
    }
    // The rest is for the switch, while writers wait: under load there is always something new.
    if (page.length < pageSize) return at;
  }
};

/** The events that came since, all of them: with no append in flight the horizon has nothing to guard against. */
const drain = async (log: Log, projection: Projection, shadow: string, client: PoolClient, from: LogPosition) => {
  let at = from;
  let processed = 0;
  for (;;) {
    const page = await log.readCommitted(sqlOn(client), at, pageSize);
    const last = page.at(-1);
    if (!last) return processed;
    const own = page.filter((event) => projection.types.has(event.type));
    await client.query(`set local search_path = ${shadow}, ${log.schema}`);
    if (own.length > 0) await projection.apply(own, sqlOn(client));
    await client.query(`set local search_path = ${log.schema}`);
    at = last.log;
    processed += page.length;
  }
};

const note = async (
  log: Log,
  projection: Projection,
  row: { status: string; generation: number; processed: number; total: number; message: string },
) => {
  await log.reads(
    `insert into projections (name, revision, generation, status, processed, total, message)
     values ($1, $2, $3, $4, $5, $6, $7)
     on conflict (name) do update set status = excluded.status, processed = excluded.processed, total = excluded.total,
       message = excluded.message, updated_at = clock_timestamp()`,
    [projection.name, projection.revision, row.generation, row.status, row.processed, row.total, row.message],
  );
};
