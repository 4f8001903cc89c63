// What a dump and restore of a log does: its tables, row by row, into a database of another cluster.
import { createPool, type Migration, migrate } from '@molthub/event-store';

const logTables = ['events', 'commands', 'checkpoints', 'consumed', 'timers', 'parked', 'epochs'];

/** Copies the log of `schema` and its own `tables`; the read models are not copied, and are built anew from the log. */
export const copyLog = async (
  fromUrl: string,
  toUrl: string,
  schema: string,
  migrations: readonly Migration[],
  tables: readonly string[] = [],
): Promise<void> => {
  const [from, to] = [poolOf(fromUrl, schema), poolOf(toUrl, schema)];
  try {
    await migrate(to, schema, migrations);
    for (const table of [...logTables, ...tables]) {
      const { rows } = await from.query<{ all: string }>(
        `select coalesce(json_agg(t), '[]')::text as all from ${schema}.${table} t`,
      );
      await to.query(
        `insert into ${schema}.${table} overriding system value
         select * from json_populate_recordset(null::${schema}.${table}, $1::json)`,
        [rows[0]?.all],
      );
    }
    await to.query(`select setval(pg_get_serial_sequence('${schema}.events', 'position'), max(position)) from events`);
  } finally {
    await Promise.all([from.end(), to.end()]);
  }
};

/** The epochs that a log has been through. */
export const epochsOf = async (url: string, schema: string): Promise<readonly number[]> => {
  const pool = poolOf(url, schema);
  try {
    const { rows } = await pool.query<{ epoch: number }>('select distinct epoch from events order by epoch');
    return rows.map((row) => row.epoch);
  } finally {
    await pool.end();
  }
};

const poolOf = (url: string, schema: string) =>
  createPool({ url, schema, name: 'copy', connectionsMax: 1, onError: () => undefined });
