// The normal distribution, as exact as doubles allow; every interval and every p of this library comes from here.

/** The share of a standard normal distribution above `z`; far out it keeps its digits, where 1 − cdf would have none. */
export const normalBeyond = (z: number): number =>
  z < 0 ? 1 - normalBeyond(-z) : z < seriesEnd ? 0.5 - bySeries(z) : byFraction(z);

/** The `z` that a share of `p` (0 < p < 1) of a standard normal distribution lies below. */
export const normalQuantile = (p: number): number => {
  if (!(p > 0 && p < 1)) throw new RangeError(`The quantile of ${p} does not exist: a share lies between 0 and 1.`);
  let [low, high] = [-40, 40];
  for (;;) {
    const middle = (low + high) / 2;
    if (middle === low || middle === high) return middle;
    if (normalBeyond(middle) > 1 - p) low = middle;
    else high = middle;
  }
};

/** Below, the series needs few terms; above, the fraction does. */
const seriesEnd = 3;
const density = (z: number): number => Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI);

/** Share between 0 and `z`: z + z³/3 + z⁵/(3·5) + …, times the density (Abramowitz and Stegun 26.2.11). */
const bySeries = (z: number): number => {
  let term = z;
  let sum = z;
  for (let odd = 3; term > sum * Number.EPSILON; odd += 2) {
    term *= (z * z) / odd;
    sum += term;
  }
  return sum * density(z);
};

/** Share above `z`: the density over z + 1/(z + 2/(z + 3/(…))) (Abramowitz and Stegun 26.2.14), from its far end. */
const byFraction = (z: number): number => {
  let fraction = z;
  for (let k = fractionTerms; k > 0; k -= 1) fraction = z + k / fraction;
  return density(z) / fraction;
};
const fractionTerms = 100;
