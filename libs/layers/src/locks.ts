// Locks: what a layer fixes, no later layer changes: not the path, nor anything above or below it, nor by deleting.
// It is judged by the values before and after a layer, so there is no way round it: whichever way a patch takes, either
// what is locked is still the same, and then nothing happened, or it is not.
import { childPath, equal, isItemWith, isJsonObject, type PathStep } from '@molthub/manifest';
import type { Attributed } from './attributed.ts';
import { isMerging, own } from './forms.ts';
import { identityOf, itemIdentity } from './item-identity.ts';
import { called, compareOrder } from './layer.ts';
import type { ListSemantics, MergeRules } from './lists.ts';
import { mergeLayer, type Onto, type Replaced } from './merge-layer.ts';
import type { Count } from './meter.ts';
import { below } from './path-tree.ts';
import type { PreparedLayer } from './prepare-layer.ts';
import { inWords, type LayerProblem, layerProblem, shown } from './problem.ts';

type Rules = MergeRules | undefined;

/**
 * Every lock that sorted layers break, with who breaks it. `replaced` is what merging them told: an object over a list
 * takes away what the patch does not name, so then the quick look is not enough.
 */
export const brokenLocks = (
  layers: readonly PreparedLayer[],
  replaced: readonly Replaced[],
  count: Count,
): readonly LayerProblem[] =>
  layers.some(isLocking) && (replaced.some(({ what }) => what === 'kind') || mayBreakLocks(layers, count))
    ? broken(layers, count)
    : [];

const isLocking = ({ locks, layer }: PreparedLayer): boolean =>
  locks.length > 0 || layer.allowInstanceOverrides === false;

/** The quick look, for most layers keep away from locks: does a later one (or an equal) say anything where one is? */
const mayBreakLocks = (layers: readonly PreparedLayer[], count: Count): boolean =>
  layers.some(
    (locking) =>
      isLocking(locking) &&
      layers.some((other) => other !== locking && isBoundBy(other, locking) && mayBreak(other, locking, count)),
  );

const isBoundBy = ({ layer: a }: PreparedLayer, { layer: b }: PreparedLayer): boolean => compareOrder(a, b) >= 0;

const mayBreak = (layer: PreparedLayer, { locks, layer: locking }: PreparedLayer, count: Count): boolean =>
  locks.some(({ steps }) => says(layer.layer.patch, steps, 0, layer.rules, count)) ||
  (layer.layer.kind === 'instance' &&
    locking.allowInstanceOverrides === false &&
    meet(layer.layer.patch, locking.patch, layer.rules, count));

/** Whether a patch says something at a path, above or below it. */
const says = (patch: unknown, steps: readonly PathStep[], at: number, rules: Rules, count: Count): boolean => {
  if (patch === undefined) return false;
  const step = steps[at];
  if (!step || !isMerging(patch) || rules?.said?.strategy === 'override') return true;
  count(1);
  if (step.kind === 'name') return says(own(patch, step.name), steps, at + 1, below(rules, step.name), count);
  return Object.keys(patch).some((name) => says(own(patch, name), steps, at + 1, below(rules, name), count));
};

/** Whether two patches say something at one place. */
const meet = (a: unknown, b: unknown, rules: Rules, count: Count): boolean => {
  if (a === undefined || b === undefined) return false;
  if (!isMerging(a) || !isMerging(b) || rules?.said?.strategy === 'override') return true;
  count(1);
  return Object.keys(a).some((name) => meet(own(a, name), own(b, name), below(rules, name), count));
};

/** What breaks a lock; `lock` is null where a layer lets instances override nothing. */
type Offence = {
  readonly locking: PreparedLayer;
  readonly breaking: PreparedLayer;
  readonly lock: string | null;
  readonly change: Changed;
};

/** A value before and after a layer, and how much work may still be done to compare them. */
type Step = { readonly before: unknown; readonly after: unknown; readonly count: Count };

/** A place where the values before and after a layer differ. */
type Changed = Step & { readonly path: string };

const problemsMax = 100;

/** Layer by layer. One that breaks a lock counts for nothing, so that each of the others is judged by what is locked. */
const broken = (layers: readonly PreparedLayer[], count: Count): readonly LayerProblem[] => {
  const offences: Offence[] = [];
  let made: Attributed = { value: {}, origin: 0 };
  let beforeEquals = made;
  for (const [index, layer] of layers.entries()) {
    const [earlier, previous] = [layers.slice(0, index), layers[index - 1]];
    if (!previous || compareOrder(previous.layer, layer.layer) !== 0) beforeEquals = made;
    const onto = { index, keepsBase: true, replaced: [], count };
    const next = mergeLayer(made, layer, onto);
    const step = { before: made.value, after: next.value, count };
    const found = [
      ...earlier.flatMap((locking) => [...against(locking, layer, step), ...overridden(locking, layer, step)]),
      ...ofEquals(earlier, layer, beforeEquals, onto),
    ];
    offences.push(...found.slice(0, problemsMax - offences.length));
    if (found.length === 0) made = next;
  }
  return offences.map(refused);
};

