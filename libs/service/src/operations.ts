// What every service can be asked about its own running: parked keys, rebuilds, the bus again.
import {
  cancelRebuild,
  type Command,
  dropParked,
  logStart,
  type LogPosition,
  operationPerformed,
  type Outcome,
  rebuildProjection,
  republishBus,
  retryParked,
  type ServiceName,
} from '@molthub/contracts';
import { Rejected } from '@molthub/decider';
import { isUnavailable, type Log, type Projection, type Unit } from '@molthub/event-store';
import { derivedId } from '@molthub/identity';
import { cancelRebuild as cancel, RebuildCancelled, RebuildRunning, rebuild } from '@molthub/projections';
import { z } from 'zod';
import type { Listener } from './definition.ts';
import { consumerOf } from './listeners.ts';
import { parkedEvent } from './parking.ts';
import { pause } from './patience.ts';
import { react, type ReactionParts, unreadable } from './reactions.ts';

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
    readonly republish: (from: LogPosition) => boolean;
    readonly signal: AbortSignal;
  },
): Operations => {
  const { service, log } = parts;
  const commands: Readonly<Record<string, (command: Command) => Promise<Result>>> = {
    [retryParked(service).type]: ({ data }) => retry(parts, retryParked(service).data.parse(data).parkedId),
    [dropParked(service).type]: (command) => drop(parts, command),
    [rebuildProjection(service).type]: async ({ data }) => {
      const { name } = rebuildProjection(service).data.parse(data);
      const projection = parts.projections.find((p) => p.name === name);
      if (!projection) throw unknownProjection(service, name, parts.projections);
      try {
        await rebuild(log, projection, { signal: parts.signal });
      } catch (error) {
        if (error instanceof RebuildCancelled) throw new Rejected(`${service}.rebuild-cancelled`, error.message);
        if (!(error instanceof RebuildRunning)) throw error;
        throw new Rejected(`${service}.rebuild-running`, `${error.message} Wait for it to end, or cancel it.`);
      }
      return { name };
    },
    [cancelRebuild(service).type]: async ({ data }) => {
      const { name } = cancelRebuild(service).data.parse(data);
      if (!parts.projections.some((p) => p.name === name)) throw unknownProjection(service, name, parts.projections);
      if (!(await cancel(log, name))) {
        throw new Rejected(`${service}.no-rebuild`, `No rebuild of ${name} runs that could be cancelled.`);
      }
      return { name };
    },
    [republishBus(service).type]: async ({ data }) => {
      const { fromPosition } = republishBus(service).data.parse(data);
      const from = fromPosition === 0 ? logStart : await positionOf(log, fromPosition);
      if (!(await eventually(() => parts.republish(from), parts.signal))) {
        throw new Rejected(
          `${service}.not-relaying`,
          'Another replica relays this log; ask again until that one takes the command, or restart its relay.',
        );
      }
      return { service };
    },
  };
  return {
    owns: (type) => Object.hasOwn(commands, type),
    execute: async (command) => {
      try {
        const run = commands[command.type];
        if (!run) throw new Error(`${command.type} is no operation.`);
        const result = await run(command);
        await log.commit(said(parts, command, result));
        return { status: 'DONE', result };
      } catch (error) {
        if (!(error instanceof Rejected)) throw error;
        return { status: 'REFUSED', code: error.code, message: error.message, errors: [] };
      }
    },
  };
};

/** A replica that has just started leads when the lease of the one before has run out. */
const leadershipMs = 12_000;

const eventually = async (attempt: () => boolean, signal: AbortSignal): Promise<boolean> => {
  const deadline = Date.now() + leadershipMs;
  while (!attempt()) {
    if (Date.now() > deadline || signal.aborted) return false;
    await pause(100, signal);
  }
  return true;
};

type Result = Readonly<Record<string, unknown>>;

/**
 * Whoever changes how a service runs is in the audit like everybody else. The event's id follows from the command, so
 * that it is said once, and a repeat is recognised.
 */
const said = ({ service }: Pick<Parts, 'service'>, command: Command, result: Result): Unit => {
  const definition = operationPerformed(service);
  const data = definition.data.parse({ operation: command.type, request: command.data, result });
  const event = { ...contextOf(command), id: derivedId(command.id, 'operation'), type: definition.type, data };
  return { streams: [{ stream: `operation-${command.id}`, expected: 'any', events: [event] }] };
};

