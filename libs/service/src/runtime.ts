// What a running service offers its own jobs, queries and adapters.
import type { Actor, CommandDefinition, CommandOf, Outcome, Recorded } from '@molthub/contracts';
import type { Loader, Reads, Sql } from '@molthub/event-store';
import type { Logger, Metrics } from '@molthub/telemetry';

export type Execution = {
  readonly workspace: string;
  /** Default: the service itself. */
  readonly actor?: Actor;
  /** Default: a new id. Give one to make a repeat harmless. */
  readonly id?: string;
  readonly causationId?: string;
  readonly correlationId?: string;
  readonly traceparent?: string;
  /** Rows that are no event's projection (such as a key's hash), written in the same transaction. */
  readonly alongside?: (sql: Sql) => Promise<unknown>;
};

export type Runtime = {
  /** Runs a command of this service's own and answers its outcome after the commit. */
  readonly execute: <D extends CommandDefinition>(
    definition: D,
    data: CommandOf<D>['data'],
    execution: Execution,
  ) => Promise<Outcome>;
  /** The time of now, which what is executed gets too: that of this process, unless a test moves it. */
  readonly now: () => Date;
  /** Reads the service's own tables. */
  readonly reads: Reads;
  /** Writes telemetry (spans, probe samples) in one transaction: data that is idempotent by its natural key. */
  readonly write: <T>(work: (sql: Sql) => Promise<T>) => Promise<T>;
  /** The same with `COPY`: for rows by the thousand. Not for jobs of one leader, since it has no fence. */
  readonly load: Loader['load'];
  /** Calls back after each commit of own events, with those events; answers how to stop listening. */
  readonly committed: (listener: (events: readonly Recorded[]) => void) => () => void;
  readonly logger: Logger;
  readonly metrics: Metrics;
};
