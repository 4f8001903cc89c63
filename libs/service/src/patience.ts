// Waiting that ends when the service stops.
import { setTimeout as delay } from 'node:timers/promises';

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
export const backOffMs = (attempt: number): number => Math.min(5_000, 100 * 2 ** attempt);

/** Tries until it answers true, with back-off, or the signal aborts. */
export const untilAborted = async (signal: AbortSignal, attempt: () => Promise<boolean>): Promise<void> => {
  for (let tries = 0; !signal.aborted; tries += 1) {
    if (await attempt()) return;
    await pause(backOffMs(tries), signal);
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
    try {
      await work();
    } catch (error) {
      if (isAborted(error, signal)) continue;
      onFault(error);
    }
    faults = Date.now() - began > 10_000 ? 0 : faults + 1;
    await pause(faults === 1 ? 20 : backOffMs(faults - 1), signal);
  }
};
