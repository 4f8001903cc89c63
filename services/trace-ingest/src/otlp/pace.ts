// Long decoding in slices, so that other requests, health checks and leases are never kept waiting.
import { setImmediate as nextTurn } from 'node:timers/promises';

export type Pace = {
  /** True when this slice has lasted long enough; then await `rest`. Cheap enough to be asked per element. */
  readonly due: () => boolean;
  readonly rest: () => Promise<void>;
};

/** Slices of about `sliceMs` of work each; the clock is read at every 64th question only. */
export const createPace = (sliceMs = 8): Pace => {
  let questions = 0;
  let endsAt = performance.now() + sliceMs;
  return {
    due: () => (++questions & 63) === 0 && performance.now() > endsAt,
    rest: async () => {
      await nextTurn();
      endsAt = performance.now() + sliceMs;
    },
  };
};
