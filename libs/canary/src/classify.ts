// One measure of a canary against the same of its control: is it higher, lower, or neither?
import {
  mannWhitney,
  meanRatio,
  normalQuantile,
  rankDeviation,
  shiftByTest,
  type WithInterval,
} from '@molthub/statistics';

/** Which way is worse. */
export type Direction = 'increase' | 'decrease' | 'either';

/** NODATA_FAIL: a measure that has to have values has none, and that alone is not critical. */
export type Label = 'HIGH' | 'LOW' | 'PASS' | 'NODATA' | 'NODATA_FAIL';

/**
 * How large an effect has to be. By `mean-ratio` (canary over control, 1 for none) or by `superiority` (how likely a
 * value of the canary is above one of the control, 0.5 for none); what is left out is the value for none.
 */
export type EffectLimits = {
  readonly measure: 'mean-ratio' | 'superiority';
  readonly allowedIncrease?: number;
  readonly allowedDecrease?: number;
  readonly criticalIncrease?: number;
  readonly criticalDecrease?: number;
};

export type Measure = {
  readonly canary: readonly number[];
  readonly control: readonly number[];
  readonly direction: Direction;
  /** The part of the estimated shift that the shift has to exceed for sure; 0.25 by default. */
  readonly tolerance?: number;
  /** How sure; 0.98 by default. */
  readonly confidence?: number;
  readonly effect?: EffectLimits;
  /** High or low beyond the critical effect, or without values, it decides alone. */
  readonly critical?: boolean;
  /** That there are no values is a failure of the measure. */
  readonly required?: boolean;
  /** No values at all say that nothing happened, which is well. */
  readonly emptyIsZero?: boolean;
};

export type Classified = {
  readonly label: Label;
  readonly critical: boolean;
  /** Mean of the canary over that of the control; null where one of them is 0. */
  readonly ratio: number | null;
  /** By how much the canary lies above the control; null where nothing was compared. */
  readonly shift: WithInterval | null;
  readonly reason: string;
};

/**
 * High or low where Mann and Whitney's test says so of the values even after the canary is moved towards the control by
 * `tolerance` of the estimated shift (Hodges and Lehmann), and the effect is at least as large as allowed. That is where
 * the interval of the shift ends beyond the tolerance; where values are tied at its end, the test itself decides.
 *
 * It agrees with Kayenta's judge on what Kayenta's own tests compare, without its noise on constant values: their ranks
 * are the middle ones. Deterministic.
 */
export const classify = (measure: Measure): Classified => {
  const { critical = false, required = false } = measure;
  const [canary, control] = [ascending(measure.canary), ascending(measure.control)];
  const alike = { critical: false, ratio: 1, shift: null };
  if (canary.length === 0 || control.length === 0) {
    if (measure.emptyIsZero === true) return { ...alike, label: 'PASS', reason: 'There are no values: none happened.' };
    const side = canary.length === 0 ? 'The canary' : 'The control';
    const label = required && !critical ? 'NODATA_FAIL' : 'NODATA';
    return { ...alike, label, critical, reason: `${side} has no values.` };
  }
  if (canary.length === control.length && canary.every((value, at) => value === control[at])) {
    return { ...alike, label: 'PASS', reason: 'The values of both are the same.' };
  }
  const confidence = measure.confidence ?? 0.98;
  const shift = shiftByTest(canary, control, confidence);
  const tolerated = (measure.tolerance ?? 0.25) * Math.abs(shift.value);
  const z = normalQuantile(0.5 + confidence / 2);
  const ratio = meanRatio(canary, control);
  const limits = limitsOf(measure.effect);
  // An effect that cannot be computed limits nothing.
  const effect = limits.measure === 'superiority' ? mannWhitney(canary, control).probabilityOfSuperiority : ratio;
  const above = (limit: number) => effect === null || effect >= limit;
  const below = (limit: number) => effect === null || effect <= limit;
  const found = { ratio, shift };
  if (measure.direction !== 'decrease' && lies(canary, control, tolerated) > z && above(limits.allowedIncrease)) {
    return {
      ...found,
      label: 'HIGH',
      critical: critical && above(limits.criticalIncrease),
      reason: said('above', shift),
    };
  }
  if (measure.direction !== 'increase' && -lies(canary, control, -tolerated) > z && below(limits.allowedDecrease)) {
    return {
      ...found,
      label: 'LOW',
      critical: critical && below(limits.criticalDecrease),
      reason: said('below', shift),
    };
  }
  return { ...found, label: 'PASS', critical: false, reason: 'The canary lies neither above nor below for sure.' };
};

const ascending = (values: readonly number[]): Float64Array => Float64Array.from(values).sort();

/** How many standard deviations `a`, lowered by `by`, lies above `b`, corrected for continuity. */
const lies = (a: Float64Array, b: Float64Array, by: number): number => {
  const { u, deviation } = rankDeviation(
    a.map((value) => value - by),
    b,
  );
  const distance = u - (a.length * b.length) / 2;
  return deviation === 0 ? 0 : (distance - 0.5 * Math.sign(distance)) / deviation;
};

const limitsOf = (effect: EffectLimits = { measure: 'mean-ratio' }) => {
  const none = effect.measure === 'superiority' ? 0.5 : 1;
  return {
    allowedIncrease: none,
    allowedDecrease: none,
    criticalIncrease: none,
    criticalDecrease: none,
    ...effect,
  };
};

const said = (where: 'above' | 'below', { value, low, high }: WithInterval): string =>
  `The canary lies ${where}: by ${digits(value)} (${digits(low)} to ${digits(high)}).`;
const digits = (value: number): string => String(Number(value.toPrecision(4)));
