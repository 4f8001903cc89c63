// A key whose event keeps failing waits for a person; everything else goes on.
import { formatLogPosition, parseLogPosition } from '@molthub/bus';
import { Context, messageParked, type Recorded, type ServiceName } from '@molthub/contracts';
import type { Lease, Log, NewEvent, Sql, StreamAppend } from '@molthub/event-store';
import { derivedId, newId } from '@molthub/identity';
import { z } from 'zod';

/** A message that is no event: `place` recognises it when it comes again, since it has no mark of its own. */
export type Undecodable = {
  readonly key: string;
  readonly subject: string;
  readonly raw: string;
  readonly eventId: string;
  readonly place: string;
};

export type Parking = {
  /** Whether events of this key queue behind a parked one. */
  readonly isParked: (key: string) => boolean;
  /** Whether any key may be parked; `load` then tells which. */
  readonly isAny: () => boolean;
  readonly load: () => Promise<void>;
  /** Answers false, and parks nothing, if the event was to wait behind others that somebody has freed meanwhile. */
  readonly park: (parts: {
    readonly event: Recorded | Undecodable;
    readonly error: string;
    readonly attempts: number;
    readonly lease: Lease | undefined;
  }) => Promise<boolean>;
};

class KeyFreed extends Error {}

/** Parked keys of one consumer. The first event of a key is said by `<service>.message.parked.v1`. */
export const createParking = (service: ServiceName, log: Log, consumer: string): Parking => {
  let keys = new Set<string>();
  /** A key may have been parked by a commit whose answer was lost: only the database knows. */
  let isDoubtful = false;
  return {
    isParked: (key) => keys.has(key),
    isAny: () => isDoubtful || keys.size > 0,
    load: async () => {
      const rows = await log.reads<{ key: string }>('select distinct key from parked where consumer = $1', [consumer]);
      keys = new Set(rows.map((row) => row.key));
      isDoubtful = false;
    },
    park: async ({ event, error, attempts, lease }) => {
      const row = rowOf(consumer, event, error, attempts);
      const isFirst = !keys.has(row.key);
      try {
        await log.commit({
          streams: isFirst ? [saidOf(service, row, 'stream' in event ? event : undefined)] : [],
          ...('stream' in event ? { consumed: [{ consumer, stream: event.stream, version: event.version }] } : {}),
          fence: lease,
          alongside: (sql) => insert(sql, row, isFirst),
        });
      } catch (fault) {
        if (!(fault instanceof KeyFreed)) {
          isDoubtful = true;
          throw fault;
        }
        keys.delete(row.key);
        return false;
      }
      keys.add(row.key);
      return true;
    },
  };
};

type Row = ReturnType<typeof rowOf>;

const rowOf = (consumer: string, event: Recorded | Undecodable, error: string, attempts: number) => {
  const known = 'stream' in event;
  return {
    parkedId: known ? newId() : derivedId(event.place, consumer),
    consumer,
    key: known ? event.stream : event.key,
    workspace: known ? event.workspace : 'system',
    event: JSON.stringify(stored(event)),
    eventId: known ? event.id : event.eventId,
    type: known ? event.type : 'undecodable',
    // Postgres stores no NUL, and an error may quote one out of the message that it is about.
    error: error.slice(0, 2_000).toWellFormed().replaceAll('\u0000', '\uFFFD'),
    attempts,
  };
};

const values = (row: Row) => [
  row.parkedId,
  row.consumer,
  row.key,
  row.workspace,
  row.event,
  row.eventId,
  row.type,
  row.error,
  row.attempts,
];

/** Whoever frees a key deletes its rows one by one; the lock makes sure that one is left to wait behind. */
const insert = async (sql: Sql, row: Row, isFirst: boolean): Promise<void> => {
  if (!isFirst) {
    const there = await sql('select 1 from parked where consumer = $1 and key = $2 for share', [row.consumer, row.key]);
    if (there.length === 0) throw new KeyFreed();
  }
  await sql(
    `insert into parked (id, consumer, key, workspace, event, event_id, type, error, attempts)
     values ($1, $2, $3, $4, $5::jsonb, $6, $7, $8, $9) on conflict (id) do nothing`,
    values(row),
  );
};

const saidOf = (service: ServiceName, row: Row, event: Recorded | undefined): StreamAppend => {
  const { parkedId, consumer, key, eventId, type, error, workspace } = row;
  const said: NewEvent = {
    id: newId(),
    type: messageParked(service).type,
    data: { parkedId, consumer, key, eventId, type, error: error.slice(0, 500).toWellFormed() },
    workspace,
    actor: { kind: 'service', id: service, name: service },
    correlationId: event?.correlationId ?? parkedId,
    causationId: event?.id ?? null,
    time: new Date().toISOString(),
  };
  return { stream: `parked-${parkedId}`, expected: 'none', events: [said] };
};

const stored = (event: object) =>
  'log' in event && 'stream' in event ? { ...event, log: formatLogPosition(logOf(event)) } : event;

const logOf = (event: { log: unknown }) => Position.parse(event.log);
const Position = z.object({ epoch: z.number(), tx: z.bigint(), position: z.bigint() });

const Stored = Context.extend({
  id: z.string(),
  type: z.string(),
  data: z.unknown(),
  stream: z.string(),
  version: z.number(),
  time: z.string(),
  log: z.string(),
});

/** The event of a parked row; undefined for a message that was none. */
export const parkedEvent = (row: unknown): Recorded | undefined => {
  const parsed = Stored.safeParse(row);
  const log = parsed.success ? parseLogPosition(parsed.data.log) : undefined;
  if (!parsed.success || !log) return undefined;
  const { traceparent, ...event } = parsed.data;
  return { ...event, ...(traceparent ? { traceparent } : {}), log };
};
