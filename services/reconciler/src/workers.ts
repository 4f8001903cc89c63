// Takes work off the queue as fast as its lanes allow, and stops without leaving anything half done.
import type { Ending, Queue, Request, Ticket } from './queue.ts';

export type Workers = {
  readonly add: (key: string, request: Request) => void;
  readonly forget: (key: string) => void;
  /** Takes nothing new; resolves when what is in flight has ended. What was waiting is found again in the log. */
  readonly stop: () => Promise<void>;
};

export const createWorkers = (parts: {
  readonly queue: Queue;
  readonly work: (ticket: Ticket) => Promise<Ending>;
  readonly now: () => number;
  /** Told of work that threw; it is tried again after a while. */
  readonly failed: (key: string, error: unknown) => void;
}): Workers => {
  const { queue, now } = parts;
  let isStopping = false;
  let isPumping = false;
  let timer: NodeJS.Timeout | null = null;
  let ended: (() => void) | null = null;

  const run = async (ticket: Ticket) => {
    let ending: Ending;
    try {
      ending = await parts.work(ticket);
    } catch (error) {
      parts.failed(ticket.key, error);
      ending = { kind: 'retry' };
    }
    queue.done(ticket.key, ending, now());
    if (isStopping && queue.inFlight() === 0) ended?.();
    pumpSoon();
  };
  const pump = () => {
    isPumping = false;
    if (isStopping) return;
    for (let ticket = queue.take(now()); ticket; ticket = queue.take(now())) void run(ticket);
    const next = queue.nextAt(now());
    if (timer) clearTimeout(timer);
    timer = next === null ? null : setTimeout(pumpSoon, Math.min(Math.max(next - now(), 1), 2_000_000_000));
  };
  const pumpSoon = () => {
    if (isPumping || isStopping) return;
    isPumping = true;
    setImmediate(pump);
  };
  return {
    add: (key, request) => {
      if (isStopping) return;
      queue.add(key, request, now());
      pumpSoon();
    },
    forget: queue.forget,
    stop: async () => {
      isStopping = true;
      if (timer) clearTimeout(timer);
      if (queue.inFlight() === 0) return;
      await new Promise<void>((resolve) => {
        ended = resolve;
      });
    },
  };
};
