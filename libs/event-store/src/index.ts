export { isFenced, isUnavailable } from './fault.ts';
export { createLeases, type Lease, leaseDurations, type Leases } from './lease.ts';
export { type CopyIn, createLoader, type Loader } from './load.ts';
export { type Log, openLog } from './log.ts';
export { migrate, readerRole } from './migrate.ts';
export type { Migration } from './migration.ts';
export { createPool, inTransaction, type PoolSettings, readsOn, sqlOn } from './pool.ts';
export { type Handler, type Projection, projection, when } from './projection.ts';
export { type Horizon, readCommitted, readHorizon, readLog } from './read.ts';
export { eventColumns, recordedFromRow } from './recorded.ts';
export { identifier } from './schema.ts';
export type { Reads, Sql } from './sql.ts';
export type {
  Checkpoint,
  Committed,
  Consumed,
  ExpectedVersion,
  NewEvent,
  StoredOutcome,
  StreamAppend,
  Timer,
  Unit,
} from './unit.ts';
