// A bell that a job sleeps beside: rung while nobody sleeps, it is heard at the next wait.

export type Wake = {
  readonly ring: () => void;
  /** Resolves at the next ring, after `timeoutMs`, or when `signal` aborts. */
  readonly next: (timeoutMs: number, signal: AbortSignal) => Promise<void>;
};

export const createWake = (): Wake => {
  let rung = false;
  let awake: (() => void) | null = null;
  return {
    ring: () => {
      rung = true;
      awake?.();
    },
    next: async (timeoutMs, signal) => {
      if (!rung && !signal.aborted) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(done, timeoutMs);
          function done() {
            clearTimeout(timer);
            signal.removeEventListener('abort', done);
            resolve();
          }
          awake = done;
          signal.addEventListener('abort', done);
        });
        awake = null;
      }
      rung = false;
    },
  };
};
