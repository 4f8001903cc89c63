// Other services' events → our commands: in order per stream, parallel across streams, each once in effect.
import type { Delivered } from '@molthub/bus';
import { type Command, eventDefinition, type Recorded, type ServiceName } from '@molthub/contracts';
import { type Checkpoint, isFenced, isUnavailable, type Lease, type Log } from '@molthub/event-store';
import { derivedId } from '@molthub/identity';
import type { Logger } from '@molthub/telemetry';
import { createConsumedMarks } from './consumed.ts';
import type { Reaction } from './definition.ts';
import type { Along, Executor } from './executor.ts';
import { createParking } from './parking.ts';
import { backOffMs, pause } from './patience.ts';
import type { Reading } from './reader.ts';

/** Attempts at an event before its key is parked: about 3 s of back-off. */
const attemptsMax = 5;

export type ReactionParts = {
  readonly service: ServiceName;
  readonly log: Log;
  readonly executor: Executor;
  readonly reactions: readonly Reaction[];
  readonly gatherMs?: number | undefined;
  readonly logger: Logger;
  readonly now: () => Date;
};

/** The reader of one source's events for all reactions to it. */
export const readingOf = (parts: ReactionParts, source: ServiceName): Reading => {
  const { service, log, logger } = parts;
  // Two services may have streams of the same name, such as `bot-<id>`: marks are kept per source.
  const consumer = `${service}:${source}`;
  const own = parts.reactions.filter((reaction) => reaction.event.type.startsWith(`${source}.`));
  const types = [...new Set(own.map((reaction) => reaction.event.type))];
  const marks = createConsumedMarks(log, consumer);
  const parking = createParking(service, log, consumer);

  const parkEvent = async (event: Recorded, error: string, attempts: number, lease: Lease): Promise<boolean> => {
    const parked = await parking.park({ event, error, attempts, lease });
    if (parked) logger.error({ event: event.id, type: event.type, key: event.stream, error }, 'an event is parked');
    return parked;
  };

  /** Answers whether it was taken, and not parked. `checkpoint` is written with its mark. */
  const take = async (event: Recorded, lease: Lease, checkpoint?: Checkpoint): Promise<boolean> => {
    const behind = 'waits behind a parked event of its key';
    if (parking.isParked(event.stream) && (await parkEvent(event, behind, 0, lease))) return false;
    const problem = unreadable(event, types);
    if (problem) {
      await parkEvent(event, problem, 1, lease);
      return false;
    }
    const along = { consumed: [{ consumer, stream: event.stream, version: event.version }], fence: lease, checkpoint };
    for (let attempt = 1; ; attempt += 1) {
      try {
        await react(parts, own, event, along);
        return true;
      } catch (error) {
        if (isUnavailable(error) || isFenced(error)) throw error;
        const message = error instanceof Error ? error.message : String(error);
        logger.warn({ err: error, event: event.id, type: event.type, attempt }, 'a reaction failed');
        if (attempt >= attemptsMax) {
          await parkEvent(event, message, attempt, lease);
          return false;
        }
        await pause(backOffMs(attempt), new AbortController().signal);
      }
    }
  };

  const lane = async (events: readonly Recorded[], lease: Lease) => {
    for (const event of events) {
      await take(event, lease);
      marks.took(event.stream, event.version);
    }
    return false;
  };

  /** One event by itself takes the checkpoint along, which at a low rate saves a transaction for each; tells if so. */
  const alone = async (event: Recorded, lease: Lease, checkpoint: Checkpoint) => {
    const isTaken = await take(event, lease, checkpoint);
    marks.took(event.stream, event.version);
    return isTaken;
  };

  return {
    consumer,
    source,
    types,
    gatherMs: parts.gatherMs,
    begin: async () => {
      marks.reset();
      await parking.load();
    },
    process: async (batch, { lease, checkpoint }) => {
      // Somebody may have freed a key meanwhile.
      if (parking.isAny()) await parking.load();
      await parkUndecodable(batch, parking, lease);
      const fresh = await marks.fresh(batch.flatMap((delivered) => delivered.event ?? []));
      const lanes = [...Map.groupBy(fresh, (event) => event.stream).values()];
      const [only] = fresh.length === 1 ? fresh : [];
      const ended = await Promise.allSettled(
        only ? [alone(only, lease, checkpoint)] : lanes.map((events) => lane(events, lease)),
      );
      for (const one of ended) {
        if (one.status === 'fulfilled') continue;
        // What was committed before the fault is only known to the database.
        marks.reset();
        throw one.reason;
      }
      if (ended.some((one) => one.status === 'fulfilled' && one.value)) return;
      await log.commit({ streams: [], fence: lease, checkpoint });
    },
  };
};

export const parkUndecodable = async (
  batch: readonly Delivered[],
  parking: ReturnType<typeof createParking>,
  lease: Lease,
) => {
  for (const delivered of batch) {
    if (delivered.event) continue;
    const { subject, raw, eventId, error } = delivered;
    const place = eventId || `${delivered.streamCreated} ${delivered.sequence}`;
    const event = { key: subject, subject, raw, eventId, place };
    await parking.park({ event, error: error.message, attempts: 1, lease });
  }
};

/**
 * Why an event cannot be read by this program, if so: a type or major version that it does not know, or that is none of
 * the `types` it listens to, or data of another shape.
 */
export const unreadable = (event: Recorded, types?: readonly string[]): string | undefined => {
  const definition = eventDefinition(event.type);
  if (!definition || (types && !types.includes(event.type))) {
    return `${event.type} is not known to this version; update it, then retry.`;
  }
  if (asPromised.has(event)) return undefined;
  const data = definition.data.safeParse(event.data);
  if (!data.success) return `The data of ${event.type} is not what its contract says: ${data.error.message}`;
  asPromised.add(event);
  return undefined;
};

/** Events whose data was found to be what their contract says: several services of this process read the same ones. */
const asPromised = new WeakSet<Recorded>();

/** Runs all commands that follow from an event; the last one commits the mark that the event was taken. */
export const react = async (
  parts: Pick<ReactionParts, 'service' | 'log' | 'executor' | 'logger' | 'now'>,
  reactions: readonly Reaction[],
  event: Recorded,
  along: Along,
): Promise<void> => {
  const matching = reactions.filter((reaction) => reaction.event.type === event.type);
  const commands: Command[] = [];
  for (const reaction of matching) {
    const intents = await reaction.react(event, parts.log.reads);
    intents.forEach((intent, ordinal) => {
      commands.push({
        id: derivedId(event.id, `${parts.service}:${reaction.name}:${ordinal}`),
        type: intent.definition.type,
        data: intent.data,
        workspace: event.workspace,
        actor: event.actor,
        correlationId: event.correlationId,
        causationId: event.id,
        ...(event.traceparent ? { traceparent: event.traceparent } : {}),
        time: parts.now().toISOString(),
        records: true,
      });
    });
  }
  const last = commands.pop();
  for (const command of commands) await execute(parts, command, { fence: along.fence });
  if (last) await execute(parts, last, along);
  else await parts.log.commit({ streams: [], ...along });
};

const execute = async (parts: Pick<ReactionParts, 'executor' | 'logger'>, command: Command, along: Along) => {
  const outcome = await parts.executor.execute(command, along);
  if (outcome.status === 'REFUSED') {
    parts.logger.info({ command: command.type, code: outcome.code, reason: outcome.message }, 'a reaction was refused');
  }
};
