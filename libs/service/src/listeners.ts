// Other services' events → our own tables: a batch, its marks and its checkpoint in one transaction.
import type { Recorded, ServiceName } from '@molthub/contracts';
import { isFenced, isUnavailable, type Lease, type Log, type Sql } from '@molthub/event-store';
import type { Logger } from '@molthub/telemetry';
import { createConsumedMarks } from './consumed.ts';
import type { Listener } from './definition.ts';
import { createParking } from './parking.ts';
import type { Reading } from './reader.ts';
import { parkUndecodable, unreadable } from './reactions.ts';

/** The reader of one of a listener's sources. */
export const listeningOf = (
  parts: { readonly service: ServiceName; readonly log: Log; readonly logger: Logger },
  listener: Listener,
  source: ServiceName,
): Reading => {
  const { service, log, logger } = parts;
  const consumer = `${service}-${listener.name}`;
  const marks = createConsumedMarks(log, consumer);
  const parking = createParking(service, log, consumer);
  const types = listener.types?.filter((type) => type.startsWith(`${source}.`));
  let anyParked = false;

  const apply = async (events: readonly Recorded[], lease: Lease, checkpoint?: (sql: Sql) => Promise<unknown>) => {
    await log.commit({
      streams: [],
      consumed: events.map((event) => ({ consumer, stream: event.stream, version: event.version })),
      fence: lease,
      alongside: async (sql) => {
        if (events.length > 0) await listener.apply(events, sql);
        await checkpoint?.(sql);
      },
    });
    for (const event of events) marks.took(event.stream, event.version);
    if (events.length > 0) listener.applied?.(events);
  };

  const parkOne = async (event: Recorded, error: string, lease: Lease) => {
    anyParked = true;
    logger.error({ event: event.id, type: event.type, key: event.stream, error }, 'an event is parked');
    await parking.park({ event, error, attempts: 1, lease });
    marks.took(event.stream, event.version);
  };

  /** After a batch failed for the fault of one event: each alone, and the one that fails parks its key. */
  const applyOneByOne = async (events: readonly Recorded[], lease: Lease) => {
    for (const event of events) {
      try {
        if (parking.isParked(event.stream)) await parkOne(event, 'waits behind a parked event of its key', lease);
        else await apply([event], lease);
      } catch (error) {
        if (isUnavailable(error) || isFenced(error)) throw error;
        await parkOne(event, error instanceof Error ? error.message : String(error), lease);
      }
    }
  };

  return {
    consumer,
    source,
    types,
    begin: async () => {
      marks.reset();
      await parking.load();
      anyParked = true;
    },
    process: async (batch, { lease, checkpoint }) => {
      if (anyParked) await parking.load();
      await parkUndecodable(batch, parking, lease);
      const fresh = await marks.fresh(batch.flatMap((delivered) => delivered.event ?? []));
      const readable: Recorded[] = [];
      for (const event of fresh) {
        const problem = parking.isParked(event.stream) ? 'waits behind a parked event of its key' : unreadable(event);
        if (problem) await parkOne(event, problem, lease);
        else readable.push(event);
      }
      try {
        await apply(readable, lease, checkpoint);
      } catch (error) {
        if (isUnavailable(error) || isFenced(error)) throw error;
        logger.warn({ err: error, listener: listener.name }, 'a batch failed; taking its events one by one');
        await applyOneByOne(readable, lease);
        await apply([], lease, checkpoint);
      }
    },
  };
};
