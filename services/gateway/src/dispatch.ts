// Commands on their way to their owner, and what becomes of them.
import type { Command, CommandDefinition, CommandOf, Outcome } from '@molthub/contracts';
import type { Sql } from '@molthub/event-store';
import { HttpProblem, parsePart } from '@molthub/http';
import type { Operations } from './operations.ts';
import { problemOf, unavailable } from './outcome.ts';
import { actorOf } from './principal.ts';
import type { Answer, Call } from './route.ts';
import type { World } from './world.ts';

export type Change = {
  readonly definition: CommandDefinition;
  readonly data: unknown;
  readonly resourceId: string;
  readonly done: (result: Readonly<Record<string, unknown>>) => Promise<Answer>;
};

export type Dispatch = {
  /** Sends a command over the bus and answers when it is done; 202 when that takes too long. */
  readonly change: (call: Call, change: Change) => Promise<Answer>;
  /** Asks a service something; nothing is recorded. */
  readonly ask: <D extends CommandDefinition>(
    call: Call,
    definition: D,
    data: CommandOf<D>['data'],
  ) => Promise<Readonly<Record<string, unknown>>>;
  /** Runs a command of the gateway's own, in this process. */
  readonly own: <D extends CommandDefinition>(
    call: Call,
    definition: D,
    data: CommandOf<D>['data'],
    options?: { readonly workspace?: string; readonly alongside?: (sql: Sql) => Promise<unknown> },
  ) => Promise<Readonly<Record<string, unknown>>>;
  /** Sends one command without waiting for it; the bus keeps it until its owner has taken it. */
  readonly send: (
    call: Call,
    parts: { readonly id: string; readonly definition: CommandDefinition; readonly data: unknown },
  ) => Promise<void>;
};

const answerMs = 10_000;

export const createDispatch = (world: World, operations: Operations): Dispatch => ({
  change: async (call, { definition, data, resourceId, done }) => {
    const command = commandOf(call, definition, parsePart(definition.data, 'command', data));
    checkSize(command);
    const asked = world.commander.request(command, { timeoutMs: call.waitMs });
    const outcome =
      (await unlessClosing(asked, world.closing)) ?? (await operations.keep(command, resourceId, call.principal));
    if (outcome === undefined) {
      return {
        status: 202,
        body: { operationId: command.id, resourceId },
        headers: { location: `/api/v1/operations/${command.id}` },
      };
    }
    return done(resultOf(outcome));
  },
  ask: async (call, definition, data) => {
    const command = { ...commandOf(call, definition, data), records: false };
    const outcome = await world.commander.request(command, { timeoutMs: answerMs });
    if (outcome === null) throw unavailable('No answer within 10 s: the service is away, or busy with an install.');
    return resultOf(outcome);
  },
  own: async (call, definition, data, options = {}) => {
    const outcome = await world.runtime.execute(definition, data, {
      workspace: options.workspace ?? call.workspace,
      actor: actorOf(call.principal),
      id: call.commandId,
      correlationId: call.correlationId,
      traceparent: call.traceparent,
      ...(options.alongside ? { alongside: options.alongside } : {}),
    });
    return resultOf(outcome);
  },
  send: async (call, { id, definition, data }) => {
    const command = commandOf(call, definition, parsePart(definition.data, 'command', data));
    await world.commander.send({ ...command, id });
  },
});

/** The bus takes messages of 1 MiB with their headers; config's own limit is well below. */
const commandBytesMax = 900 * 1024;

const checkSize = (command: Command): void => {
  if (Buffer.byteLength(JSON.stringify(command.data)) <= commandBytesMax) return;
  throw new HttpProblem({
    status: 413,
    code: 'gateway.body-too-large',
    detail: `What is to be done must fit into ${commandBytesMax / 1024} KiB of JSON; send less at once.`,
  });
};

/** A caller who still waits when the door closes is told where to look, and the command goes on without them. */
const unlessClosing = (asked: Promise<Outcome | null>, closing: AbortSignal): Promise<Outcome | null> =>
  new Promise((resolve, reject) => {
    const giveUp = () => resolve(null);
    if (closing.aborted) giveUp();
    closing.addEventListener('abort', giveUp, { once: true });
    asked.then(resolve, reject).finally(() => closing.removeEventListener('abort', giveUp));
  });

const commandOf = (call: Call, definition: CommandDefinition, data: unknown): Command => ({
  id: call.commandId,
  type: definition.type,
  data,
  workspace: call.workspace,
  actor: actorOf(call.principal),
  correlationId: call.correlationId,
  causationId: null,
  traceparent: call.traceparent,
  time: new Date().toISOString(),
  records: true,
});

const resultOf = (outcome: Outcome): Readonly<Record<string, unknown>> => {
  const problem = problemOf(outcome);
  if (problem) throw problem;
  return outcome.status === 'DONE' ? outcome.result : {};
};
