// Mann and Whitney's test for few values: every way to deal them to the two sides is counted, ties and all.
import { type RankTest, rankDeviation } from './ranks.ts';
import { normalBeyond } from './normal.ts';

export type SidedRankTest = RankTest & {
  /** How likely `a` lies so far above `b` where neither is higher. */
  readonly pGreater: number;
  readonly method: 'exact' | 'normal';
};

/** Up to so many values of both sides together it is counted. */
export const exactUpTo = 40;

/**
 * Mann and Whitney's test, two-sided in `p` and one-sided in `pGreater`. Both in ascending order, neither empty.
 *
 * Up to 40 values of both sides together it is exact, with ties too: the distribution of the rank sum over all ways to
 * deal the values that there are, where tied values share the middle of their ranks. `p` is the share of ways whose
 * rank sum lies as far from its mean, `pGreater` that of those whose rank sum is as high. Above 40 it is the normal
 * approximation with corrections for ties and for continuity: off by some 0.001 where the sides are of like size, and
 * where p is small it says a larger one, by far where one side has only a few values. So it never alarms too soon.
 */
export const rankTest = (a: ArrayLike<number>, b: ArrayLike<number>): SidedRankTest => {
  const pairs = a.length * b.length;
  const { u, deviation } = rankDeviation(a, b);
  const effect = { u, probabilityOfSuperiority: u / pairs, rankBiserial: (2 * u) / pairs - 1 };
  if (a.length + b.length <= exactUpTo) return { ...effect, ...counted(a, b), method: 'exact' };
  if (deviation === 0) return { ...effect, p: 1, pGreater: 1, method: 'normal' };
  const beyond = Math.max(0, Math.abs(u - pairs / 2) - 0.5);
  return {
    ...effect,
    p: Math.min(1, 2 * normalBeyond(beyond / deviation)),
    pGreater: normalBeyond((u - pairs / 2 - 0.5) / deviation),
    method: 'normal',
  };
};

const counted = (a: ArrayLike<number>, b: ArrayLike<number>): { readonly p: number; readonly pGreater: number } => {
  const { ranks, sum, tied } = doubledRanks(a, b);
  const ways = tied ? waysToDeal(ranks, a.length) : untiedWays(a.length, ranks.length);
  const mean = a.length * (ranks.length + 1);
  const distance = Math.abs(sum - mean);
  let [all, asFar, asHigh] = [0, 0, 0];
  for (const [at, count] of ways.entries()) {
    all += count;
    if (Math.abs(at - mean) >= distance) asFar += count;
    if (at >= sum) asHigh += count;
  }
  return { p: asFar / all, pGreater: asHigh / all };
};

/** The ranks of all values, doubled so that the middle of two ranks is a whole number, and the sum of those of `a`. */
const doubledRanks = (a: ArrayLike<number>, b: ArrayLike<number>) => {
  const ranks: number[] = [];
  let sum = 0;
  let tied = false;
  for (let i = 0, j = 0; i < a.length || j < b.length; ) {
    const value = Math.min(a[i] ?? Number.POSITIVE_INFINITY, b[j] ?? Number.POSITIVE_INFINITY);
    const [fromA, before] = [i, i + j];
    while (a[i] === value) i += 1;
    while (b[j] === value) j += 1;
    const equal = i + j - before;
    const rank = 2 * before + equal + 1;
    for (let k = 0; k < equal; k += 1) ranks.push(rank);
    sum += (i - fromA) * rank;
    tied ||= equal > 1;
  }
  return { ranks, sum, tied };
};

/**
 * In how many ways `size` of the ranks, which ascend, have each sum: they are offered one after another, and each is
 * taken or left. Doubles count the ways exactly: of 40 values there are at most 1.4 × 10¹¹.
 */
const waysToDeal = (ranks: readonly number[], size: number): Float64Array => {
  const upTo = new Float64Array(ranks.length + 1);
  for (const [at, rank] of ranks.entries()) upTo[at + 1] = (upTo[at] ?? 0) + rank;
  const between = (from: number, to: number): number => (upTo[to] ?? 0) - (upTo[from] ?? 0);
  const ways = Array.from({ length: size + 1 }, () => new Float64Array(between(ranks.length - size, ranks.length) + 1));
  ways[0]?.fill(1, 0, 1);
  for (const [offered, rank] of ranks.entries()) {
    // With fewer than this, all that is still to come could not fill the side.
    const least = Math.max(1, size - (ranks.length - 1 - offered));
    for (let taken = Math.min(offered + 1, size); taken >= least; taken -= 1) {
      const [fewer, these] = [ways[taken - 1], ways[taken]];
      if (!fewer || !these) continue;
      const most = between(offered + 1 - taken, offered + 1);
      for (let sum = between(0, taken - 1) + rank; sum <= most; sum += 1) {
        these[sum] = (these[sum] ?? 0) + (fewer[sum - rank] ?? 0);
      }
    }
  }
  return ways[size] ?? new Float64Array(0);
};

/** Without ties the ranks are always the same, and so are the ways: they are counted once for each pair of sizes. */
const untiedWays = (size: number, total: number): Float64Array => {
  const key = size * (exactUpTo + 1) + total;
  const known = untied.get(key);
  if (known) return known;
  const ranks = Array.from({ length: total }, (_, at) => 2 * (at + 1));
  const ways = waysToDeal(ranks, size);
  untied.set(key, ways);
  return ways;
};
const untied = new Map<number, Float64Array>();
