export { exactUpTo, rankTest, type SidedRankTest } from './exact-ranks.ts';
export { alphaOfLook, holm } from './many-tests.ts';
export { mean, meanRatio } from './means.ts';
export { normalBeyond, normalQuantile } from './normal.ts';
export {
  type Counts,
  differenceOfProportions,
  fisherExact,
  fisherExactGreater,
  type Interval,
  totalToDetect,
  type WithInterval,
  wilson,
} from './proportions.ts';
export { mannWhitney, quantile, rankDeviation, type RankTest, shift, shiftByTest } from './ranks.ts';
