// Two samples of measured values, such as latencies, compared without an assumption about how they are distributed.
import { normalBeyond, normalQuantile } from './normal.ts';
import type { WithInterval } from './proportions.ts';

/** The value that a share of `p` lies at or below, by linear interpolation (type 7 of Hyndman and Fan, as in R). */
export const quantile = (ascending: ArrayLike<number>, p: number): number => {
  const at = (ascending.length - 1) * p;
  const below = Math.floor(at);
  const [low, high] = [ascending[below], ascending[Math.min(below + 1, ascending.length - 1)]];
  if (low === undefined || high === undefined) throw new RangeError('An empty sample has no quantiles.');
  return low + (at - below) * (high - low);
};

export type RankTest = {
  /** Pairs in which the value of `a` is the larger; ties count half. */
  readonly u: number;
  readonly p: number;
  /** How likely a value of `a` is larger than one of `b`: 0.5 where neither is. */
  readonly probabilityOfSuperiority: number;
  /** −1 to 1: the share of pairs in which `a` is larger, less that in which it is smaller. */
  readonly rankBiserial: number;
};

/**
 * Mann and Whitney's test, two-sided, by the normal approximation with corrections for ties and for continuity.
 * Both samples in ascending order, neither empty. Good from about ten values on each side.
 */
export const mannWhitney = (a: ArrayLike<number>, b: ArrayLike<number>): RankTest => {
  const pairs = a.length * b.length;
  const { u, deviation } = rankDeviation(a, b);
  const distance = Math.max(0, Math.abs(u - pairs / 2) - 0.5);
  return {
    u,
    // Where every value is the same there is nothing that could differ.
    p: deviation > 0 ? Math.min(1, 2 * normalBeyond(distance / deviation)) : 1,
    probabilityOfSuperiority: u / pairs,
    rankBiserial: (2 * u) / pairs - 1,
  };
};

/**
 * U, the pairs in which the value of `a` is the larger (ties count half), and its standard deviation where neither side
 * is higher, corrected for ties: 0 where every value is the same. Both in ascending order, neither empty.
 */
export const rankDeviation = (
  a: ArrayLike<number>,
  b: ArrayLike<number>,
): { readonly u: number; readonly deviation: number } => {
  const pairs = a.length * b.length;
  if (pairs === 0) throw new RangeError('An empty sample compares with nothing.');
  const { rankSum, ties } = ranked(a, b);
  const total = a.length + b.length;
  return {
    u: rankSum - (a.length * (a.length + 1)) / 2,
    deviation: Math.sqrt((pairs / 12) * (total + 1 - ties / (total * (total - 1)))),
  };
};

/** Merges both; `ties` is the sum of t³ − t over groups of t equal values. */
const ranked = (a: ArrayLike<number>, b: ArrayLike<number>): { readonly rankSum: number; readonly ties: number } => {
  let rankSum = 0;
  let ties = 0;
  for (let i = 0, j = 0; i < a.length || j < b.length; ) {
    const value = Math.min(a[i] ?? Number.POSITIVE_INFINITY, b[j] ?? Number.POSITIVE_INFINITY);
    const [fromA, fromB] = [i, j];
    while (a[i] === value) i += 1;
    while (b[j] === value) j += 1;
    const tied = i - fromA + j - fromB;
    if (tied === 0) throw new RangeError('A sample holds a value that is no number.');
    rankSum += (i - fromA) * (fromA + fromB + (tied + 1) / 2);
    ties += tied ** 3 - tied;
  }
  return { rankSum, ties };
};

/**
 * By how much the values of `a` lie above those of `b`: the median of all differences (Hodges and Lehmann), with
 * Moses's distribution-free interval. Both in ascending order, neither empty. Differences are counted, never kept:
 * two samples of 10,000 need no 10⁸ numbers.
 */
export const shift = (a: ArrayLike<number>, b: ArrayLike<number>, confidence: number): WithInterval => {
  const pairs = a.length * b.length;
  if (pairs === 0) throw new RangeError('An empty sample compares with nothing.');
  const z = normalQuantile(0.5 + confidence / 2);
  const beyond = Math.floor(pairs / 2 - z * Math.sqrt((pairs * (a.length + b.length + 1)) / 12));
  return between(a, b, Math.max(1, beyond));
};

/**
 * The same with the interval that the test itself gives, turned round: every shift that it would not call different,
 * corrected for ties and for continuity, as R's wilcox.test(conf.int = TRUE, exact = FALSE) does. R looks for its ends
 * with a tolerance of 10⁻⁴ on a function that jumps; here they are the differences at which it jumps.
 */