const contextOf = ({ id, workspace, actor, correlationId, traceparent, time }: Command) => ({
  workspace,
  actor,
  correlationId,
  causationId: id,
  ...(traceparent ? { traceparent } : {}),
  time,
});

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

/** The first event of the key that the parked event `id` belongs to. */
const firstOfKey = async (parts: Parts, id: string): Promise<Parked> => {
  const [row] = await parts.log.reads(
    `select p.id, p.consumer, p.key, p.event from parked p join parked asked on asked.id = $1
     where p.consumer = asked.consumer and p.key = asked.key order by p.ordinal limit 1`,
    [id],
  );
  if (row) return Parked.parse(row);
  throw new Rejected(`${parts.service}.parked-not-found`, 'Nothing is parked under this id; it may have been retried.');
};

const retry = async (parts: Parts, parkedId: string): Promise<Result> => {
  const { consumer, key } = await firstOfKey(parts, parkedId);
  const { done, failed } = await runKey(parts, consumer, key);
  // What was done before it stands and is told; nothing done is a refusal.
  if (done > 0 || failed === null) return { done, failed };
  throw new Rejected(`${parts.service}.parked-failed-again`, `It failed again: ${failed}`);
};

/** Its end is said in the transaction that deletes it; how those behind it fared is told to the caller alone. */
const drop = async (parts: Parts, command: Command): Promise<Result> => {
  const { parkedId } = dropParked(parts.service).data.parse(command.data);
  const known = await parts.log.readStream(`operation-${command.id}`);
  if (known.length > 0) return { dropped: parkedId };
  const first = await firstOfKey(parts, parkedId);
  if (first.id !== parkedId) {
    throw new Rejected(`${parts.service}.parked-behind`, `Only the first event of a key can be dropped: ${first.id}.`);
  }
  await parts.log.commit({
    ...said(parts, command, { dropped: parkedId }),
    alongside: (sql) => sql('delete from parked where id = $1', [parkedId]),
  });
  return { dropped: parkedId, ...(await runKey(parts, first.consumer, first.key)) };
};

type Ran = { readonly done: number; readonly failed: string | null };

/** Runs the events of a key in order, those too that queue up meanwhile, until one fails again. */
const runKey = async (parts: Parts, consumer: string, key: string): Promise<Ran> => {
  for (let done = 0; ; done += 1) {
    const [next] = await parts.log.reads(
      'select id, consumer, key, event from parked where consumer = $1 and key = $2 order by ordinal limit 1',
      [consumer, key],
    );
    if (!next) return { done, failed: null };
    const row = Parked.parse(next);
    try {
      await runRow(parts, row);
    } catch (error) {
      if (isUnavailable(error)) throw error;
      const message = error instanceof Error ? error.message : String(error);
      await parts.log.reads('update parked set attempts = attempts + 1, error = $2 where id = $1', [
        row.id,
        message.slice(0, 2_000).toWellFormed(),
      ]);
      return { done, failed: message };
    }
  }
};

const runRow = async (parts: Parts, row: Parked): Promise<void> => {
  const event = parkedEvent(row.event);
  if (!event) throw new Error('This message is no event; it can only be dropped.');
  const listener = parts.listeners.find((l) =>
    l.sources.some((source) => consumerOf(parts.service, l, source) === row.consumer),
  );
  // What this version cannot read would do nothing, and be gone all the same.
  const problem = unreadable(event, listener ? listener.types : parts.reactions.map((reaction) => reaction.event.type));
  if (problem) throw new Error(problem);
  if (!listener) {
    // The ids of its commands make a repeat harmless, so the row may go after them.
    await react(parts, parts.reactions, event, {});
    await parts.log.reads('delete from parked where id = $1', [row.id]);
    return;
  }
  await parts.log.commit({
    streams: [],
    alongside: async (sql) => {
      const mine = await sql('delete from parked where id = $1 returning id', [row.id]);
      if (mine.length === 0) throw new Error('Somebody else is retrying this key.');
      await listener.apply([event], sql);
    },
  });
  listener.applied?.([event]);
};
