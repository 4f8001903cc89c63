// Connections of one service: prepared by text, pipelined, and never the cause of an unhandled error.
import { createHash } from 'node:crypto';
import { Pool, type PoolClient } from 'pg';
import type { Sql } from './sql.ts';

export type PoolSettings = {
  readonly url: string;
  /** Where unqualified names are looked up. */
  readonly schema: string;
  readonly connectionsMax?: number;
  /** Shown in pg_stat_activity, so that a stalled horizon names its cause. */
  readonly name: string;
  readonly onError: (error: Error) => void;
};

/**
 * A pool of 4 connections by default. A session idle inside a transaction is ended after 5 s, which is less than a
 * lease lasts, so that a frozen leader cannot come back into its transaction.
 */
export const createPool = (settings: PoolSettings): Pool => {
  const pool = new Pool({
    connectionString: settings.url,
    max: settings.connectionsMax ?? 4,
    application_name: `molthub ${settings.name}`,
    options: `-c search_path=${settings.schema} -c idle_in_transaction_session_timeout=5000 -c timezone=UTC`,
    idleTimeoutMillis: 0,
    connectionTimeoutMillis: 5_000,
    keepAlive: true,
    pipeline: true,
  });
  pool.on('error', settings.onError);
  pool.on('connect', (client) => {
    client.on('error', settings.onError);
  });
  return pool;
};

const names = new Map<string, string>();
/** The name of a prepared statement: texts are few and fixed, so each is parsed once per connection. */
export const statementName = (text: string): string => {
  const known = names.get(text);
  if (known) return known;
  const name = `s${createHash('sha1').update(text).digest('hex').slice(0, 24)}`;
  names.set(text, name);
  return name;
};

/** Runs prepared statements on one connection. */
export const sqlOn =
  (client: Pick<PoolClient, 'query'>): Sql =>
  async (text, values = []) => {
    const result = await client.query({ name: statementName(text), text, values: [...values] });
    return result.rows;
  };

/** Reads on any connection of the pool. */
export const readsOn = (pool: Pool): Sql => sqlOn({ query: pool.query.bind(pool) });

/** Runs `work` in one transaction on a connection of its own; a throw rolls back. */
export const inTransaction = async <T>(pool: Pool, work: (sql: Sql, client: PoolClient) => Promise<T>): Promise<T> => {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await client.query('begin');
    const result = await work(sqlOn(client), client);
    const ended = await client.query('commit');
    if (ended.command !== 'COMMIT') throw new Error('The transaction was rolled back by the server.');
    return result;
  } catch (error) {
    await client.query('rollback').catch((reason) => {
      broken = reason instanceof Error ? reason : new Error(String(reason));
    });
    throw error;
  } finally {
    client.release(broken);
  }
};
