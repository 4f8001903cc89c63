export { normalBeyond, normalQuantile } from './normal.ts';
export {
  type Counts,
  differenceOfProportions,
  fisherExact,
  type Interval,
  type WithInterval,
  wilson,
} from './proportions.ts';
export { mannWhitney, quantile, type RankTest, shift } from './ranks.ts';
