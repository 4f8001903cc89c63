// Memory that everybody who sends shares, so that no flood of one leaves nothing for the others.

export type Budget = {
  /** Takes so much for a holder, unless there is not as much left (`full`), or it is more than its share. */
  readonly take: (holder: string, bytes: number) => 'taken' | 'full' | 'more-than-share';
  readonly give: (holder: string, bytes: number) => void;
  readonly taken: () => number;
};

/**
 * One holder has at most half, so that another always finds room beside a single flood. Whoever holds nothing yet gets
 * any amount that fits, and of an empty budget any amount, so that nothing is refused for ever.
 */
export const createBudget = (bytesMax: number): Budget => {
  const held = new Map<string, number>();
  let taken = 0;
  return {
    take: (holder, bytes) => {
      const own = held.get(holder) ?? 0;
      if (own > 0 && own + bytes > bytesMax / 2) return 'more-than-share';
      if (taken > 0 && taken + bytes > bytesMax) return 'full';
      held.set(holder, own + bytes);
      taken += bytes;
      return 'taken';
    },
    give: (holder, bytes) => {
      const left = (held.get(holder) ?? 0) - bytes;
      if (left > 0) held.set(holder, left);
      else held.delete(holder);
      taken -= bytes;
    },
    taken: () => taken,
  };
};
