// A service's log, opened: commit, read, look up outcomes and marks.
import type { LogPosition, Outcome, Recorded } from '@molthub/contracts';
import { Outcome as OutcomeSchema } from '@molthub/contracts';
import type { Pool } from 'pg';
import { currentEpoch, isBusEmptied, markBusEmptied } from './epoch.ts';
import { createGroupCommit } from './group-commit.ts';
import { readsOn } from './pool.ts';
import type { Projection } from './projection.ts';
import { countAfter, positionBefore, readCommitted, readLog, readStream, readStreams } from './read.ts';
import type { Reads, Sql } from './sql.ts';
import type { Committed, Concluded, Unit } from './unit.ts';

export type Log = {
  readonly schema: string;
  readonly pool: Pool;
  readonly reads: Reads;
  readonly epoch: number;
  /** Whether the bus was emptied since this epoch began; `emptied` notes that it was. */
  readonly bus: { readonly isEmptied: () => Promise<boolean>; readonly emptied: () => Promise<void> };
  /** Commits a unit together with whatever else waits. Throws faults and `Rejected` (a violated constraint). */
  readonly commit: (unit: Unit) => Promise<Committed>;
  readonly readStream: (stream: string, after?: number) => Promise<readonly Recorded[]>;
  readonly readStreams: (streams: readonly string[]) => Promise<ReadonlyMap<string, readonly Recorded[]>>;
  readonly readLog: (after: LogPosition, limit: number) => Promise<readonly Recorded[]>;
  /** All that is committed after a position, in the caller's transaction, in which no append may be in flight. */
  readonly readCommitted: (sql: Sql, after: LogPosition, limit: number) => Promise<readonly Recorded[]>;
  readonly positionBefore: (at: LogPosition, count: number) => Promise<LogPosition>;
  readonly countAfter: (after: LogPosition) => Promise<number>;
  /** Stored outcomes of those commands that are known. */
  readonly outcomes: (commandIds: readonly string[]) => Promise<ReadonlyMap<string, Outcome>>;
  /** The last version consumed of each stream that is known to this consumer. */
  readonly consumed: (consumer: string, streams: readonly string[]) => Promise<ReadonlyMap<string, number>>;
  /** Calls back after each commit, with its events. */
  readonly onCommitted: (listener: (events: readonly Recorded[]) => void) => () => void;
  /** Calls back after each commit with the commands that it concluded and that had been pending until then. */
  readonly onConcluded: (listener: (concluded: readonly Concluded[]) => void) => () => void;
  readonly idle: () => Promise<void>;
};

/** Opens the log of a migrated schema; the pool stays the caller's. */
export const openLog = async (parts: {
  readonly pool: Pool;
  readonly schema: string;
  readonly projections: readonly Projection[];
}): Promise<Log> => {
  const { pool, schema, projections } = parts;
  const reads = readsOn(pool);
  const epoch = await currentEpoch(pool);
  const listeners = new Set<(events: readonly Recorded[]) => void>();
  const concludedListeners = new Set<(concluded: readonly Concluded[]) => void>();
  const settings = { pool, schema, projections, epoch: () => epoch };
  const group = createGroupCommit(settings, ({ results, concluded }) => {
    const events = results.flatMap((result) => (result.status === 'committed' ? result.events : []));
    if (events.length > 0) for (const listener of listeners) listener(events);
    if (concluded.length > 0) for (const listener of concludedListeners) listener(concluded);
  });
  return {
    schema,
    pool,
    reads,
    epoch,
    bus: {
      isEmptied: () => isBusEmptied(reads, epoch),
      emptied: () => markBusEmptied(reads, epoch),
    },
    commit: group.commit,
    readStream: (stream, after = 0) => readStream(reads, stream, after),
    readStreams: (streams) => readStreams(reads, streams),
    readLog: (after, limit) => readLog(reads, epoch, after, limit),
    readCommitted,
    positionBefore: (at, count) => positionBefore(reads, at, count),
    countAfter: (after) => countAfter(reads, after),
    outcomes: async (commandIds) => {
      const rows = await reads<{ command_id: string; outcome: unknown }>(
        'select command_id, outcome from commands where command_id = any($1::uuid[])',
        [commandIds],
      );
      return new Map(rows.map((row) => [row.command_id, OutcomeSchema.parse(row.outcome)]));
    },
    consumed: async (consumer, streams) => {
      const rows = await reads<{ stream_id: string; version: number }>(
        'select stream_id, version from consumed where consumer = $1 and stream_id = any($2::text[])',
        [consumer, streams],
      );
      return new Map(rows.map((row) => [row.stream_id, row.version]));
    },
    onCommitted: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    onConcluded: (listener) => {
      concludedListeners.add(listener);
      return () => concludedListeners.delete(listener);
    },
    idle: group.idle,
  };
};
