// The epoch of a log: it rises when the log finds itself in another cluster, where transaction ids start again.
import type { Pool } from 'pg';
import { inTransaction } from './pool.ts';
import type { Sql } from './sql.ts';

/**
 * Reads the cluster's system identifier and begins a new epoch if it is not the one of the last. Positions of older
 * epochs sort first, whatever their transaction ids. Source: PostgreSQL, pg_control_system().
 */
export const currentEpoch = (pool: Pool): Promise<number> =>
  inTransaction(pool, async (sql) => {
    await sql('lock table epochs in exclusive mode');
    const [cluster] = await sql<{ id: string }>('select system_identifier::text as id from pg_control_system()');
    const [last] = await sql<{ epoch: number; system_identifier: string }>(
      'select epoch, system_identifier from epochs order by epoch desc limit 1',
    );
    if (!cluster) throw new Error('Postgres did not tell its system identifier.');
    if (last?.system_identifier === cluster.id) return last.epoch;
    const epoch = (last?.epoch ?? 0) + 1;
    await sql('insert into epochs (epoch, system_identifier) values ($1, $2)', [epoch, cluster.id]);
    return epoch;
  });

/**
 * Whether the bus was emptied for this epoch: what it held before may be of a log that is gone. Asked of the database
 * each time, since another replica may have done it.
 */
export const isBusEmptied = async (sql: Sql, epoch: number): Promise<boolean> => {
  const [row] = await sql<{ bus_emptied: boolean }>('select bus_emptied from epochs where epoch = $1', [epoch]);
  return row?.bus_emptied ?? false;
};

/** Notes that the bus holds nothing of older epochs any more but what was sent to it again. */
export const markBusEmptied = async (sql: Sql, epoch: number): Promise<void> => {
  await sql('update epochs set bus_emptied = true where epoch = $1', [epoch]);
};
