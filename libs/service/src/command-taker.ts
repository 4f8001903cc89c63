// Takes commands from the bus: recognises repeats, tells outcomes, counts faults, pauses when the database is away.
import { type Bus, type Handled, takeCommands, tellOutcome } from '@molthub/bus';
import type { Command, Outcome, ServiceName } from '@molthub/contracts';
import { Rejected } from '@molthub/decider';
import { isUnavailable, type Log } from '@molthub/event-store';
import type { Logger } from '@molthub/telemetry';
import type { Query } from './definition.ts';
import type { Executor } from './executor.ts';
import type { Operations } from './operations.ts';
import { isAborted, pause, untilAborted } from './patience.ts';
import type { Runtime } from './runtime.ts';

/** Faults of its own after which a command is FAILED. */
const faultsMax = 5;
const expiryMs = 3_600_000;
const pauseMs = 500;
const replySizeBytesMax = 512 * 1024;

export const runCommandTaker = async (parts: {
  readonly service: ServiceName;
  readonly bus: Bus;
  readonly log: Log;
  readonly executor: Executor;
  readonly queries: readonly Query[];
  readonly operations: Operations;
  readonly runtime: Runtime;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}): Promise<void> => {
  const { log, logger, signal, bus } = parts;
  const inFlight = new Map<string, Promise<Handled>>();
  const faults = new Map<string, number>();
  const lookup = createLookup(log);
  const tell = tellConcluded(parts);

  const answerOf = async (command: Command): Promise<Outcome> => {
    const query = parts.queries.find((q) => q.definition.type === command.type);
    if (query) return answerQuery(query, command, parts.runtime);
    const known = await lookup(command.id);
    if (known) return known;
    if (Date.now() - Date.parse(command.time) > expiryMs) {
      return store(log, command, { status: 'EXPIRED', message: 'The command waited for more than an hour.' });
    }
    if (parts.operations.owns(command.type)) return store(log, command, await parts.operations.execute(command));
    return parts.executor.execute(command, { alongside: undefined });
  };

  const handle = async (command: Command): Promise<Handled> => {
    try {
      const outcome = await answerOf(command);
      faults.delete(command.id);
      return { kind: 'outcome', outcome };
    } catch (error) {
      // What the stop cut short is delivered again to whoever comes next. Work whose own time is over is a fault.
      if (isUnavailable(error) || signal.aborted) return { kind: 'pause' };
      const count = (faults.get(command.id) ?? 0) + 1;
      faults.set(command.id, count);
      logger.error({ err: error, command: command.type, id: command.id, count }, 'a command failed');
      if (count < faultsMax) return { kind: 'again', afterMs: 100 * 2 ** count };
      faults.delete(command.id);
      const message = 'The command failed five times; the service log says why.';
      return { kind: 'outcome', outcome: await store(log, command, { status: 'FAILED', message }) };
    }
  };

  const once = (command: Command): Promise<Handled> => {
    const running = inFlight.get(command.id);
    if (running) return running;
    const handled = handle(command).finally(() => inFlight.delete(command.id));
    inFlight.set(command.id, handled);
    return handled;
  };

  try {
    while (!signal.aborted) {
      try {
        await takeCommands({
          bus,
          service: parts.service,
          signal,
          handle: once,
          onMalformed: (subject, error) => logger.error({ err: error, subject }, 'a message is no command'),
          onFault: (error) => logger.error({ err: error }, 'a command is left to be delivered again'),
        });
      } catch (error) {
        if (!isAborted(error, signal)) logger.warn({ err: error }, 'commands are not being taken; trying again');
      }
      if (bus.isConnected()) await pause(pauseMs, signal);
      await untilAvailable(log, logger, signal);
    }
  } finally {
    await Promise.allSettled(inFlight.values());
    tell();
  }
};

/** Tells the gateway of a command that stayed pending and was concluded later, by another command. */
const tellConcluded = ({ bus, log }: { bus: Bus; log: Log }) =>
  log.onConcluded((concluded) => {
    for (const { gatewayId, commandId, outcome } of concluded) tellOutcome(bus, gatewayId, commandId, outcome);
  });

const answerQuery = async (query: Query, command: Command, runtime: Runtime): Promise<Outcome> => {
  try {
    const data = query.definition.data.safeParse(command.data);
    if (!data.success) throw new Rejected('gateway.invalid-query', 'The query is malformed.');
    const result = await query.answer({ ...command, data: data.data }, runtime);
    if (Buffer.byteLength(JSON.stringify(result)) > replySizeBytesMax) {
      throw new Rejected('gateway.answer-too-large', 'The answer is larger than 512 KiB; ask for less.');
    }
    return { status: 'DONE', result };
  } catch (error) {
    if (!(error instanceof Rejected)) throw error;
    return { status: 'REFUSED', code: error.code, message: error.message, errors: [...error.errors] };
  }
};

const store = async (log: Log, command: Command, outcome: Outcome): Promise<Outcome> => {
  const { id: commandId, workspace, type, gatewayId } = command;
  await log.commit({ streams: [], outcomes: [{ commandId, workspace, type, gatewayId, outcome }] });
  return outcome;
};

/** Looks up stored outcomes, all that are asked for in one tick with one query. */
const createLookup = (log: Log) => {
  let waiting: { id: string; resolve: (outcome: Outcome | undefined) => void; reject: (error: unknown) => void }[] = [];
  const run = async () => {
    const batch = waiting;
    waiting = [];
    try {
      const known = await log.outcomes(batch.map((w) => w.id));
      for (const w of batch) w.resolve(known.get(w.id));
    } catch (error) {
      for (const w of batch) w.reject(error);
    }
  };
  return (id: string): Promise<Outcome | undefined> =>
    new Promise((resolve, reject) => {
      if (waiting.length === 0) setImmediate(() => void run());
      waiting.push({ id, resolve, reject });
    });
};

/** Whatever the reason is that the database does not answer: who gave up would not be there when it is back. */
const untilAvailable = (log: Log, logger: Logger, signal: AbortSignal) =>
  untilAborted(signal, async () => {
    try {
      await log.reads('select 1');
      return true;
    } catch (error) {
      if (!isUnavailable(error)) logger.warn({ err: error }, 'the database refuses to answer; commands wait');
      return false;
    }
  });
