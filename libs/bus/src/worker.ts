// The owner's side of commands: takes them from its work queue, acknowledges after the commit, tells the outcome.
import { type Command, CommandEnvelope, type Outcome, type ServiceName } from '@molthub/contracts';
import { AckPolicy, type ConsumerMessages, type JsMsg } from '@nats-io/jetstream';
import { nanos } from 'nats';
import { z } from 'zod';
import type { Bus } from './connect.ts';
import { ensureCommandStream } from './stream.ts';
import { commandStream, replySubject } from './subject.ts';

const Message = CommandEnvelope.extend({ data: z.unknown() });
const ackWaitMs = 5_000;
const workingEveryMs = 2_000;
const bufferMax = 256;
const ackPendingMax = 1_024;

/** What became of a command: its outcome is stored, or a fault is to be tried again, or the worker must pause. */
export type Handled =
  | { readonly kind: 'outcome'; readonly outcome: Outcome }
  | { readonly kind: 'again'; readonly afterMs: number }
  | { readonly kind: 'pause' };

/**
 * Takes commands until `signal` aborts or the connection is lost; run it again then. Resolves early after a `pause`,
 * giving back what it could not finish, to be delivered again. It does not wait for commands under way, one of which
 * may take minutes and must not hold up the others: they come again, and whoever handles them knows them. Replicas share
 * one durable consumer.
 */
export const takeCommands = async (parts: {
  readonly bus: Bus;
  readonly service: ServiceName;
  readonly signal: AbortSignal;
  readonly handle: (command: Command) => Promise<Handled>;
  readonly onMalformed: (subject: string, error: Error) => void;
  readonly onFault: (error: unknown) => void;
}): Promise<void> => {
  const { bus, service } = parts;
  await bus.whenConnected(parts.signal);
  const signal = AbortSignal.any([parts.signal, bus.untilDisconnect()]);
  await ensureCommandStream(bus, service);
  const manager = await bus.manager();
  await manager.consumers.add(commandStream(service), {
    durable_name: 'worker',
    ack_policy: AckPolicy.Explicit,
    ack_wait: nanos(ackWaitMs),
    max_ack_pending: ackPendingMax,
  });
  const consumer = await bus.js.consumers.get(commandStream(service), 'worker');
  const messages = await consumer.consume({ max_messages: bufferMax, expires: 30_000, idle_heartbeat: 5_000 });
  const stop = () => messages.stop();
  signal.addEventListener('abort', stop, { once: true });
  // Aborted while this was being set up: no event of it comes any more.
  if (signal.aborted) stop();
  endWhenLost(messages);
  const running = new Set<Promise<void>>();
  try {
    for await (const message of messages) {
      const done = one(parts, message, stop)
        // Not acknowledged, so it comes again; nothing here may end the process.
        .catch(parts.onFault)
        .finally(() => running.delete(done));
      running.add(done);
      if (running.size >= ackPendingMax) await Promise.race(running);
    }
  } finally {
    signal.removeEventListener('abort', stop);
    messages.stop();
  }
};

const endWhenLost = (messages: ConsumerMessages) => {
  const losses = new Set([
    'consumer_deleted',
    'consumer_not_found',
    'stream_not_found',
    'heartbeats_missed',
    'no_responders',
  ]);
  const watch = async () => {
    for await (const status of messages.status()) if (losses.has(status.type)) messages.stop();
  };
  watch().catch(() => messages.stop());
};

const one = async (parts: Parameters<typeof takeCommands>[0], message: JsMsg, pause: () => void): Promise<void> => {
  const command = parse(message);
  if (command instanceof Error) {
    parts.onMalformed(message.subject, command);
    message.term(command.message);
    return;
  }
  const working = setInterval(() => message.working(), workingEveryMs);
  try {
    const handled = await parts.handle(command);
    if (handled.kind === 'pause') {
      pause();
      // Delivered again when somebody asks for commands again, which a paused worker does not.
      message.nak();
    } else if (handled.kind === 'again') message.nak(handled.afterMs);
    else {
      message.ack();
      tellOutcome(parts.bus, command.gatewayId, command.id, handled.outcome);
    }
  } finally {
    clearInterval(working);
  }
};

/** Tells a gateway how a command ended: a hint, since asking again is answered from what is stored. */
export const tellOutcome = (bus: Bus, gatewayId: string | null | undefined, id: string, outcome: Outcome): void => {
  if (gatewayId && bus.isConnected()) bus.connection.publish(replySubject(gatewayId, id), JSON.stringify(outcome));
};

const parse = (message: JsMsg): Command | Error => {
  try {
    return Message.parse(message.json());
  } catch (error) {
    return new Error(`A message on ${message.subject} is no command.`, { cause: error });
  }
};
