// Reads where values are from.
import { childPath, type Difference, equal, isItemWith, isJsonObject, type PathStep } from '@molthub/manifest';
import { type Attributed, joinedOrigin, type Origin, originOfItem, originOfKey, unknownOrigin } from './attributed.ts';
import { own } from './forms.ts';
import { itemText } from './item-identity.ts';
import type { LayerRef } from './layer.ts';

/** Where each value is from, as plain JSON. `layers` is what the numbers in `origin` mean. */
export type Provenance = { readonly layers: readonly LayerRef[]; readonly origin: Origin };

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

/** A place in a value, with its path and origin; `value` is undefined where nothing stands. */
export type PlaceIn = Attributed & { readonly path: string };

/** Where one path leads. */
export const placeIn = (root: Attributed, steps: readonly PathStep[]): PlaceIn => {
  let here: PlaceIn = { ...root, path: '' };
  for (const step of steps) here = childOf(here, step);
  return here;
};

const childOf = ({ value, origin, path }: PlaceIn, step: PathStep): PlaceIn => {
  if (step.kind === 'name' && isJsonObject(value)) {
    const item = own(value, step.name);
    return { value: item, origin: originOfKey(origin, step.name), path: childPath(path, step.name) };
  }
  if (Array.isArray(value)) {
    const items: readonly unknown[] = value;
    const index = step.kind === 'item' ? items.findIndex((item) => isItemWith(item, step.keys)) : indexOf(step);
    if (index >= 0) return { value: items[index], origin: originOfItem(origin, index), path: childPath(path, index) };
  }
  return { value: undefined, origin: unknownOrigin, path: path + stepText(step, path) };
};

const indexOf = (step: PathStep): number => (step.kind === 'index' ? step.index : -1);

const stepText = (step: PathStep, above: string): string => {
  if (step.kind === 'name') return childPath(above, step.name).slice(above.length);
  if (step.kind === 'index') return `[${step.index}]`;
  return step.kind === 'every' ? '[*]' : itemText(step.keys);
};

/** The layers, by their numbers, that what stands at a place is of. */
export const layersIn = ({ value, origin }: Attributed): ReadonlySet<number> => {
  const found = new Set<number>();
  if (value !== undefined) visitLeaves(value, origin, (_, __, index) => found.add(index));
  return found;
};

export type ProvenDifference = Difference & {
  /** The layers that each side is of: none where nothing stands. */
  readonly beforeFrom: readonly LayerRef[];
  readonly afterFrom: readonly LayerRef[];
};

type Proven = { readonly value: unknown; readonly provenance: Provenance };

/** How two resolutions differ, sorted by path, and which layers each side is of. Lists are compared as a whole. */
export const provenDifferences = (before: Proven, after: Proven): readonly ProvenDifference[] => {
  const differences: ProvenDifference[] = [];
  const visit = (one: PlaceIn, other: PlaceIn): void => {
    if (isJsonObject(one.value) && isJsonObject(other.value)) {
      for (const name of new Set([...Object.keys(one.value), ...Object.keys(other.value)])) {
        visit(childOf(one, { kind: 'name', name }), childOf(other, { kind: 'name', name }));
      }
    } else if (!equal(one.value, other.value)) {
      const [beforeFrom, afterFrom] = [refsIn(one, before.provenance), refsIn(other, after.provenance)];
      differences.push({ path: one.path, before: one.value, after: other.value, beforeFrom, afterFrom });
    }
  };
  const root = ({ value, provenance: { origin } }: Proven): PlaceIn => ({ value, origin, path: '' });
  visit(root(before), root(after));
  return differences.toSorted((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
};

const refsIn = (place: Attributed, { layers }: Provenance): readonly LayerRef[] =>
  [...layersIn(place)].toSorted((a, b) => a - b).flatMap((index) => layers.slice(index, index + 1));

/**
 * The provenance of a value after defaults: what they filled in or changed is theirs, all else keeps its layer. `before`
 * is what was resolved; whatever else stands in it, such as what a schema filled in, counts as of the defaults too. Items
 * of a list are compared by their place.
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
  if (typeof origin === 'number' && before === after) return origin;
  if (isJsonObject(before) && isJsonObject(after)) {
    const names = Object.keys(after);
    if (names.length === 0) return Object.keys(before).length === 0 && typeof origin === 'number' ? origin : index;
    return Object.fromEntries(
      names.map((name) => [name, originAfter(own(before, name), originOfKey(origin, name), after[name], index)]),
    );
  }
  if (Array.isArray(before) && Array.isArray(after) && after.length > 0) {
    return joinedOrigin(
      after.map((item: unknown, at) => originAfter(before[at], originOfItem(origin, at), item, index)),
    );
  }
  return typeof origin === 'number' && equal(before, after) ? origin : index;
};
