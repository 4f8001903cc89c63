// What a comparison of two shares can see, before it is made.
import { normalBeyond, normalQuantile } from '@molthub/statistics';

/** So many requests on each side; `rate` is the share of failed ones that nothing has changed. */
export type Comparison = {
  readonly canary: number;
  readonly control: number;
  readonly rate: number;
  /** How likely no change may be called a rise; one-sided, since only a rise is looked for. */
  readonly alpha: number;
};

/**
 * How likely a rise of the canaries' share by `rise` is seen.
 * Source: J. L. Fleiss, B. Levin, M. C. Paik, Statistical Methods for Rates and Proportions (2003), ch. 4, for groups of
 * different sizes and without a correction for continuity: exact tests of few failures see somewhat less.
 */
export const powerOf = (rise: number, { canary, control, rate, alpha }: Comparison): number => {
  const risen = Math.min(1, rate + rise);
  const pooled = (canary * risen + control * rate) / (canary + control);
  const alike = Math.sqrt(spreadOf(pooled) * (1 / canary + 1 / control));
  const apart = Math.sqrt(spreadOf(risen) / canary + spreadOf(rate) / control);
  const distance = rise - normalQuantile(1 - alpha) * alike;
  if (apart === 0) return distance > 0 ? 1 : 0;
  return normalBeyond(-distance / apart);
};

const spreadOf = (share: number): number => share * (1 - share);

/** The smallest rise that is seen with that power; null where even all requests failing would not be. */
export const smallestRise = (comparison: Comparison, power: number): number | null => {
  let [low, high] = [0, 1 - comparison.rate];
  if (powerOf(high, comparison) < power) return null;
  for (let halvings = 0; halvings < 50; halvings += 1) {
    const middle = (low + high) / 2;
    if (powerOf(middle, comparison) < power) low = middle;
    else high = middle;
  }
  return high;
};

/**
 * How many requests of the canaries it takes to see `rise` with that power, where each of them goes with `ratio` of
 * the others: the same formula, solved for the number.
 */
export const requestsFor = (
  rise: number,
  { ratio, rate, alpha }: { readonly ratio: number; readonly rate: number; readonly alpha: number },
  power: number,
): number => {
  const risen = Math.min(1, rate + rise);
  const pooled = (risen + ratio * rate) / (1 + ratio);
  const alike = normalQuantile(1 - alpha) * Math.sqrt(spreadOf(pooled) * (1 + 1 / ratio));
  const apart = normalQuantile(power) * Math.sqrt(spreadOf(risen) + spreadOf(rate) / ratio);
  return Math.ceil(((alike + apart) / (risen - rate)) ** 2);
};
