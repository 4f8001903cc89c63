// Runs the relay under its lease and wakes it at every commit, here or in another replica.
import { type Bus, createWaker, onWake, relay } from '@molthub/bus';
import { isLater, type LogPosition, logStart, type Recorded, type ServiceName } from '@molthub/contracts';
import type { Leases, Log } from '@molthub/event-store';
import type { Logger } from '@molthub/telemetry';
import { forever, isAborted } from './patience.ts';

/** Looked at once a second in any case: a lost hint costs no more. */
const safetyMs = 1_000;
/** Rows that are committed but still above the horizon: looked at again this soon. */
const aboveHorizonMs = 1;
const aboveHorizonMsMax = 64;

export type Relaying = {
  /** Sends the log again from a position; false where another replica relays it. */
  readonly republish: (from: LogPosition) => boolean;
  readonly position: () => LogPosition;
  readonly isLeading: () => boolean;
  readonly stop: () => Promise<void>;
};

export const runRelaying = (parts: {
  readonly service: ServiceName;
  readonly bus: Bus;
  readonly log: Log;
  readonly leases: Leases;
  readonly logger: Logger;
}): Relaying => {
  const { service, bus, log, logger } = parts;
  const bell = createBell();
  const wakeOthers = createWaker(bus, service);
  let at = logStart;
  let leading = false;
  let from: LogPosition | undefined;
  let restart = new AbortController();
  const forgetCommits = log.onCommitted((events) => {
    bell.ring(highest(events));
    if (!leading) wakeOthers();
  });
  const forgetWakes = onWake(bus, service, () => bell.ring(undefined));
  const stopLeading = parts.leases.hold('relay', async (_lease, signal) => {
    leading = true;
    try {
      await forever(
        signal,
        async () => {
          const begin = from;
          from = undefined;
          restart = new AbortController();
          await relay({
            bus,
            service,
            source: log,
            from: begin,
            signal: AbortSignal.any([signal, restart.signal]),
            more: (after) => bell.wait(after, signal),
            onProgress: (progress) => {
              at = progress.at;
            },
          });
        },
        (error) => {
          if (!isAborted(error, signal)) logger.warn({ err: error }, 'the relay stopped; repairing the bus');
        },
      );
    } finally {
      leading = false;
    }
  });
  return {
    republish: (position) => {
      if (!leading) return false;
      from = position;
      restart.abort();
      bell.ring(undefined);
      return true;
    },
    position: () => at,
    isLeading: () => leading,
    stop: async () => {
      forgetCommits();
      forgetWakes();
      await stopLeading();
    },
  };
};

const highest = (events: readonly Recorded[]): LogPosition | undefined => {
  let high: LogPosition | undefined;
  for (const { log } of events) if (!high || isLater(log, high)) high = log;
  return high;
};

/**
 * Wakes whoever waits for the log to grow; knows the highest position that was committed in this process. What is
 * committed but still above the horizon is looked for after 1 ms, then less and less often: its time is not ours.
 */
const createBell = () => {
  let known = logStart;
  let rung = false;
  let inVain = 0;
  let wake: (() => void) | undefined;
  return {
    ring: (position: LogPosition | undefined) => {
      if (position && isLater(position, known)) known = position;
      inVain = 0;
      if (wake) wake();
      else rung = true;
    },
    wait: (after: LogPosition, signal: AbortSignal): Promise<void> =>
      new Promise((resolve) => {
        const hidden = isLater(known, after);
        const ms = rung ? 0 : hidden ? Math.min(aboveHorizonMs * 2 ** inVain, aboveHorizonMsMax) : safetyMs;
        inVain = hidden ? inVain + 1 : 0;
        rung = false;
        const end = () => {
          clearTimeout(timer);
          signal.removeEventListener('abort', end);
          wake = undefined;
          resolve();
        };
        const timer = setTimeout(end, ms);
        wake = end;
        signal.addEventListener('abort', end, { once: true });
      }),
  };
};
