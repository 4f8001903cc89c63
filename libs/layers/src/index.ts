// Layered configuration, pure: how layers resolve, where each value is from, what a percentage and a schedule mean.
export type { Origin } from './attributed.ts';
export type { Conflict } from './conflicts.ts';
export {
  type Layer,
  type LayerKind,
  layerKinds,
  layerLimits,
  type LayerRef,
  type MergeStrategy,
} from './layer.ts';
export { type PreparedLayer, prepareLayer } from './prepare-layer.ts';
export type { LayerProblem } from './problem.ts';
export { type Explanation, explain, type Statement } from './explain.ts';
export {
  type Leaf,
  leavesOf,
  placeIn,
  type Provenance,
  type ProvenDifference,
  provenDifferences,
  withDefaults,
} from './provenance.ts';
export {
  type Resolution,
  type Resolved,
  resolveLayers,
  resolvePrepared,
  warningsOf,
} from './resolve-layers.ts';
export { composePatches, mergePatch, patchBetween } from './merge-patch.ts';
export { cohort, cohortOf, type CohortSize, cohortSize, type Ranked, rankOf } from './cohort.ts';
export { isTimeZone } from './local-time.ts';
export { activeAt, type Edge, meet, nextEdge, type Schedule, scheduleProblems } from './schedule.ts';
export { declareLists, type Lists, type ListSemantics, manifestLists } from './lists.ts';
export { applyJsonPatch, jsonPatchBetween, jsonPatchLimits, type JsonPatchOperation } from './json-patch.ts';
