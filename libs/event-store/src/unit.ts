// What a service commits as one: events, the outcome of the command, the mark that a message was consumed, timers.
import type { Context, Fact, Outcome, Recorded } from '@molthub/contracts';
import type { Lease } from './lease.ts';
import type { Sql } from './sql.ts';

/** A version that a stream must have: exactly this one, none yet, any as long as it exists, or no matter. */
export type ExpectedVersion = number | 'none' | 'exists' | 'any';

export type NewEvent = Fact & Context & { readonly id: string; readonly time: string };

/** Events for one stream; without events the stream's version is only checked. */
export type StreamAppend = {
  readonly stream: string;
  readonly expected: ExpectedVersion;
  readonly events: readonly NewEvent[];
};

export type StoredOutcome = {
  readonly commandId: string;
  readonly workspace: string;
  readonly type: string;
  readonly gatewayId?: string | undefined;
  readonly outcome: Outcome;
};

/** A command that had been pending and has its outcome now. */
export type Concluded = { readonly commandId: string; readonly gatewayId: string | null; readonly outcome: Outcome };

export type Consumed = { readonly consumer: string; readonly stream: string; readonly version: number };

/** How far a reader has come in another service's stream of the bus. */
export type Checkpoint = {
  readonly reader: string;
  readonly streamCreated: string;
  readonly sequence: number;
  readonly eventId: string;
};

export type Timer = {
  readonly stream: string;
  /** Null takes the stream's timer away. */
  readonly due: { readonly at: string; readonly commandType: string; readonly data: unknown } | null;
  readonly version: number;
  readonly workspace: string;
};

export type Unit = {
  readonly streams: readonly StreamAppend[];
  readonly outcomes?: readonly StoredOutcome[];
  readonly consumed?: readonly Consumed[];
  readonly timers?: readonly Timer[] | undefined;
  readonly checkpoint?: Checkpoint | undefined;
  readonly fence?: Lease | undefined;
  readonly alongside?: ((sql: Sql) => Promise<unknown>) | undefined;
  /**
   * `alongside` sends all its statements before it waits for any, as projections do: the commit goes out right behind
   * them, one round trip less. A statement that comes later is refused.
   */
  readonly sendsAtOnce?: boolean | undefined;
};

/**
 * `conflict`: a stream had another version, nothing was written. `repeat`: these events are in the log already, so
 * nothing was written again. Either way the caller decides anew from what is there.
 */
export type Committed =
  | { readonly status: 'committed'; readonly events: readonly Recorded[] }
  | { readonly status: 'conflict' }
  | { readonly status: 'repeat' };
