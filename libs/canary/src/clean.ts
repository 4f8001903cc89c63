// What is done to measured values before they are compared.
import { quantile } from '@molthub/statistics';

/** What stands for a value that is missing (NaN): nothing, or 0 where none measured means none happened. */
export type Missing = 'remove' | 'zero';

export const withoutMissing = (values: readonly number[], missing: Missing): readonly number[] =>
  missing === 'remove'
    ? values.filter((value) => !Number.isNaN(value))
    : values.map((value) => (Number.isNaN(value) ? 0 : value));

/**
 * Values that lie further beyond a quartile than `factor` times the distance between the quartiles (Tukey's fences),
 * at the same places as the values. With `sparing`, none of the middle 98 % is one: where most values are equal, that
 * distance is 0, and every other value would be an outlier.
 */
export const outliers = (
  values: readonly number[],
  factor: number,
  { sparing = false }: { readonly sparing?: boolean } = {},
): readonly boolean[] => {
  if (!(factor > 0)) throw new RangeError(`The factor ${factor} would call everything an outlier: give one above 0.`);
  if (values.length === 0) return [];
  const ascending = values.toSorted((x, y) => x - y);
  const [lower, upper] = [quantile(ascending, 0.25), quantile(ascending, 0.75)];
  const reach = factor * (upper - lower);
  const low = sparing ? Math.min(lower - reach, quantile(ascending, 0.01)) : lower - reach;
  const high = sparing ? Math.max(upper + reach, quantile(ascending, 0.99)) : upper + reach;
  return values.map((value) => value < low || value > high);
};

export const withoutOutliers = (
  values: readonly number[],
  factor: number,
  options: { readonly sparing?: boolean } = {},
): readonly number[] => {
  const out = outliers(values, factor, options);
  return values.filter((_, at) => out[at] !== true);
};
