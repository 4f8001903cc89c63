// Reading a log: one stream in order, or everything in the global order below the horizon.
import { type LogPosition, logStart, type Recorded } from '@molthub/contracts';
import { eventColumns, recordedFromRow } from './recorded.ts';
import type { Sql } from './sql.ts';

/** A stream's events after a version, oldest first. */
export const readStream = async (sql: Sql, stream: string, after = 0): Promise<readonly Recorded[]> => {
  const rows = await sql(
    `select ${eventColumns} from events e where e.stream_id = $1 and e.version > $2 order by e.version`,
    [stream, after],
  );
  return rows.map(recordedFromRow);
};

/** Several streams with one query: each one's events, oldest first; nothing for a stream that is not there. */
export const readStreams = async (
  sql: Sql,
  streams: readonly string[],
): Promise<ReadonlyMap<string, readonly Recorded[]>> => {
  const rows = await sql(
    `select ${eventColumns} from events e where e.stream_id = any($1::text[]) order by e.stream_id, e.version`,
    [streams],
  );
  return Map.groupBy(rows.map(recordedFromRow), (event) => event.stream);
};

/**
 * Reads the global order in pages: $1–$3 the position to read after, $4 the epoch of now, $5 the page's size. Of now's
 * epoch only transactions that no running one can still slip in before: those below `pg_snapshot_xmin`.
 */
export const readLogText = `select ${eventColumns} from events e
  where (e.epoch, e.tx, e.position) > ($1::int, $2::text::xid8, $3::text::bigint)
    and (e.epoch < $4::int or e.tx < pg_snapshot_xmin(pg_current_snapshot()))
  order by e.epoch, e.tx, e.position limit $5`;

/** Up to `limit` events after a position, below the horizon. Source: docs/decisions/0002. */
export const readLog = async (
  sql: Sql,
  epoch: number,
  after: LogPosition,
  limit: number,
  text: string = readLogText,
): Promise<readonly Recorded[]> => {
  const rows = await sql(text, [after.epoch, after.tx.toString(), after.position.toString(), epoch, limit]);
  return rows.map(recordedFromRow);
};

/** Like `readLog`, but all that is committed: only for a caller that knows that no append is in flight. */
export const readCommitted = async (sql: Sql, after: LogPosition, limit: number): Promise<readonly Recorded[]> => {
  const rows = await sql(
    `select ${eventColumns} from events e
     where (e.epoch, e.tx, e.position) > ($1::int, $2::text::xid8, $3::text::bigint)
     order by e.epoch, e.tx, e.position limit $4`,
    [after.epoch, after.tx.toString(), after.position.toString(), limit],
  );
  return rows.map(recordedFromRow);
};

/** The position `count` events before `at`: where a repair of the bus begins. */
export const positionBefore = async (sql: Sql, at: LogPosition, count: number): Promise<LogPosition> => {
  const [row] = await sql<{ epoch: number; tx_text: string; position_text: string }>(
    `select e.epoch, e.tx::text as tx_text, e.position::text as position_text from events e
     where (e.epoch, e.tx, e.position) <= ($1::int, $2::text::xid8, $3::text::bigint)
     order by e.epoch desc, e.tx desc, e.position desc offset $4 limit 1`,
    [at.epoch, at.tx.toString(), at.position.toString(), count],
  );
  return row ? { epoch: row.epoch, tx: BigInt(row.tx_text), position: BigInt(row.position_text) } : logStart;
};

/** How many events stand after a position, whether or not they are below the horizon. */
export const countAfter = async (sql: Sql, after: LogPosition): Promise<number> => {
  const [row] = await sql<{ count: string }>(
    `select count(*)::text as count from events e
     where (e.epoch, e.tx, e.position) > ($1::int, $2::text::xid8, $3::text::bigint)`,
    [after.epoch, after.tx.toString(), after.position.toString()],
  );
  return Number(row?.count ?? 0);
};

export type Horizon = { readonly lagSeconds: number; readonly pid: number | null; readonly application: string };

/**
 * The oldest open transaction that holds an id anywhere in the cluster: until it ends, later events stay hidden from
 * every reader. Its session is named, not its query, which may hold other people's values.
 */
export const readHorizon = async (sql: Sql): Promise<Horizon> => {
  const [row] = await sql<{ pid: number; application: string; lag: number }>(
    `select pid, left(application_name, 100) as application,
       extract(epoch from clock_timestamp() - xact_start)::float8 as lag
     from pg_stat_activity where backend_xid is not null and xact_start is not null order by xact_start limit 1`,
  );
  return row
    ? { lagSeconds: Math.max(0, row.lag), pid: row.pid, application: row.application }
    : { lagSeconds: 0, pid: null, application: '' };
};
