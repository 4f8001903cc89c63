// Connections of one service: prepared by text, pipelined, and never the cause of an unhandled error.
import { createHash } from 'node:crypto';
import { Socket } from 'node:net';
import { Pool, type PoolClient } from 'pg';
import type { Sql } from './sql.ts';

export type PoolSettings = {
  readonly url: string;
  /** Where unqualified names are looked up. */
  readonly schema: string;
  readonly connectionsMax?: number;
  /**
   * `kept`: a statement is planned once for each session, whatever its parameters; for a service's own statements, which
   * find rows by key. `adapted`, the default: Postgres plans anew where it thinks that the parameters make a difference.
   */
  readonly plans?: 'kept' | 'adapted';
  /** Default true: statements are sent before the ones before them are answered. COPY and cursors need false. */
  readonly isPipelined?: boolean;
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
    options: `-c search_path=${settings.schema} -c idle_in_transaction_session_timeout=5000 -c timezone=UTC ${plans[settings.plans ?? 'adapted']}`,
    idleTimeoutMillis: 0,
    connectionTimeoutMillis: 5_000,
    keepAlive: true,
    pipeline: settings.isPipelined ?? true,
    stream: gatheringSocket,
  });
  pool.on('error', settings.onError);
  pool.on('connect', (client) => {
    client.on('error', settings.onError);
  });
  return pool;
};

/**
 * Services find rows by key. A plan that a session keeps from the days of an empty table must not go on reading all of
 * a grown one until the next `analyze`: at 10,000 new bots that was half of all of Postgres's time. Where there is no
 * index a whole table is read as before. Older versions price such a plan so high that they would compile it.
 */
const byKey = '-c enable_seqscan=off -c jit=off';
/**
 * Postgres guesses ten members for a list that it does not know, and one or two for one that it does, so that it would
 * plan nearly every statement of ours anew each time: 10 to 30 % of what they cost.
 */
const plans = { adapted: byKey, kept: `${byKey} -c plan_cache_mode=force_generic_plan` } as const;

/**
 * A socket that sends what is written in one turn of the event loop as one write: statements of a transaction are sent
 * together, and a system call each would cost more than the statements themselves.
 */
const gatheringSocket = (): Socket => {
  const socket = new Socket();
  const write = socket.write.bind(socket);
  let isGathering = false;
  const gather = () => {
    if (isGathering) return;
    isGathering = true;
    socket.cork();
    setImmediate(() => {
      isGathering = false;
      socket.uncork();
    });
  };
  // Not before: `connect` puts its own `write` back.
  socket.once('connect', () => {
    Object.assign(socket, {
      write: (...message: Parameters<Socket['write']>) => {
        gather();
        return write(...message);
      },
    });
  });
  return socket;
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

/** Reads on any connection of the pool; those of one tick share one, pipelined, and so one system call. */
export const readsOn = (pool: Pool): Sql => {
  let waiting: ((sql: Sql) => Promise<unknown>)[] = [];
  let refused: ((error: unknown) => void)[] = [];
  const run = async () => {
    const [batch, rejects] = [waiting, refused];
    [waiting, refused] = [[], []];
    try {
      const client = await pool.connect();
      const sql = sqlOn(client);
      // Each read tells its own caller how it went. A connection that broke is taken out by the pool itself.
      await Promise.allSettled(batch.map((read) => read(sql)));
      client.release();
    } catch (error) {
      for (const reject of rejects) reject(error);
    }
  };
  return (text, values) =>
    new Promise((resolve, reject) => {
      if (waiting.length === 0) setImmediate(() => void run());
      waiting.push((sql) => sql<never>(text, values).then(resolve, reject));
      refused.push(reject);
    });
};

/** A statement came when its transaction had ended: what it was to write is not written, whatever else was. */
export class LateStatement extends Error {
  constructor() {
    super('The transaction of this statement has ended.');
  }
}

/**
 * Statements of one transaction, until it is `end`ed: work that others do not wait for any more, because something
 * beside it failed, must not write on a connection that has gone on to another transaction.
 */
export const sqlOfTransaction = (client: PoolClient): { readonly sql: Sql; readonly end: () => void } => {
  const run = sqlOn(client);
  let ended = false;
  return {
    sql: async (text, values) => {
      if (ended) throw new LateStatement();
      return run(text, values);
    },
    end: () => {
      ended = true;
    },
  };
};

/** Runs `work` in one transaction on a connection of its own; a throw rolls back. */
export const inTransaction = async <T>(pool: Pool, work: (sql: Sql, client: PoolClient) => Promise<T>): Promise<T> => {
  const client = await pool.connect();
  const { sql, end } = sqlOfTransaction(client);
  let broken: Error | undefined;
  try {
    await client.query('begin');
    const result = await work(sql, client);
    end();
    const ended = await client.query('commit');
    if (ended.command !== 'COMMIT') throw new Error('The transaction was rolled back by the server.');
    return result;
  } catch (error) {
    end();
    await client.query('rollback').catch((reason) => {
      broken = reason instanceof Error ? reason : new Error(String(reason));
    });
    throw error;
  } finally {
    client.release(broken);
  }
};
