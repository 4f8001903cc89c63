// Other services' events → our own tables: a batch, its marks and its checkpoint in one transaction.
import type { Recorded, ServiceName } from '@molthub/contracts';
import { type Checkpoint, isFenced, isUnavailable, type Lease, type Log } from '@molthub/event-store';
import type { Logger } from '@molthub/telemetry';
import { createConsumedMarks } from './consumed.ts';
import type { Listener } from './definition.ts';
import { createParking } from './parking.ts';
import type { Reading } from './reader.ts';
import { parkUndecodable, unreadable } from './reactions.ts';

/** The name under which a listener's marks are kept: per source, since two services may have streams of the same name. */
export const consumerOf = (service: ServiceName, listener: Listener, source: ServiceName): string =>
  `${service}-${listener.name}:${source}`;

/** The reader of one of a listener's sources. */
export const listeningOf = (
  parts: {
    readonly service: ServiceName;
    readonly log: Log;
    readonly logger: Logger;
    readonly gatherMs?: number | undefined;
  },
  listener: Listener,
  source: ServiceName,
): Reading => {
  const { service, log, logger } = parts;
  const consumer = consumerOf(service, listener, source);
  const marks = createConsumedMarks(log, consumer, listener.dropsRepeats);
  const parking = createParking(service, log, consumer);
  const types = listener.types?.filter((type) => type.startsWith(`${source}.`));
  let doubtful = false;

  const apply = async (events: readonly Recorded[], lease: Lease, checkpoint?: Checkpoint) => {
    await log.commit({
      streams: [],
      checkpoint,
      ...(listener.dropsRepeats
        ? {}
        : { consumed: events.map(({ stream, version }) => ({ consumer, stream, version })) }),
      fence: lease,
      ...(events.length > 0 ? { alongside: (sql) => listener.apply(events, sql) } : {}),
      sendsAtOnce: listener.sendsAtOnce,
    });
    for (const event of events) marks.took(event.stream, event.version);
    if (events.length > 0) listener.applied?.(events);
  };

  const parkOne = async (event: Recorded, error: string, lease: Lease): Promise<void> => {
    if (!(await parking.park({ event, error, attempts: 1, lease }))) {
      const problem = unreadable(event, types);
      return problem ? parkOne(event, problem, lease) : apply([event], lease);
    }
    logger.error({ event: event.id, type: event.type, key: event.stream, error }, 'an event is parked');
    // A mark where there may have been none.
    if (listener.dropsRepeats) marks.reset();
    else marks.took(event.stream, event.version);
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

  const applyTogether = async (events: readonly Recorded[], lease: Lease, checkpoint?: Checkpoint) => {
    try {
      await apply(events, lease, checkpoint);
    } catch (error) {
      if (isUnavailable(error) || isFenced(error)) throw error;
      logger.warn({ err: error, listener: listener.name }, 'a batch failed; taking its events one by one');
      await applyOneByOne(events, lease);
      if (checkpoint) await apply([], lease, checkpoint);
    }
  };

  /** What can be applied, and what has to be parked: itself, or behind an earlier event of its key. */
  const divided = (events: readonly Recorded[]) => {
    const readable: Recorded[] = [];
    const others: { readonly event: Recorded; readonly problem: string }[] = [];
    const stopped = new Set<string>();
    for (const event of events) {
      const waits = stopped.has(event.stream) || parking.isParked(event.stream);
      const problem = waits ? 'waits behind a parked event of its key' : unreadable(event, types);
      if (problem) {
        stopped.add(event.stream);
        others.push({ event, problem });
      } else readable.push(event);
    }
    return [readable, others] as const;
  };

  return {
    consumer,
    source,
    types,
    gatherMs: listener.gatherMs ?? parts.gatherMs,
    begin: async () => {
      marks.reset();
      await parking.load();
    },
    process: async (batch, { lease, checkpoint }) => {
      // A commit whose answer was lost is only known to the database.
      if (doubtful) marks.reset();
      doubtful = true;
      if (parking.isAny()) await parking.load();
      await parkUndecodable(batch, parking, lease);
      const fresh = await marks.fresh(batch.flatMap((delivered) => delivered.event ?? []));
      const [readable, others] = divided(fresh);
      // First what can be read: the mark of a parked event would hide an earlier one of its stream that is not applied.
      await applyTogether(readable, lease, others.length === 0 ? checkpoint : undefined);
      for (const { event, problem } of others) await parkOne(event, problem, lease);
      if (others.length > 0) await apply([], lease, checkpoint);
      doubtful = false;
    },
  };
};
