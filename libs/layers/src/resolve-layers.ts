// template → profiles by priority → overlays by priority → instance, folded once; secure defaults are the caller's.
import type { JsonObject } from '@molthub/manifest';
import { isJsonObject } from '@molthub/manifest';
import type { Attributed } from './attributed.ts';
import { type Conflict, conflictsOf, undecided } from './conflicts.ts';
import { type Layer, layerLimits } from './layer.ts';
import { type Lists, noLists } from './lists.ts';
import { brokenLocks } from './locks.ts';
import { mergeLayer, type Replaced } from './merge-layer.ts';
import { type Count, counting, TooMuchWork } from './meter.ts';
import { type PreparedLayer, prepareLayer, sorted } from './prepare-layer.ts';
import { type LayerProblem, layerProblem, pathOfParts } from './problem.ts';
import type { Provenance } from './provenance.ts';

export type Resolved = {
  readonly sound: true;
  readonly value: JsonObject;
  readonly provenance: Provenance;
  /** Of layers without an order among them, all decided by a later layer. */
  readonly conflicts: readonly Conflict[];
  /** Where a value replaced one of another kind, or a list another: `warningsOf` says it in words. */
  readonly replaced: readonly Replaced[];
};

export type Resolution = Resolved | { readonly sound: false; readonly problems: readonly LayerProblem[] };

export const resolveLayers = (layers: readonly Layer[], lists: Lists = noLists): Resolution => {
  const prepared: PreparedLayer[] = [];
  for (const layer of layers) {
    prepared.push(prepareLayer(layer, lists));
    // More is refused anyway, and needs no look.
    if (tooMuch(prepared) !== null) break;
  }
  return resolvePrepared(prepared);
};

/**
 * What the layers make together, in any order of theirs: equal layers give an equal result. Refused, with every reason,
 * where a layer is not sound, a lock is broken, or equals differ. Pure; never throws. Values are shared with the
 * patches, so nobody may change them.
 */
export const resolvePrepared = (given: readonly PreparedLayer[]): Resolution => {
  const unsound = unsoundOf(given);
  if (unsound.length > 0) return { sound: false, problems: unsound };
  const layers = sorted(given);
  try {
    return folded(layers, counting());
  } catch (error) {
    if (!(error instanceof TooMuchWork)) throw error;
    const message = `${error.message} Say fewer fields, items and locks in them.`;
    return {
      sound: false,
      problems: [layerProblem({ path: '', code: 'config.too-much-work', message, layers: someOf(given) })],
    };
  }
};

const folded = (layers: readonly PreparedLayer[], count: Count): Resolution => {
  const replaced: Replaced[] = [];
  let made: Attributed = { value: nothing, origin: 0 };
  for (const [index, layer] of layers.entries()) {
    made = mergeLayer(made, layer, { index, keepsBase: false, replaced, count });
  }
  const conflicts = conflictsOf(layers, count);
  const problems = [
    ...conflicts.filter(({ decidedBy }) => decidedBy === null).map(undecided),
    ...brokenLocks(layers, replaced, count),
  ];
  if (problems.length > 0) return { sound: false, problems };
  const value = isJsonObject(made.value) ? made.value : nothing;
  const provenance = { layers: layers.map(({ ref }) => ref), origin: made.origin };
  return { sound: true, value, provenance, conflicts, replaced };
};

/** Enough to know which are meant. */
const someOf = (layers: readonly PreparedLayer[]) => layers.slice(0, 10).map(({ ref }) => ref);

const nothing: JsonObject = {};

const unsoundOf = (given: readonly PreparedLayer[]): readonly LayerProblem[] => {
  const problems = given.flatMap((layer) => layer.problems);
  const limit = tooMuch(given);
  return limit === null ? problems : [...problems, layerProblem({ path: '', ...limit, layers: someOf(given) })];
};

/** What of the limits on all layers together is passed. */
const tooMuch = (given: readonly PreparedLayer[]): { readonly code: string; readonly message: string } | null => {
  const { layersMax, allLocksMax, bytesMax } = layerLimits;
  if (given.length > layersMax) {
    return {
      code: 'config.too-many',
      message: `At most ${layersMax} layers may apply to one bot. Merge some of them.`,
    };
  }
  const bytes = given.reduce((sum, layer) => sum + layer.bytes, 0);
  const locks = given.reduce((sum, layer) => sum + layer.locks.length, 0);
  if (bytes > bytesMax) {
    return {
      code: 'config.too-large',
      message: `The layers have more than ${bytesMax} bytes together; make them smaller.`,
    };
  }
  if (locks > allLocksMax) {
    return {
      code: 'config.too-many',
      message: `The layers lock more than ${allLocksMax} paths together; lock what is above.`,
    };
  }
  return null;
};

/** What was allowed and may not have been meant. */
export const warningsOf = ({ replaced, provenance: { layers } }: Resolved): readonly LayerProblem[] =>
  replaced.map(({ layer, parts, what }) => {
    const path = pathOfParts(parts);
    const from = layers.slice(layer, layer + 1);
    const message =
      what === 'kind'
        ? 'This replaces a value of another kind, such as a list by a text.'
        : 'This list replaces the inherited one. Say so with the merge strategy "override", or add to it with "append".';
    return layerProblem({ path, code: `config.${what}-replaced`, message, layers: from });
  });
