// Layers of one kind and priority have no order among them: where they say different things, nobody said which is meant.
import { diff, isJsonObject } from '@molthub/manifest';
import { deleteForm, isMerging, own } from './forms.ts';
import { itemIdentity } from './item-identity.ts';
import { called, compareOrder, type LayerRef } from './layer.ts';
import type { MergeRules } from './lists.ts';
import { below } from './path-tree.ts';
import type { PreparedLayer } from './prepare-layer.ts';
import { inWords, type LayerProblem, layerProblem, pathOfParts, shown } from './problem.ts';

/** Where two equals differ, what each says there, and whether a later layer says what is meant. */
export type Conflict = {
  readonly path: string;
  readonly layers: readonly [LayerRef, LayerRef];
  readonly values: readonly [unknown, unknown];
  /** The layer that decides; without one the layers do not resolve. */
  readonly decidedBy: LayerRef | null;
};

const conflictsMax = 100;

type Rules = MergeRules | undefined;
type Part = string | { readonly index: number; readonly identity: string };
type Clash = { readonly parts: readonly Part[]; readonly values: readonly [unknown, unknown] };

/** Conflicts of sorted layers: at most 100, sorted by path. */
export const conflictsOf = (sorted: readonly PreparedLayer[]): readonly Conflict[] => {
  const conflicts: Conflict[] = [];
  for (const [index, layer] of sorted.entries()) {
    for (let other = index + 1; other < sorted.length && conflicts.length < conflictsMax; other += 1) {
      const equal = sorted[other];
      if (!equal || !areEqual(layer, equal)) break;
      const later = sorted.slice(other + 1).filter((candidate) => !areEqual(candidate, layer));
      for (const clash of clashes(layer, equal)) conflicts.push(conflictOf(layer, equal, later, clash));
    }
  }
  return conflicts.slice(0, conflictsMax).toSorted((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
};

const areEqual = ({ layer: a }: PreparedLayer, { layer: b }: PreparedLayer): boolean => compareOrder(a, b) === 0;

const conflictOf = (
  one: PreparedLayer,
  other: PreparedLayer,
  later: readonly PreparedLayer[],
  { parts, values: [a, b] }: Clash,
): Conflict => {
  const name = parts.findLast((part) => typeof part === 'string') ?? '';
  return {
    path: pathOfParts(parts.map((part) => (typeof part === 'string' ? part : part.index))),
    layers: [one.ref, other.ref],
    values: [shown(a, typeof name === 'string' ? name : ''), shown(b, typeof name === 'string' ? name : '')],
    decidedBy: later.find((layer) => decides(layer.layer.patch, parts, layer.rules))?.ref ?? null,
  };
};

/** A conflict that nobody decides, as a refusal. */
export const undecided = ({ path, layers, values }: Conflict): LayerProblem => {
  const [one, other] = layers;
  const message = `${called(one)} says ${inWords(values[0])} and ${called(other)} says ${inWords(values[1])}, with the same priority. Give them different priorities, or say what is meant in a later layer.`;
  return layerProblem({ path, code: 'config.layer-conflict', message, layers, values });
};

const clashes = (one: PreparedLayer, other: PreparedLayer): readonly Clash[] => {
  const found: Clash[] = [];
  compare(one.layer.patch, other.layer.patch, { one: one.rules, other: other.rules }, [], found);
  return found;
};

type Both = { readonly one: Rules; readonly other: Rules };

const compare = (a: unknown, b: unknown, rules: Both, parts: readonly Part[], found: Clash[]): void => {
  if (a === undefined || b === undefined || a === b || found.length >= conflictsMax) return;
  const [wholeA, wholeB] = [isWhole(a, rules.one), isWhole(b, rules.other)];
  if (!wholeA && !wholeB && isJsonObject(a) && isJsonObject(b)) {
    for (const [name, said] of Object.entries(b)) {
      compare(
        own(a, name),
        said,
        { one: below(rules.one, name), other: below(rules.other, name) },
        [...parts, name],
        found,
      );
    }
  } else if (!wholeA && !wholeB && Array.isArray(a) && Array.isArray(b)) compareItems(a, b, rules, parts, found);
  else if (diff(a, b).length > 0 || addsToList(a, rules)) found.push({ parts, values: [a, b] });
};

/** Whether a value says all of what is to stand there, so that whoever comes last is the one that counts. */
const isWhole = (said: unknown, rules: Rules): boolean => {
  const strategy = rules?.said?.strategy;
  if (isMerging(said)) return strategy === 'override';
  if (!Array.isArray(said)) return true;
  const list = rules?.said?.list ?? 'atomic';
  return strategy === 'override' || list === 'atomic';
};

/** Two that add the same items to a list add them twice. */
const addsToList = (a: unknown, { one, other }: Both): boolean =>
  Array.isArray(a) &&
  [one, other].some((rules) => rules?.said?.strategy === 'append' || rules?.said?.strategy === 'prepend');

const compareItems = (
  a: readonly unknown[],
  b: readonly unknown[],
  rules: Both,
  parts: readonly Part[],
  found: Clash[],
): void => {
  const list = rules.one?.said?.list ?? 'atomic';
  const standing = new Map(a.map((item) => [identityOfSaid(item, list), item]));
  for (const [index, item] of b.entries()) {
    const identity = identityOfSaid(item, list);
    const known = standing.get(identity);
    if (known === undefined) continue;
    const at = [...parts, { index, identity }];
    if (isDeleting(item) !== isDeleting(known)) found.push({ parts: at, values: [known, item] });
    else if (list !== 'set') compare(known, item, { one: rules.one?.every, other: rules.other?.every }, at, found);
  }
};

const isDeleting = (item: unknown): boolean => isJsonObject(item) && Object.hasOwn(item, deleteForm);

const identityOfSaid = (item: unknown, list: Parameters<typeof itemIdentity>[1]): string =>
  list === 'set' && isJsonObject(item) && Object.hasOwn(item, deleteForm)
    ? itemIdentity(own(item, deleteForm), list)
    : itemIdentity(item, list);

/** Whether a layer says all of what is to stand at a place, so that what came before it does not matter. */
const decides = (patch: unknown, [part, ...rest]: readonly Part[], rules: Rules): boolean => {
  if (patch === undefined) return false;
  if (isWhole(patch, rules)) return !addsToList(patch, { one: rules, other: rules });
  if (part === undefined) return false;
  if (typeof part === 'string') return isJsonObject(patch) && decides(own(patch, part), rest, below(rules, part));
  const list = rules?.said?.list ?? 'atomic';
  const items: readonly unknown[] = Array.isArray(patch) ? patch : [];
  const item = items.find((candidate) => identityOfSaid(candidate, list) === part.identity);
  return item !== undefined && (isDeleting(item) || list === 'set' || decides(item, rest, rules?.every));
};
