// How SQL is run: text with $1 parameters in, rows out. Unqualified names mean the service's own tables.
import type { QueryResultRow } from 'pg';

/** Runs statements inside a transaction. */
export type Sql = <Row extends QueryResultRow = QueryResultRow>(
  text: string,
  values?: readonly unknown[],
) => Promise<readonly Row[]>;

/** Reads outside of any transaction, on the service's pool. */
export type Reads = Sql;
