// Locks: what a layer fixes, no later layer changes: not the path, nor anything above or below it, nor by deleting.
// It is judged by the values before and after a layer, so there is no way round it: whichever way a patch takes, either
// what is locked is still the same, and then nothing happened, or it is not.
import { childPath, diff, isItemWith, isJsonObject, type PathStep } from '@molthub/manifest';
import type { Attributed } from './attributed.ts';
import { isMerging, own } from './forms.ts';
import { identityOf, itemIdentity } from './item-identity.ts';
import { called, compareOrder } from './layer.ts';
import type { ListSemantics, MergeRules } from './lists.ts';
import { mergeLayer, type Onto } from './merge-layer.ts';
import { below } from './path-tree.ts';
import type { PreparedLayer } from './prepare-layer.ts';
import { inWords, type LayerProblem, layerProblem, shown } from './problem.ts';

/** A place where the values before and after a layer differ. */
type Changed = { readonly path: string; readonly before: unknown; readonly after: unknown };
type Rules = MergeRules | undefined;

/** Every lock that sorted layers break, with who breaks it. */
export const brokenLocks = (layers: readonly PreparedLayer[]): readonly LayerProblem[] =>
  mayBreakLocks(layers) ? broken(layers) : [];

/** A quick look, for most layers keep away from locks: does a later one (or an equal) say anything where one is? */
const mayBreakLocks = (layers: readonly PreparedLayer[]): boolean =>
  layers.some(
    (locking) =>
      (locking.locks.length > 0 || locking.layer.allowInstanceOverrides === false) &&
      layers.some((other) => other !== locking && isBoundBy(other, locking) && mayBreak(other, locking)),
  );

const isBoundBy = ({ layer: a }: PreparedLayer, { layer: b }: PreparedLayer): boolean => compareOrder(a, b) >= 0;

const mayBreak = (layer: PreparedLayer, { locks, layer: locking }: PreparedLayer): boolean =>
  locks.some(({ steps }) => says(layer.layer.patch, steps, 0, layer.rules)) ||
  (layer.layer.kind === 'instance' && locking.allowInstanceOverrides === false && meets(layer, locking));

/** Whether a patch says something at a path, above or below it. */
const says = (patch: unknown, steps: readonly PathStep[], at: number, rules: Rules): boolean => {
  if (patch === undefined) return false;
  const step = steps[at];
  if (!step || !isMerging(patch) || rules?.said?.strategy === 'override') return true;
  if (step.kind === 'name') return says(own(patch, step.name), steps, at + 1, below(rules, step.name));
  return Object.entries(patch).some(([name, said]) => says(said, steps, at + 1, below(rules, name)));
};

const meets = ({ layer, rules }: PreparedLayer, { patch }: PreparedLayer['layer']): boolean =>
  meet(layer.patch, patch, rules);

const meet = (a: unknown, b: unknown, rules: Rules): boolean => {
  if (a === undefined || b === undefined) return false;
  if (!isMerging(a) || !isMerging(b) || rules?.said?.strategy === 'override') return true;
  return Object.entries(a).some(([name, said]) => meet(said, own(b, name), below(rules, name)));
};

/** Layer by layer. One that breaks a lock counts for nothing, so that each of the others is judged by what is locked. */
const broken = (layers: readonly PreparedLayer[]): readonly LayerProblem[] => {
  const problems: LayerProblem[] = [];
  let made: Attributed = { value: {}, origin: 0 };
  let beforeEquals = made;
  for (const [index, layer] of layers.entries()) {
    const previous = layers[index - 1];
    if (!previous || compareOrder(previous.layer, layer.layer) !== 0) beforeEquals = made;
    const onto = { index, keepsBase: true, replaced: [] };
    const next = mergeLayer(made, layer, onto);
    const offences = [
      ...layers.slice(0, index).flatMap((locking) => offencesAgainst(locking, layer, made.value, next.value)),
      ...offencesOfEquals(layers.slice(0, index), layer, beforeEquals, onto),
    ];
    problems.push(...offences);
    if (offences.length === 0) made = next;
  }
  return problems;
};

const offencesAgainst = (
  locking: PreparedLayer,
  layer: PreparedLayer,
  before: unknown,
  after: unknown,
): readonly LayerProblem[] => [
  ...locking.locks.flatMap(({ path, steps }) =>
    changes(before, after, steps, layer.rules, '').map((change) => brokenLock(locking, layer, change, path)),
  ),
  ...(layer.layer.kind === 'instance' && locking.layer.allowInstanceOverrides === false
    ? overridden(locking, layer, before, after)
    : []),
];

/** Which of two equals comes first means nothing, so a lock of the one that happens to come later binds the other too. */
const offencesOfEquals = (
  earlier: readonly PreparedLayer[],
  locking: PreparedLayer,
  before: Attributed,
  onto: Onto,
): readonly LayerProblem[] => {
  const equals = earlier.filter(({ layer }) => compareOrder(layer, locking.layer) === 0);
  if (equals.length === 0 || locking.locks.length === 0) return [];
  const locked = mergeLayer(before, locking, onto).value;
  return equals.flatMap((equal) => {
    const after = mergeLayer(before, equal, onto).value;
    return locking.locks.flatMap(({ path, steps }) =>
      changes(locked, after, steps, locking.rules, '').map((change) => brokenLock(locking, equal, change, path)),
    );
  });
};