export const shiftByTest = (a: ArrayLike<number>, b: ArrayLike<number>, confidence: number): WithInterval => {
  const pairs = a.length * b.length;
  if (pairs === 0) throw new RangeError('An empty sample compares with nothing.');
  // Between two differences only values of the same side are tied.
  const ties = tiesOf(a) + tiesOf(b);
  const total = a.length + b.length;
  const deviation = Math.sqrt((pairs / 12) * (total + 1 - ties / (total * (total - 1))));
  const z = normalQuantile(0.5 + confidence / 2);
  return between(a, b, Math.max(1, Math.floor(pairs / 2 - 0.5 - z * deviation) + 1));
};

/** The median of all differences, and those that are the `outer` ones from either end. */
const between = (first: ArrayLike<number>, second: ArrayLike<number>, outer: number): WithInterval => {
  const [a, b] = [sampleOf(first), sampleOf(second)];
  const pairs = a.length * b.length;
  const middle = nthDifference(a, b, Math.floor((pairs + 1) / 2));
  // Of an even number there are two in the middle, the second next to the first.
  const { count, above } = differencesUpTo(a, b, middle);
  const next = pairs % 2 === 1 || count > pairs / 2 ? middle : above;
  return {
    value: (middle + next) / 2,
    low: nthDifference(a, b, outer),
    high: nthDifference(a, b, pairs + 1 - outer),
  };
};

const sampleOf = (ascending: ArrayLike<number>): Float64Array => {
  const sample = ascending instanceof Float64Array ? ascending : Float64Array.from(ascending);
  if (sample.some(Number.isNaN)) throw new RangeError('A sample holds a value that is no number.');
  return sample;
};

/** The sum of t³ − t over groups of t equal values. */
const tiesOf = (ascending: ArrayLike<number>): number => {
  let sum = 0;
  for (let from = 0; from < ascending.length; ) {
    let to = from + 1;
    while (to < ascending.length && ascending[to] === ascending[from]) to += 1;
    sum += (to - from) ** 3 - (to - from);
    from = to;
  }
  return sum;
};

/**
 * The `nth` (from 1) smallest of all a − b, looked for where a straight line between what is known of both ends of its
 * range says (false position, Illinois: an end that stays again weighs half), and after some walks every third time in the
 * middle, so that no shape of the samples can hold it up. The range ends at differences that there are: where many are equal,
 * halving to the last double would take a thousand walks.
 */
const nthDifference = (a: Float64Array, b: Float64Array, nth: number): number => {
  let low = (a.at(0) ?? NaN) - (b.at(-1) ?? NaN);
  let high = (a.at(-1) ?? NaN) - (b.at(0) ?? NaN);
  const first = differencesUpTo(a, b, low).count;
  if (first >= nth) return low;
  // How many too few there are up to `low`, and too many up to `high`; the half keeps both from being 0.
  let [tooFew, tooMany] = [nth - first - 0.5, a.length * b.length - nth + 0.5];
  let moved: 'low' | 'high' | null = null;
  for (let walk = 1; ; walk += 1) {
    const share = walk > straightWalks && walk % 3 === 0 ? 0.5 : tooFew / (tooFew + tooMany);
    const limit = low + share * (high - low);
    const middle = limit > low && limit < high ? limit : low + (high - low) / 2;
    if (middle <= low || middle >= high) return high;
    const { count, below, above } = differencesUpTo(a, b, middle);
    if (count === nth) return below;
    if (count === nth - 1 || (count < nth && above >= high)) return above;
    if (count > nth) {
      [high, tooMany] = [below, count - nth + 0.5];
      if (moved === 'high') tooFew /= 2;
      moved = 'high';
    } else {
      [low, tooFew] = [middle, nth - count - 0.5];
      if (moved === 'low') tooMany /= 2;
      moved = 'low';
    }
  }
};
/** Samples of one peak need fewer. */
const straightWalks = 9;

/**
 * How many differences are at most `limit`, and which are next to it on either side. One walk along both: the larger
 * the value of `a`, the fewer of `b` are too small for it.
 */
const differencesUpTo = (a: Float64Array, b: Float64Array, limit: number) => {
  let [count, below, above] = [0, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  let tooSmall = 0;
  // Where the walk is in `b`: the first value that is not too small, and the one before it.
  let [here, before] = [b[0] ?? NaN, NaN];
  for (const value of a) {
    while (value - here > limit) {
      tooSmall += 1;
      before = here;
      here = b[tooSmall] ?? NaN;
    }
    count += b.length - tooSmall;
    if (value - here > below) below = value - here;
    if (value - before < above) above = value - before;
  }
  return { count, below, above };
};
