// One layer onto what the layers before it made. Nothing given is changed: what the layer does not touch is shared.
import { isJsonObject, type JsonObject } from '@molthub/manifest';
import { type Attributed, type Origin, originOfItem, originOfKey, originsOfKeys } from './attributed.ts';
import { deleteForm, isForm, isMerging, own, replaceForm, valueForm } from './forms.ts';
import { identityOf, itemIdentity } from './item-identity.ts';
import type { ListSemantics, MergeStrategy } from './layer.ts';
import { below, type PathTree } from './path-tree.ts';
import type { MergeRule, PreparedLayer } from './prepare-layer.ts';

type Rules = PathTree<MergeRule> | undefined;

/** A value that replaced one of another kind, or a list that replaced a list: allowed, and told. */
export type Replaced = { readonly names: readonly string[]; readonly what: 'kind' | 'list' };

/** What merging needs to know of a layer on its way down. */
type Merging = {
  readonly index: number;
  /** Nothing in the patch deletes or has a form, so its parts can be taken as they are. */
  readonly isPlain: boolean;
  readonly replaced: Replaced[];
  readonly names: string[];
};

export const mergeLayer = (base: Attributed, layer: PreparedLayer, index: number, replaced: Replaced[]): Attributed =>
  mergeValue(base, layer.layer.patch, layer.rules, { index, isPlain: layer.isPlain, replaced, names: [] });

/** `patch` is not `null`: who asks deletes. */
const mergeValue = (base: Attributed, patch: unknown, rules: Rules, merging: Merging): Attributed => {
  const { index } = merging;
  const strategy = rules?.said?.strategy;
  if (isMerging(patch)) {
    if (strategy === 'override') return { value: withoutForms(patch, rules, merging), origin: index };
    if (isJsonObject(base.value)) return mergeObject(base.value, base, patch, rules, merging);
    if (base.value !== undefined) merging.replaced.push({ names: [...merging.names], what: 'kind' });
    return { value: withoutForms(patch, rules, merging), origin: index };
  }
  if (Array.isArray(patch)) {
    if (Array.isArray(base.value)) return mergeList(base.value, base, patch, rules, merging);
    if (base.value !== undefined) merging.replaced.push({ names: [...merging.names], what: 'kind' });
    return { value: withoutForms(patch, rules, merging), origin: index };
  }
  if (isJsonObject(patch)) return { value: own(patch, valueForm), origin: index };
  if (typeof base.value === 'object' && base.value !== null)
    merging.replaced.push({ names: [...merging.names], what: 'kind' });
  return { value: patch, origin: index };
};

const mergeObject = (
  value: JsonObject,
  { origin }: Attributed,
  patch: JsonObject,
  rules: Rules,
  merging: Merging,
): Attributed => {
  let merged: Record<string, unknown> = { ...value };
  let origins = originsOfKeys(value, origin);
  const names = Object.keys(patch);
  for (const name of names) {
    const said = patch[name];
    const inherited = own(value, name);
    if (said === null) {
      if (inherited === undefined) continue;
      merged = without(merged, name);
      origins = without(origins, name);
      continue;
    }
    merging.names.push(name);
    const part = { value: inherited, origin: inherited === undefined ? [] : originOfKey(origin, name) };
    const made = mergeValue(part, said, below(rules, name), merging);
    merging.names.pop();
    merged[name] = made.value;
    origins[name] = made.origin;
  }
  // An object without keys has nobody below it to say who made it.
  if (Object.keys(merged).length > 0) return { value: merged, origin: origins };
  return { value: merged, origin: names.length > 0 || typeof origin !== 'number' ? merging.index : origin };
};

const without = <Value>(object: Readonly<Record<string, Value>>, name: string): Record<string, Value> =>
  Object.fromEntries(Object.entries(object).filter(([key]) => key !== name));

/** What a patch makes where nothing is inherited. */
const withoutForms = (patch: unknown, rules: Rules, merging: Merging): unknown => {
  if (merging.isPlain) return patch;
  if (Array.isArray(patch)) return mergeList([], { value: [], origin: [] }, patch, rules, merging).value;
  if (!isJsonObject(patch)) return patch;
  if (!isMerging(patch)) return own(patch, valueForm);
  const made: Record<string, unknown> = {};
  for (const [name, said] of Object.entries(patch)) {
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
  const semantics = rules?.said?.list ?? 'atomic';
  const strategy = rules?.said?.strategy ?? (semantics === 'atomic' ? 'override' : 'merge');
  if (strategy === 'override') {
    if (rules?.said === undefined && list.length > 0)
      merging.replaced.push({ names: [...merging.names], what: 'list' });
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
  const standing = new Map(inherited.map((item) => [itemIdentity(item.value, semantics), item]));
  const isNew = new Map<string, Item>();
  for (const said of patch) {
    const deleted = deletedBy(said, semantics);
    if (deleted !== undefined) {
      standing.delete(deleted);
      continue;
    }
    const identity = itemIdentity(said, semantics);
    const known = standing.get(identity);
    if (!known) for (const value of itemAlone(said, semantics, how.rules, merging)) isNew.set(identity, added(value));
    else if (typeof semantics === 'object') standing.set(identity, changed(known, said, how));
  }
  return joined([...standing.values()], [...isNew.values()], strategy);
};

const joined = (inherited: readonly Item[], added: readonly Item[], strategy: MergeStrategy): readonly Item[] =>
  strategy === 'prepend' ? [...added, ...inherited] : [...inherited, ...added];

/** An item that is known by its keys takes over what the layer says of it. */
const changed = (known: Item, said: unknown, { rules, semantics, merging }: How): Item => {
  if (isJsonObject(said) && said[replaceForm] === true) {
    const [value] = itemAlone(said, semantics, rules, merging);
    return { value, origin: merging.index };
  }
  return mergeValue(known, said, rules?.every, merging);
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

/** Origins of items that are all of one layer become that layer's. */
const together = (items: readonly Item[], index: number): Attributed => {
  const [first] = items;
  const value = items.map((item) => item.value);
  if (!first) return { value, origin: index };
  const isOne = typeof first.origin === 'number' && items.every(({ origin }) => origin === first.origin);
  return { value, origin: isOne ? first.origin : items.map(({ origin }) => origin) };
};