const brokenLock = (
  { ref: locking }: PreparedLayer,
  { ref: breaking }: PreparedLayer,
  change: Changed,
  lock: string,
): LayerProblem => {
  const [one, values] = told(change);
  const message = `${lock} is locked by ${called(locking)} at ${inWords(values[0])}; ${called(breaking)} would make it ${inWords(values[1])}. Remove that, or ask for the lock to be lifted.`;
  return layerProblem({ path: one.path, code: 'config.locked', message, layers: [locking, breaking], values });
};

/** The one place that changed, where it is one; and both values, safe to show. */
const told = ({ path, before, after }: Changed): readonly [Changed, readonly [unknown, unknown]] => {
  const [only, ...more] = diff(before, after);
  const one = only && more.length === 0 ? { ...only, path: joined(path, only.path) } : { path, before, after };
  const name = /[A-Za-z0-9_$-]*$/.exec(one.path)?.[0] ?? '';
  return [one, [shown(one.before, name), shown(one.after, name)]];
};

const joined = (above: string, path: string): string =>
  path === '' ? above : path.startsWith('[') || above === '' ? above + path : `${above}.${path}`;

/** What an instance changes of a layer that lets instances override nothing. */
const overridden = (
  { layer, ref }: PreparedLayer,
  instance: PreparedLayer,
  before: unknown,
  after: unknown,
): readonly LayerProblem[] =>
  changesOfSaid(layer.patch, before, after, '').map((change) => {
    const [one, values] = told(change);
    const message = `${called(ref)} lets no bot override what it says; here it is ${inWords(values[0])}, and ${called(instance.ref)} would make it ${inWords(values[1])}. Remove that from the bot.`;
    return layerProblem({
      path: one.path,
      code: 'config.override-forbidden',
      message,
      layers: [ref, instance.ref],
      values,
    });
  });

const changesOfSaid = (patch: unknown, before: unknown, after: unknown, path: string): readonly Changed[] => {
  if (before === after) return [];
  if (isMerging(patch) && isJsonObject(before) && isJsonObject(after)) {
    return Object.entries(patch).flatMap(([name, said]) =>
      changesOfSaid(said, own(before, name), own(after, name), childPath(path, name)),
    );
  }
  return different(path, before, after);
};

const different = (path: string, before: unknown, after: unknown): readonly Changed[] =>
  diff(before, after).length === 0 ? [] : [{ path, before, after }];

/** Every place that `steps` leads to, before or after, whose values differ. */
const changes = (
  before: unknown,
  after: unknown,
  steps: readonly PathStep[],
  rules: Rules,
  path: string,
): readonly Changed[] => {
  // What a layer did not touch is the same object.
  if (before === after) return [];
  const [step, ...rest] = steps;
  if (!step) return different(path, before, after);
  const children = childrenOf(before, after, step, rules);
  return children.flatMap((child) =>
    changes(child.before, child.after, rest, child.rules, childPath(path, child.part)),
  );
};

type Child = {
  readonly part: string | number;
  readonly before: unknown;
  readonly after: unknown;
  readonly rules: Rules;
};

const childrenOf = (before: unknown, after: unknown, step: PathStep, rules: Rules): readonly Child[] => {
  if (step.kind === 'name') {
    const [one, other] = [keyOf(before, step.name), keyOf(after, step.name)];
    return [{ part: step.name, before: one, after: other, rules: below(rules, step.name) }];
  }
  if (Array.isArray(before) || Array.isArray(after)) return itemsOf(before, after, step, rules);
  if (step.kind !== 'every') return [];
  const names = new Set([...keysOf(before), ...keysOf(after)]);
  return [...names].map((name) => ({
    part: name,
    before: keyOf(before, name),
    after: keyOf(after, name),
    rules: below(rules, name),
  }));
};

const keysOf = (value: unknown): readonly string[] => (isJsonObject(value) ? Object.keys(value) : []);
const keyOf = (value: unknown, name: string): unknown => (isJsonObject(value) ? own(value, name) : undefined);

const itemsOf = (before: unknown, after: unknown, step: PathStep, rules: Rules): readonly Child[] => {
  const [left, right] = [byIdentity(before, step, rules), byIdentity(after, step, rules)];
  return [...new Set([...left.keys(), ...right.keys()])].map((identity) => {
    const [one, other] = [left.get(identity), right.get(identity)];
    const part = other?.index ?? one?.index ?? 0;
    return { part, before: one?.item, after: other?.item, rules: rules?.every };
  });
};

type Found = { readonly index: number; readonly item: unknown };

/** Items that are meant, by what makes them the same before and after: their keys, or else their place. */
const byIdentity = (list: unknown, step: PathStep, rules: Rules): ReadonlyMap<string, Found> => {
  const items: readonly unknown[] = Array.isArray(list) ? list : [];
  const found = new Map<string, Found>();
  for (const [index, item] of items.entries()) {
    if (step.kind === 'item' && !isItemWith(item, step.keys)) continue;
    const identity = step.kind === 'item' ? JSON.stringify(step.keys) : identityIn(item, index, rules?.said?.list);
    // A second one with the same keys is another thing: it must not hide behind the first.
    found.set(found.has(identity) ? `${identity}#${index}` : identity, { index, item });
  }
  return found;
};

const identityIn = (item: unknown, index: number, list: ListSemantics | undefined): string =>
  list === undefined || list === 'atomic'
    ? String(index)
    : list === 'set'
      ? identityOf(item)
      : itemIdentity(item, list);
