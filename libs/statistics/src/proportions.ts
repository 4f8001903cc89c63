// Shares of yes and no, such as error rates: how sure one is, and whether two of them differ.
import { normalQuantile } from './normal.ts';

export type Counts = { readonly hits: number; readonly total: number };
export type Interval = { readonly low: number; readonly high: number };
export type WithInterval = Interval & { readonly value: number };

/** z for both sides of an interval that holds the truth with `confidence`, such as 0.95. */
const sides = (confidence: number): number => normalQuantile(0.5 + confidence / 2);

/**
 * The share with Wilson's score interval, which holds also for no hits at all and for few of them.
 * Source: E. B. Wilson 1927; R. G. Newcombe, Statistics in Medicine 17 (1998) 857, method 3. Total must not be 0.
 */
export const wilson = ({ hits, total }: Counts, confidence: number): WithInterval => {
  check({ hits, total });
  const z = sides(confidence);
  const value = hits / total;
  const centre = (hits + (z * z) / 2) / (total + z * z);
  const half = (z * Math.sqrt(total * value * (1 - value) + (z * z) / 4)) / (total + z * z);
  return {
    value,
    low: hits === 0 ? 0 : Math.max(0, centre - half),
    high: hits === total ? 1 : Math.min(1, centre + half),
  };
};

/**
 * a − b with an interval made of Wilson's two.
 * Source: R. G. Newcombe, Statistics in Medicine 17 (1998) 873, method 10.
 */
export const differenceOfProportions = (a: Counts, b: Counts, confidence: number): WithInterval => {
  const [ofA, ofB] = [wilson(a, confidence), wilson(b, confidence)];
  const value = ofA.value - ofB.value;
  return {
    value,
    low: value - Math.hypot(ofA.value - ofA.low, ofB.high - ofB.value),
    high: value + Math.hypot(ofA.high - ofA.value, ofB.value - ofB.low),
  };
};

/**
 * Fisher's exact test, two-sided: how likely a table as unlikely as this one is where both shares are the same.
 * Starts at the likeliest table and goes outwards until nothing is left to add: thousands of steps for millions.
 */
export const fisherExact = (a: Counts, b: Counts): number => {
  const likelihoods = tables(a, b);
  const seen = (likelihoods.get(a.hits) ?? 0) * (1 + tolerance);
  const ascending = [...likelihoods.values()].sort((x, y) => x - y);
  const all = ascending.reduce((sum, p) => sum + p, 0);
  return Math.min(1, ascending.reduce((sum, p) => (p <= seen ? sum + p : sum), 0) / all);
};

/** Fisher's exact test, one-sided: how likely `a` has so large a part of all hits where both shares are the same. */
export const fisherExactGreater = (a: Counts, b: Counts): number => {
  let [all, asMany] = [0, 0];
  // The rarest first, so that small ones are not lost beside large ones.
  for (const [hits, p] of [...tables(a, b)].sort(([, x], [, y]) => x - y)) {
    all += p;
    if (hits >= a.hits) asMany += p;
  }
  return Math.min(1, asMany / all);
};

/** The hits that `a` may have of all hits there are, each with how likely it is compared with the likeliest. */
const tables = (a: Counts, b: Counts): ReadonlyMap<number, number> => {
  check(a);
  check(b);
  const hits = a.hits + b.hits;
  const total = a.total + b.total;
  const first = Math.max(0, hits - b.total);
  const last = Math.min(hits, a.total);
  const mode = Math.min(last, Math.max(first, Math.floor(((hits + 1) * (a.total + 1)) / (total + 2))));
  /** P(k + 1 hits in a) over P(k hits in a). */
  const step = (k: number): number => ((hits - k) * (a.total - k)) / ((k + 1) * (b.total - hits + k + 1));
  const likelihoods = new Map([[mode, 1]]);
  for (let k = mode, p = 1; k < last && p > negligible; k += 1) likelihoods.set(k + 1, (p *= step(k)));
  for (let k = mode, p = 1; k > first && p > negligible; k -= 1) likelihoods.set(k - 1, (p /= step(k - 1)));
  return likelihoods;
};
const negligible = 1e-300;
/** Two tables that are equally likely differ in their last digits. */
const tolerance = 1e-7;

/**
 * How many requests each side needs so that a share that goes from `from` to `to` is called different at `alpha`
 * (two-sided) with a chance of `power`.
 * Source: J. L. Fleiss, Statistical Methods for Rates and Proportions (1981), 3.2; as R's power.prop.test.
 */
export const totalToDetect = (from: number, to: number, alpha: number, power: number): number => {
  const middle = (from + to) / 2;
  const equal = normalQuantile(1 - alpha / 2) * Math.sqrt(2 * middle * (1 - middle));
  const apart = normalQuantile(power) * Math.sqrt(from * (1 - from) + to * (1 - to));
  return Math.ceil(((equal + apart) / (to - from)) ** 2);
};

const check = ({ hits, total }: Counts): void => {
  if (Number.isInteger(hits) && Number.isInteger(total) && hits >= 0 && hits <= total && total > 0) return;
  throw new RangeError(`${hits} of ${total} is no share: give whole numbers, 0 to the total, and a total above 0.`);
};
