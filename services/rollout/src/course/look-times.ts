// When traces are looked at: at fixed times, so that a verdict is not found by looking until one comes.
import type { TracesGate } from '@molthub/contracts';

/** `untilMs` from the beginning: what ended later does not count at this look. */
export type Look = { readonly number: number; readonly untilMs: number; readonly isLast: boolean };

/** The first look after the least time, the last at the end of all; `at` answers the latest that is due, or null. */
export const looksOf = ({ minSeconds = 300, maxSeconds = 3_600, looks = 10 }: TracesGate) => {
  const firstMs = minSeconds * 1_000;
  const lastMs = Math.max(firstMs, maxSeconds * 1_000);
  const count = lastMs === firstMs ? 1 : looks;
  const apartMs = count === 1 ? 0 : (lastMs - firstMs) / (count - 1);
  return {
    at: (elapsedMs: number): Look | null => {
      if (elapsedMs < firstMs) return null;
      const number = apartMs === 0 ? 1 : Math.min(count, Math.floor((elapsedMs - firstMs) / apartMs) + 1);
      return { number, untilMs: firstMs + (number - 1) * apartMs, isLast: number === count };
    },
  };
};
