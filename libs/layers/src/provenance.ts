// Reads where values are from.
import { childPath, isJsonObject } from '@molthub/manifest';
import { type Origin, originOfItem, originOfKey } from './attributed.ts';
import { own } from './forms.ts';
import type { LayerRef } from './layer.ts';
import type { Provenance } from './resolve-layers.ts';

/** A text, number, switch, null, empty object, or a list that is all of one layer. */
export type Leaf = { readonly path: string; readonly value: unknown; readonly layer: LayerRef };

/** Every leaf of a resolved value with its layer, sorted by path. */
export const leavesOf = (value: unknown, { layers, origin }: Provenance): readonly Leaf[] => {
  const leaves: Leaf[] = [];
  visitLeaves(value, origin, (path, leaf, index) => {
    const layer = layers[index];
    if (!layer) throw new Error(`No layer ${index} at ${path}: this provenance is of another value.`);
    leaves.push({ path, value: leaf, layer });
  });
  return leaves.toSorted((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
};

const visitLeaves = (
  value: unknown,
  origin: Origin,
  visit: (path: string, leaf: unknown, index: number) => void,
  path = '',
): void => {
  if (isJsonObject(value) && Object.keys(value).length > 0) {
    for (const [name, item] of Object.entries(value))
      visitLeaves(item, originOfKey(origin, name), visit, childPath(path, name));
  } else if (typeof origin === 'number') visit(path, value, origin);
  else if (Array.isArray(value)) {
    for (const [index, item] of value.entries())
      visitLeaves(item, originOfItem(origin, index), visit, childPath(path, index));
  } else throw new Error(`No layer at ${path}: this provenance is of another value.`);
};

/**
 * The provenance of a value after defaults: what they filled in or changed is theirs, all else keeps its layer. Items of
 * a list are compared by their place.
 */
export const withDefaults = (
  before: unknown,
  provenance: Provenance,
  after: unknown,
  defaults: LayerRef,
): Provenance => ({
  layers: [...provenance.layers, defaults],
  origin: originAfter(before, provenance.origin, after, provenance.layers.length),
});

const originAfter = (before: unknown, origin: Origin, after: unknown, index: number): Origin => {
  if (before === after) return origin;
  if (isJsonObject(before) && isJsonObject(after)) {
    const names = Object.keys(after);
    if (names.length === 0) return Object.keys(before).length === 0 ? origin : index;
    return Object.fromEntries(
      names.map((name) => {
        const [one, other] = [own(before, name), own(after, name)];
        return [name, one === undefined ? index : originAfter(one, originOfKey(origin, name), other, index)];
      }),
    );
  }
  if (Array.isArray(before) && Array.isArray(after)) {
    if (after.length === 0) return before.length === 0 ? origin : index;
    return after.map((item: unknown, at) =>
      at < before.length ? originAfter(before[at], originOfItem(origin, at), item, index) : index,
    );
  }
  return index;
};
