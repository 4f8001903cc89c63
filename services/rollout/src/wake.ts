// A bell that a job sleeps beside: rung while nobody sleeps, it is heard at the next wait.

export type WakeReason = 'commit' | 'catalog' | 'time';
export type Wake = {
  readonly ring: (reason: WakeReason) => void;
  /** Resolves at the next ring, after `timeoutMs`, or when `signal` aborts; `catalog` outweighs `commit`. */
  readonly next: (timeoutMs: number, signal: AbortSignal) => Promise<WakeReason>;
};

export const createWake = (): Wake => {
  let rung: WakeReason | null = null;
  let awake: (() => void) | null = null;
  return {
    ring: (reason) => {
      if (rung !== 'catalog') rung = reason;
      awake?.();
    },
    next: async (timeoutMs, signal) => {
      if (rung === null && !signal.aborted) {
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
      const reason = rung ?? 'time';
      rung = null;
      return reason;
    },
  };
};
