// What every service can be asked about its own running: parked keys, rebuilds, the bus again.
import {
  type Command,
  dropParked,
  logStart,
  type LogPosition,
  type Outcome,
  rebuildProjection,
  republishBus,
  retryParked,
  type ServiceName,
} from '@molthub/contracts';
import { Rejected } from '@molthub/decider';
import { isUnavailable, type Log, type Projection } from '@molthub/event-store';
import { rebuild } from '@molthub/projections';
import { z } from 'zod';
import type { Listener } from './definition.ts';
import { parkedEvent } from './parking.ts';
import { react, type ReactionParts } from './reactions.ts';

export type Operations = {
  readonly owns: (type: string) => boolean;
  readonly execute: (command: Command) => Promise<Outcome>;
};

const Parked = z.object({ id: z.string(), consumer: z.string(), key: z.string(), event: z.unknown() });
type Parked = z.infer<typeof Parked>;

export const createOperations = (
  parts: ReactionParts & {
    readonly listeners: readonly Listener[];
    readonly projections: readonly Projection[];
    /** Sends the log to the bus again from a position. */
    readonly republish: (from: LogPosition) => void;
    readonly signal: AbortSignal;
  },
): Operations => {
  const { service, log } = parts;
  const commands = {
    [retryParked(service).type]: async (data: unknown) => retry(parts, retryParked(service).data.parse(data).parkedId),
    [dropParked(service).type]: async (data: unknown) => drop(parts, dropParked(service).data.parse(data).parkedId),
    [rebuildProjection(service).type]: async (data: unknown) => {
      const { name } = rebuildProjection(service).data.parse(data);
      const projection = parts.projections.find((p) => p.name === name);
      if (!projection) throw unknownProjection(service, name, parts.projections);
      await rebuild(log, projection, { signal: parts.signal });
      return { name };
    },
    [republishBus(service).type]: async (data: unknown) => {
      const { fromPosition } = republishBus(service).data.parse(data);
      parts.republish(fromPosition === 0 ? logStart : await positionOf(log, fromPosition));
      return { service };
    },
  };
  return {
    owns: (type) => Object.hasOwn(commands, type),
    execute: async (command) => {
      try {
        const run = commands[command.type];
        if (!run) throw new Error(`${command.type} is no operation.`);
        return { status: 'DONE', result: await run(command.data) };
      } catch (error) {
        if (!(error instanceof Rejected)) throw error;
        return { status: 'REFUSED', code: error.code, message: error.message, errors: [] };
      }
    },
  };
};

const unknownProjection = (service: ServiceName, name: string, projections: readonly Projection[]) =>
  new Rejected(
    `${service}.projection-not-found`,
    `${service} has no read model '${name}'; it has ${projections.map((p) => p.name).join(', ') || 'none'}.`,
  );

const positionOf = async (log: Log, position: number): Promise<LogPosition> => {
  const [row] = await log.reads<{ epoch: number; tx: string; at: string }>(
    `select e.epoch, e.tx::text as tx, e.position::text as at from events e where e.position <= $1
     order by e.position desc limit 1`,
    [position],
  );
  return row ? { epoch: row.epoch, tx: BigInt(row.tx), position: BigInt(row.at) } : logStart;
};

type Parts = Parameters<typeof createOperations>[0];

const rowsOfKey = async (parts: Parts, parkedId: string): Promise<readonly Parked[]> => {
  const rows = await parts.log.reads(
    `select p.id, p.consumer, p.key, p.event from parked p join parked asked on asked.id = $1
     where p.consumer = asked.consumer and p.key = asked.key order by p.ordinal`,
    [parkedId],
  );
  if (rows.length === 0) {
    throw new Rejected(
      `${parts.service}.parked-not-found`,
      'Nothing is parked under this id; it may have been retried.',
    );
  }
  return rows.map((row) => Parked.parse(row));
};

const retry = async (parts: Parts, parkedId: string) => runRows(parts, await rowsOfKey(parts, parkedId));

const drop = async (parts: Parts, parkedId: string) => {
  const [first, ...behind] = await rowsOfKey(parts, parkedId);
  if (first?.id !== parkedId) {
    throw new Rejected(`${parts.service}.parked-behind`, `Only the first event of a key can be dropped: ${first?.id}.`);
  }
  await parts.log.reads('delete from parked where id = $1', [parkedId]);
  return runRows(parts, behind);
};

/** Runs the events of a key in order until one fails again. */
const runRows = async (parts: Parts, rows: readonly Parked[]) => {
  let done = 0;
  for (const row of rows) {
    try {
      await runRow(parts, row);
      done += 1;
    } catch (error) {
      if (isUnavailable(error)) throw error;
      const message = error instanceof Error ? error.message : String(error);
      await parts.log.reads('update parked set attempts = attempts + 1, error = $2 where id = $1', [
        row.id,
        message.slice(0, 2_000),
      ]);
      throw new Rejected(`${parts.service}.parked-failed-again`, `It failed again: ${message}`);
    }
  }
  return { done };
};

const runRow = async (parts: Parts, row: Parked): Promise<void> => {
  const event = parkedEvent(row.event);
  if (!event) throw new Error('This message is no event; it can only be dropped.');
  const unpark = { alongside: (sql: Log['reads']) => sql('delete from parked where id = $1', [row.id]) };
  const listener = parts.listeners.find((l) => `${parts.service}-${l.name}` === row.consumer);
  if (!listener) return react(parts, parts.reactions, event, unpark);
  await parts.log.commit({
    streams: [],
    alongside: async (sql) => {
      await listener.apply([event], sql);
      await unpark.alongside(sql);
    },
  });
  listener.applied?.([event]);
};
