// Rows in bulk: COPY needs a connection that is not pipelined, so it has a pool of its own.
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { from } from 'pg-copy-streams';
import type { PoolClient } from 'pg';
import { createPool, inTransaction, type PoolSettings } from './pool.ts';
import type { Sql } from './sql.ts';

/** Runs `COPY … FROM STDIN`, in the format that its text names, with these bytes as its rows. */
export type CopyIn = (text: string, chunks: Iterable<Buffer>) => Promise<void>;

export type Loader = {
  /** Runs `work` in one transaction on a connection that takes rows in bulk; a throw rolls back. */
  readonly load: <T>(work: (sql: Sql, copyIn: CopyIn) => Promise<T>) => Promise<T>;
  readonly close: () => Promise<void>;
};

/** Two connections, made when they are first needed. */
export const createLoader = (settings: Omit<PoolSettings, 'connectionsMax' | 'isPipelined'>): Loader => {
  const pool = createPool({ ...settings, connectionsMax: 2, isPipelined: false });
  return {
    load: (work) => inTransaction(pool, (sql, client) => work(sql, copyOn(client))),
    close: () => pool.end(),
  };
};

const copyOn =
  (client: PoolClient): CopyIn =>
  (text, chunks) =>
    pipeline(Readable.from(chunks), client.query(from(text)));
