// The published views, read as the role that sees nothing else; rows become JSON as the API says it.
import { createPool, type Reads, readsOn } from '@molthub/event-store';
import { HttpProblem } from '@molthub/http';
import type { Pool } from 'pg';

export type PlainRow = Readonly<Record<string, unknown>>;

/** Opens the pool of queries. A statement may take 5 s; what takes longer is a mistake of ours. */
export const openReadSide = (parts: {
  readonly url: string;
  readonly connectionsMax: number;
  readonly onError: (error: Error) => void;
}): { readonly views: Reads; readonly close: () => Promise<void> } => {
  const pool: Pool = createPool({
    url: parts.url,
    schema: 'pg_catalog',
    name: 'gateway views',
    connectionsMax: parts.connectionsMax,
    onError: parts.onError,
  });
  pool.on('connect', (client) => {
    client.query("set statement_timeout = '5s'").catch(parts.onError);
  });
  return { views: readsOn(pool), close: () => pool.end() };
};

/** Times become RFC 3339 text; everything else is JSON already. */
export const plainRow = (row: PlainRow): PlainRow =>
  Object.fromEntries(
    Object.entries(row).map(([key, value]) => [key, value instanceof Date ? value.toISOString() : value]),
  );

/** The one row of a query by id; 404 where there is none, or none of this workspace: nobody can tell these apart. */
export const oneRow = (rows: readonly PlainRow[], what: string): PlainRow => {
  const [row] = rows;
  if (!row) throw notFound(what);
  return plainRow(row);
};

export const notFound = (what: string) =>
  new HttpProblem({ status: 404, code: 'gateway.not-found', detail: `There is no such ${what}.` });
