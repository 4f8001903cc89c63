// Waiting that ends when the service stops.
import { setTimeout as delay } from 'node:timers/promises';
import { isUnavailable } from '@molthub/event-store';

/** Waits, or returns at once when `signal` aborts. */
export const pause = async (ms: number, signal: AbortSignal): Promise<void> => {
  if (signal.aborted) return;
  try {
    await delay(ms, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
};

/** Whether this error only says that the work was told to end. */
export const isAborted = (error: unknown, signal: AbortSignal): boolean =>
  signal.aborted || (error instanceof Error && error.name === 'AbortError');

/** Doubles from 100 ms up to 5 s. */
export const backOffMs = (attempt: number): number => Math.min(backOffMaxMs, 100 * 2 ** attempt);
const backOffMaxMs = 5_000;

/** A server that is away is nobody's fault and is asked again soon, so that all go on when it is back. */
const awayMaxMs = 400;

/** Tries until it answers true, or the signal aborts: for what waits for a server to be back. */
export const untilAborted = async (signal: AbortSignal, attempt: () => Promise<boolean>): Promise<void> => {
  for (let tries = 0; !signal.aborted; tries += 1) {
    if (await attempt()) return;
    await pause(Math.min(awayMaxMs, backOffMs(tries)), signal);
  }
};

/** Runs `work` again and again until the signal aborts; a throw is told and followed by a pause that grows. */
export const forever = async (
  signal: AbortSignal,
  work: () => Promise<void>,
  onFault: (error: unknown) => void,
): Promise<void> => {
  for (let faults = 0; !signal.aborted; ) {
    const began = Date.now();
    let waitMaxMs = backOffMaxMs;
    try {
      await work();
    } catch (error) {
      if (isAborted(error, signal)) continue;
      onFault(error);
      if (isUnavailable(error)) waitMaxMs = awayMaxMs;
    }
    faults = Date.now() - began > 10_000 ? 0 : faults + 1;
    await pause(faults === 1 ? 20 : Math.min(waitMaxMs, backOffMs(faults - 1)), signal);
  }
};