const against = (locking: PreparedLayer, breaking: PreparedLayer, step: Step): readonly Offence[] =>
  locking.locks.flatMap(({ path: lock, steps }) =>
    changes(step, steps, breaking.rules, '').map((change) => ({ locking, breaking, lock, change })),
  );

/** What an instance changes of a layer that lets instances override nothing. */
const overridden = (locking: PreparedLayer, breaking: PreparedLayer, step: Step): readonly Offence[] =>
  locking.layer.allowInstanceOverrides === false && breaking.layer.kind === 'instance'
    ? changesOfSaid(locking.layer.patch, step, '').map((change) => ({ locking, breaking, lock: null, change }))
    : [];

/** Which of two equals comes first means nothing, so a lock of the one that happens to come later binds the other too. */
const ofEquals = (
  earlier: readonly PreparedLayer[],
  locking: PreparedLayer,
  before: Attributed,
  onto: Onto,
): readonly Offence[] => {
  const equals = earlier.filter(({ layer }) => compareOrder(layer, locking.layer) === 0);
  if (equals.length === 0 || locking.locks.length === 0) return [];
  const locked = mergeLayer(before, locking, onto);
  return equals.flatMap((equal) => {
    const after = mergeLayer(locked, equal, onto).value;
    return against(locking, equal, { before: locked.value, after, count: onto.count });
  });
};

const refused = ({ locking: { ref: locking }, breaking: { ref: breaking }, lock, change }: Offence): LayerProblem => {
  const [{ path }, values] = told(change);
  const [is, wouldBe] = values.map(inWords);
  const layers = [locking, breaking];
  if (lock !== null) {
    const message = `${lock} is locked by ${called(locking)} at ${is}; ${called(breaking)} would make it ${wouldBe}. Remove that, or ask for the lock to be lifted.`;
    return layerProblem({ path, code: 'config.locked', message, layers, values });
  }
  const message = `${called(locking)} lets no bot override what it says; here it is ${is}, and ${called(breaking)} would make it ${wouldBe}. Remove that from the bot.`;
  return layerProblem({ path, code: 'config.override-forbidden', message, layers, values });
};

/** The one place that changed, where it is one; and both values, safe to show. */
const told = (change: Changed): readonly [Changed, readonly [unknown, unknown]] => {
  const one = narrowed(change);
  const name = /[A-Za-z0-9_$-]*$/.exec(one.path)?.[0] ?? '';
  return [one, [shown(one.before, name), shown(one.after, name)]];
};

const narrowed = ({ path, before, after, count }: Changed): Changed => {
  if (!isJsonObject(before) || !isJsonObject(after)) return { path, before, after, count };
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  count(names.length);
  const differing = names.filter((name) => !equal(own(before, name), own(after, name), count));
  const [only] = differing;
  if (only === undefined || differing.length > 1) return { path, before, after, count };
  return narrowed({ path: childPath(path, only), before: own(before, only), after: own(after, only), count });
};

const changesOfSaid = (patch: unknown, step: Step, path: string): readonly Changed[] => {
  const { before, after, count } = step;
  if (before === after) return [];
  if (!isMerging(patch) || !isJsonObject(before) || !isJsonObject(after)) return different(path, step);
  const names = Object.keys(patch);
  count(names.length);
  return names.flatMap((name) =>
    changesOfSaid(
      own(patch, name),
      { before: own(before, name), after: own(after, name), count },
      childPath(path, name),
    ),
  );
};

const different = (path: string, step: Step): readonly Changed[] =>
  equal(step.before, step.after, step.count) ? [] : [{ path, ...step }];

/** Every place that `steps` leads to, before or after, whose values differ. */
const changes = (step: Step, steps: readonly PathStep[], rules: Rules, path: string): readonly Changed[] => {
  const { before, after, count } = step;
  count(1);
  // What a layer did not touch is the same object.
  if (before === after) return [];
  const [next, ...rest] = steps;
  if (!next) return different(path, step);
  const children = childrenOf(before, after, next, rules);
  return children.flatMap((child) =>
    changes({ before: child.before, after: child.after, count }, rest, child.rules, childPath(path, child.part)),
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
  const items = itemsOf(before, after, step, rules);
  if (step.kind !== 'every') return items;
  // What was an object may have become a list, so both are looked at.
  const names = new Set([...keysOf(before), ...keysOf(after)]);
  const keys = [...names].map((name) => ({
    part: name,
    before: keyOf(before, name),
    after: keyOf(after, name),
    rules: below(rules, name),
  }));
  return [...items, ...keys];
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
