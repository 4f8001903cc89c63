// Which bots a percentage means: by rank of a hash, never by a threshold, so that the number is exact and those of a
// smaller percentage are among those of a larger one.
import { hash } from 'node:crypto';
import { Rejected } from '@molthub/decider';

/** How many: a percentage (0 to 100), or a count. */
export type CohortSize = { readonly percentage: number } | { readonly count: number };

/**
 * The members of `ids` that are in, from the first to the last: those of the canary set, and then by the rank of
 * SHA-256(seed ‖ 0 ‖ id). Ids that stand twice count once. Joining and leaving moves others by one place at most.
 */
export const cohort = (
  size: CohortSize,
  seed: string,
  ids: readonly string[],
  canary: readonly string[] = [],
): readonly string[] =>
  cohortOf(
    size,
    [...new Set(ids)].map((id) => ({ id, rank: rankOf(seed, id) })),
    canary,
  );

/** An id with its rank: who has many reads and ranks them in parts. */
export type Ranked = { readonly id: string; readonly rank: string };

/** SHA-256(seed ‖ 0 ‖ id). */
export const rankOf = (seed: string, id: string): string => hash('sha256', `${seed}\0${id}`);

/** The same as `cohort`, of ids that are ranked already, each once. */
export const cohortOf = (
  size: CohortSize,
  all: readonly Ranked[],
  canary: readonly string[] = [],
): readonly string[] => {
  const ranked = all.toSorted((a, b) => (a.rank < b.rank ? -1 : a.rank > b.rank ? 1 : 0)).map(({ id }) => id);
  const first = new Set(canary);
  const inOrder = [...ranked.filter((id) => first.has(id)), ...ranked.filter((id) => !first.has(id))];
  return inOrder.slice(0, cohortSize(size, ranked.length));
};

/**
 * How many of `total` a size is. A percentage is rounded to the nearest, halves up, by integers; below 100 it leaves at
 * least one out and above 0 it takes at least one, where there are two. Throws `Rejected` for what is no size.
 */
export const cohortSize = (size: CohortSize, total: number): number => {
  if ('count' in size) {
    if (!Number.isSafeInteger(size.count) || size.count < 0) {
      throw new Rejected('config.not-a-size', 'A count is a whole number, 0 or more.');
    }
    return Math.min(size.count, total);
  }
  const hundredths = Math.round(size.percentage * 100);
  if (!(size.percentage >= 0 && size.percentage <= 100) || Math.abs(hundredths - size.percentage * 100) > 1e-6) {
    throw new Rejected('config.not-a-size', 'A percentage is a number from 0 to 100 with at most two decimals.');
  }
  if (hundredths === 0 || total === 0) return 0;
  if (hundredths === 10_000) return total;
  const rounded = Math.floor((total * hundredths * 2 + 10_000) / 20_000);
  return Math.min(Math.max(1, total - 1), Math.max(1, rounded));
};
