// Long decoding in slices, so that other requests, health checks and leases are never kept waiting.
import { setImmediate as nextTurn } from 'node:timers/promises';

export type Pace = {
  /** True when this slice has lasted long enough; then await `rest`. `bytes` is what was read since the last question. */
  readonly due: (bytes: number) => boolean;
  readonly rest: () => Promise<void>;
};

/** Reading the clock costs as much as reading an empty message, so it is read per so much work only. */
const bytesPerLook = 4_096;
/** What a question stands for at least, since even an empty message takes time. */
const bytesMin = 64;

/** Slices of about `sliceMs` of work each. */
export const createPace = (sliceMs = 8): Pace => {
  let bytesSinceLook = 0;
  let endsAt = performance.now() + sliceMs;
  return {
    due: (bytes) => {
      bytesSinceLook += Math.max(bytes, bytesMin);
      if (bytesSinceLook < bytesPerLook) return false;
      bytesSinceLook = 0;
      return performance.now() > endsAt;
    },
    rest: async () => {
      await nextTurn();
      endsAt = performance.now() + sliceMs;
    },
  };
};
