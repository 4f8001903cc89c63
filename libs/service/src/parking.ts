// A key whose event keeps failing waits for a person; everything else goes on.
import { formatLogPosition, parseLogPosition } from '@molthub/bus';
import { Context, messageParked, type Recorded, type ServiceName } from '@molthub/contracts';
import type { Lease, Log, NewEvent, Sql } from '@molthub/event-store';
import { newId } from '@molthub/identity';
import { z } from 'zod';

export type Parking = {
  /** Whether events of this key queue behind a parked one. */
  readonly isParked: (key: string) => boolean;
  readonly load: () => Promise<void>;
  readonly park: (parts: {
    readonly event:
      | Recorded
      | { readonly key: string; readonly subject: string; readonly raw: string; readonly eventId: string };
    readonly error: string;
    readonly attempts: number;
    readonly lease: Lease | undefined;
    readonly checkpoint?: (sql: Sql) => Promise<unknown>;
  }) => Promise<void>;
};

/** Parked keys of one consumer. The first event of a key is said by `<service>.message.parked.v1`. */
export const createParking = (service: ServiceName, log: Log, consumer: string): Parking => {
  let keys = new Set<string>();
  return {
    isParked: (key) => keys.has(key),
    load: async () => {
      const rows = await log.reads<{ key: string }>('select distinct key from parked where consumer = $1', [consumer]);
      keys = new Set(rows.map((row) => row.key));
    },
    park: async ({ event, error, attempts, lease }) => {
      const known = 'stream' in event;
      const key = known ? event.stream : event.key;
      const eventId = known ? event.id : event.eventId;
      const type = known ? event.type : 'undecodable';
      const workspace = known ? event.workspace : 'system';
      const parkedId = newId();
      const isFirst = !keys.has(key);
      await log.commit({
        streams: isFirst
          ? [
              {
                stream: `parked-${parkedId}`,
                expected: 'none',
                events: [
                  said(
                    service,
                    { parkedId, consumer, key, eventId, type, error, workspace },
                    known ? event : undefined,
                  ),
                ],
              },
            ]
          : [],
        ...(known ? { consumed: [{ consumer, stream: event.stream, version: event.version }] } : {}),
        fence: lease,
        alongside: (sql) =>
          sql(
            `insert into parked (id, consumer, key, workspace, event, event_id, type, error, attempts)
             values ($1, $2, $3, $4, $5::jsonb, $6, $7, $8, $9)`,
            [
              parkedId,
              consumer,
              key,
              workspace,
              JSON.stringify(stored(event)),
              eventId,
              type,
              error.slice(0, 2_000),
              attempts,
            ],
          ),
      });
      keys.add(key);
    },
  };
};

const said = (
  service: ServiceName,
  parked: {
    parkedId: string;
    consumer: string;
    key: string;
    eventId: string;
    type: string;
    error: string;
    workspace: string;
  },
  event: Recorded | undefined,
): NewEvent => {
  const { workspace, ...data } = parked;
  return {
    id: newId(),
    type: messageParked(service).type,
    data: { ...data, error: data.error.slice(0, 500) },
    workspace,
    actor: { kind: 'service', id: service, name: service },
    correlationId: event?.correlationId ?? parked.parkedId,
    causationId: event?.id ?? null,
    time: new Date().toISOString(),
  };
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
