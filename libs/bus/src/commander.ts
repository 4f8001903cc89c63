// The gateway's side of commands: send, wait for the outcome, send again until there is one.
import { type Command, Outcome } from '@molthub/contracts';
import type { Bus } from './connect.ts';
import { ensureCommandStream } from './stream.ts';
import { commandSubject, ownerOf } from './subject.ts';

export type Commander = {
  readonly gatewayId: string;
  /** Sends and waits; null when there was no final outcome in time. The same id may be sent any number of times. */
  readonly request: (command: Command, options: { readonly timeoutMs: number }) => Promise<Outcome | null>;
  /** Sends once, without waiting for an outcome. */
  readonly send: (command: Command) => Promise<void>;
  /** Calls back with every final outcome that is told to this gateway. */
  readonly onOutcome: (listener: (commandId: string, outcome: Outcome) => void) => () => void;
  readonly close: () => void;
};

/** First wait before a command is sent again, doubled each time; at a reconnect it is sent at once. */
const resendAfterMs = 2_000;
/** Wait after a send that the bus refused. */
const faultAfterMs = 200;
const publishTimeoutMs = 5_000;

/** Commands carry no message id: a re-sent one would be swallowed inside the duplicate window, and is recognised by its owner. */
export const createCommander = (bus: Bus, gatewayId: string): Commander => {
  const waiters = new Map<string, Set<(outcome: Outcome) => void>>();
  const listeners = new Set<(commandId: string, outcome: Outcome) => void>();
  const subscription = bus.connection.subscribe(`reply.${gatewayId}.*`, {
    callback: (error, message) => {
      if (error) return;
      const outcome = Outcome.safeParse(message.json());
      const id = message.subject.slice(`reply.${gatewayId}.`.length);
      if (!outcome.success || outcome.data.status === 'PENDING') return;
      for (const waiter of waiters.get(id) ?? []) waiter(outcome.data);
      for (const listener of listeners) listener(id, outcome.data);
    },
  });

  const send = async (command: Command) => {
    await retryingMissingStream(bus, command, () =>
      bus.js.publish(commandSubject(command.workspace, command.type), JSON.stringify({ ...command, gatewayId }), {
        timeout: publishTimeoutMs,
      }),
    );
  };

  const request = (command: Command, options: { readonly timeoutMs: number }) =>
    new Promise<Outcome | null>((resolve) => {
      let wait = resendAfterMs;
      let resend: NodeJS.Timeout | undefined;
      const attempt = () => {
        clearTimeout(resend);
        resend = setTimeout(attempt, wait);
        send(command).then(
          () => {
            wait *= 2;
          },
          () => {
            // JetStream answers a moment after its server does: soon again, unless the reconnect will do it.
            if (!waiters.get(command.id)?.has(end) || !bus.isConnected()) return;
            clearTimeout(resend);
            resend = setTimeout(attempt, faultAfterMs);
          },
        );
      };
      const forget = bus.onReconnect(attempt);
      const end = (outcome: Outcome | null) => {
        clearTimeout(resend);
        clearTimeout(deadline);
        forget();
        const others = waiters.get(command.id);
        others?.delete(end);
        if (others?.size === 0) waiters.delete(command.id);
        resolve(outcome);
      };
      const deadline = setTimeout(() => end(null), options.timeoutMs);
      const own = waiters.get(command.id) ?? new Set();
      own.add(end);
      waiters.set(command.id, own);
      attempt();
    });

  return {
    gatewayId,
    request,
    send,
    onOutcome: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close: () => subscription.unsubscribe(),
  };
};

/** Publishes; where the owner's stream is not there yet (first start, lost directory), makes it and publishes again. */
const retryingMissingStream = async (bus: Bus, command: Command, publish: () => Promise<unknown>) => {
  try {
    await publish();
  } catch (error) {
    if (!bus.isConnected()) throw error;
    await ensureCommandStream(bus, ownerOf(command.type));
    await publish();
  }
};
