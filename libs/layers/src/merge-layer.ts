// One layer onto what the layers before it made. What the layer does not touch is shared with where it was said first.
import { isJsonObject, type JsonObject } from '@molthub/manifest';
import {
  type Attributed,
  joinedOrigin,
  type Origin,
  originOfItem,
  originOfKey,
  originsOfKeys,
  unknownOrigin,
} from './attributed.ts';
import { deleteForm, isForm, isMerging, own, replaceForm, valueForm } from './forms.ts';
import { identityOf, itemIdentity } from './item-identity.ts';
import type { MergeStrategy } from './layer.ts';
import type { ListSemantics, MergeRules } from './lists.ts';
import type { Count } from './meter.ts';
import { below } from './path-tree.ts';
import type { PreparedLayer } from './prepare-layer.ts';

type Rules = MergeRules | undefined;

/** A value that replaced one of another kind, or a list that replaced a list: allowed, and told. */
export type Replaced = {
  readonly layer: number;
  readonly parts: readonly (string | number)[];
  readonly what: 'kind' | 'list';
};

export type Onto = {
  /** The number of the layer in provenance. */
  readonly index: number;
  /** Whether `base` must stay as it is. Otherwise objects that were made by merging are written on. */
  readonly keepsBase: boolean;
  readonly replaced: Replaced[];
  readonly count: Count;
};

/** What merging needs to know of a layer on its way down. */
type Merging = Onto & {
  /** Nothing in the patch deletes or has a form, so its parts can be taken as they are. */
  readonly isPlain: boolean;
  readonly parts: (string | number)[];
};

export const mergeLayer = (base: Attributed, layer: PreparedLayer, onto: Onto): Attributed =>
  mergeValue(base, layer.layer.patch, layer.rules, { ...onto, isPlain: layer.isPlain, parts: [] });

/** `patch` is not `null`: who asks deletes. */
const mergeValue = (base: Attributed, patch: unknown, rules: Rules, merging: Merging): Attributed => {
  const { index } = merging;
  if (Array.isArray(patch)) {
    if (Array.isArray(base.value)) return mergeList(base.value, base, patch, rules, merging);
  } else if (isMerging(patch)) {
    if (rules?.said?.strategy === 'override') return { value: withoutForms(patch, rules, merging), origin: index };
    if (isJsonObject(base.value)) return mergeObject(base.value, base.origin, patch, rules, merging);
  } else if (isJsonObject(patch)) return { value: own(patch, valueForm), origin: index };
  if (base.value !== undefined && (isContainer(base.value) || isContainer(patch))) tell('kind', merging);
  return { value: withoutForms(patch, rules, merging), origin: index };
};

const isContainer = (value: unknown): boolean => typeof value === 'object' && value !== null;

const tell = (what: Replaced['what'], { index, parts, replaced }: Merging): void => {
  replaced.push({ layer: index, parts: [...parts], what });
};

const mergeObject = (
  value: JsonObject,
  origin: Origin,
  patch: JsonObject,
  rules: Rules,
  merging: Merging,
): Attributed => {
  const names = Object.keys(patch);
  if (names.length === 0) return { value, origin };
  const { index, isPlain, count } = merging;
  // Only what was merged before has origins by key, and nobody else holds it.
  const isOwned = typeof origin === 'object' && !merging.keepsBase;
  count(isOwned ? names.length : names.length + Object.keys(value).length);
  const merged: Record<string, unknown> = isOwned ? value : { ...value };
  const origins = originsOfKeys(value, origin, isOwned);
  const deleted = new Set<string>();
  for (const name of names) {
    const said = patch[name];
    const inherited = own(merged, name);
    if (said === null) {
      if (inherited !== undefined) deleted.add(name);
    } else if (
      inherited === undefined ? isPlain || !isContainer(said) : !isContainer(said) && !isContainer(inherited)
    ) {
      merged[name] = said;
      origins[name] = index;
    } else {
      merging.parts.push(name);
      const inheritedFrom = inherited === undefined ? index : originOfKey(origins, name);
      const made = mergeValue({ value: inherited, origin: inheritedFrom }, said, below(rules, name), merging);
      merging.parts.pop();
      merged[name] = made.value;
      origins[name] = made.origin;
    }
  }
  const left = deleted.size === 0 ? merged : without(merged, deleted, count);
  // An object without keys has nobody below it to say who made it.
  if (isEmpty(left)) return { value: left, origin: index };
  return { value: left, origin: deleted.size === 0 ? origins : without(origins, deleted, count) };
};

const isEmpty = (object: object): boolean => {
  for (const name in object) if (Object.hasOwn(object, name)) return false;
  return true;
};

const without = <Value>(
  object: Readonly<Record<string, Value>>,
  names: ReadonlySet<string>,
  count: Count,
): Record<string, Value> => {
  const entries = Object.entries(object);
  count(entries.length);
  const rest: Record<string, Value> = {};
  for (const [name, value] of entries) if (!names.has(name)) rest[name] = value;
  return rest;
};

