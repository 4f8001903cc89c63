export { type Classified, classify, type Direction, type EffectLimits, type Label, type Measure } from './classify.ts';
export { type Missing, outliers, withoutMissing, withoutOutliers } from './clean.ts';
export { meaningOf, type Score, type Scored, scoreOf } from './score.ts';