/** What a patch makes where nothing is inherited. */
const withoutForms = (patch: unknown, rules: Rules, merging: Merging): unknown => {
  if (merging.isPlain) return patch;
  if (Array.isArray(patch)) return mergeList([], { value: [], origin: unknownOrigin }, patch, rules, merging).value;
  if (!isJsonObject(patch)) return patch;
  if (!isMerging(patch)) return own(patch, valueForm);
  const made: Record<string, unknown> = {};
  const entries = Object.entries(patch);
  merging.count(entries.length);
  for (const [name, said] of entries) {
    if (said !== null) made[name] = withoutForms(said, below(rules, name), merging);
  }
  return made;
};

type Item = { readonly value: unknown; readonly origin: Origin };

const mergeList = (
  list: readonly unknown[],
  base: Attributed,
  patch: readonly unknown[],
  rules: Rules,
  merging: Merging,
): Attributed => {
  merging.count(list.length + patch.length);
  const semantics = rules?.said?.list ?? 'atomic';
  const strategy = rules?.said?.strategy ?? (semantics === 'atomic' ? 'override' : 'merge');
  if (strategy === 'override') {
    if (rules?.said === undefined && list.length > 0) tell('list', merging);
    const items = semantics === 'atomic' ? patch : patch.flatMap((item) => itemAlone(item, semantics, rules, merging));
    return { value: items, origin: merging.index };
  }
  const inherited = list.map((value, index): Item => ({ value, origin: originOfItem(base.origin, index) }));
  return together(mergeItems(inherited, patch, { semantics, strategy, rules, merging }), merging.index);
};

type How = {
  readonly semantics: ListSemantics;
  readonly strategy: MergeStrategy;
  readonly rules: Rules;
  readonly merging: Merging;
};

const mergeItems = (inherited: readonly Item[], patch: readonly unknown[], how: How): readonly Item[] => {
  const { semantics, strategy, merging } = how;
  const added = (value: unknown): Item => ({ value, origin: merging.index });
  if (semantics === 'atomic' && strategy !== 'merge') return joined(inherited, patch.map(added), strategy);
  const identify = (item: unknown) => identityIn(item, semantics, merging);
  const standing: (Item | null)[] = [...inherited];
  const places = new Map(inherited.map(({ value }, place) => [identify(value), place]));
  const isNew = new Map<string, Item>();
  for (const said of patch) {
    const deleted = deletedBy(said, semantics);
    const place = places.get(deleted ?? identify(said));
    const known = place === undefined ? null : standing[place];
    if (place === undefined || !known) {
      for (const value of itemAlone(said, semantics, how.rules, merging)) isNew.set(identify(said), added(value));
    } else if (deleted !== undefined) standing[place] = null;
    else if (typeof semantics === 'object') standing[place] = changed(known, said, how);
  }
  const left = standing.filter((item) => item !== null);
  return joined(left, [...isNew.values()], strategy);
};

/** Telling objects apart takes as long as twenty keys do. */
const objectSteps = 20;

const identityIn = (item: unknown, semantics: ListSemantics, { count }: Merging): string => {
  if (typeof semantics !== 'object' && isContainer(item)) count(objectSteps);
  return itemIdentity(item, semantics);
};

const joined = (inherited: readonly Item[], added: readonly Item[], strategy: MergeStrategy): readonly Item[] =>
  strategy === 'prepend' ? [...added, ...inherited] : [...inherited, ...added];

/** An item that is known by its keys takes over what the layer says of it. */
const changed = (known: Item, said: unknown, { rules, semantics, merging }: How): Item => {
  if (isJsonObject(said) && said[replaceForm] === true) {
    const [value] = itemAlone(said, semantics, rules, merging);
    return { value, origin: merging.index };
  }
  const keys = typeof semantics === 'object' ? semantics.keys : [];
  const saidFirst = keys.map((key) => originOfKey(known.origin, key));
  const made = mergeValue(known, said, rules?.every, merging);
  if (!isJsonObject(made.value)) return made;
  // A layer names an item by its keys; who said them first made it.
  const origins = originsOfKeys(made.value, made.origin, true);
  for (const [index, key] of keys.entries()) origins[key] = saidFirst[index] ?? merging.index;
  return { value: made.value, origin: origins };
};

/** The identity of the item that is taken out. */
const deletedBy = (said: unknown, semantics: ListSemantics): string | undefined => {
  if (semantics === 'atomic' || !isJsonObject(said) || !Object.hasOwn(said, deleteForm)) return undefined;
  return semantics === 'set' ? identityOf(own(said, deleteForm)) : itemIdentity(said, semantics);
};

/** An item where nothing is inherited: none where it only deletes. */
const itemAlone = (said: unknown, semantics: ListSemantics, rules: Rules, merging: Merging): readonly unknown[] => {
  if (merging.isPlain || semantics === 'atomic') return [said];
  if (deletedBy(said, semantics) !== undefined) return [];
  if (semantics === 'set' || !isJsonObject(said)) return [said];
  return [withoutForms(plainItem(said), rules?.every, merging)];
};

const plainItem = (said: JsonObject): JsonObject =>
  Object.fromEntries(Object.entries(said).filter(([name]) => !isForm(name)));

const together = (items: readonly Item[], index: number): Attributed => ({
  value: items.map(({ value }) => value),
  origin: items.length === 0 ? index : joinedOrigin(items.map(({ origin }) => origin)),
});
