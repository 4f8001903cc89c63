// Layers of one kind and priority have no order among them: where they say different things, nobody said which is meant.
import { childPath, equal, isJsonObject, type PathStep } from '@molthub/manifest';
import { deleteForm, isMerging, own, replaceForm } from './forms.ts';
import { itemIdentity, itemStep } from './item-identity.ts';
import { called, compareOrder, type LayerRef } from './layer.ts';
import type { ListSemantics, MergeRules } from './lists.ts';
import type { Count } from './meter.ts';
import { below } from './path-tree.ts';
import type { PreparedLayer } from './prepare-layer.ts';
import { inWords, type LayerProblem, layerProblem, shown } from './problem.ts';

/** Where two equals differ, what each says there, and whether a later layer says what is meant. */
export type Conflict = {
  readonly path: string;
  readonly layers: readonly [LayerRef, LayerRef];
  readonly values: readonly [unknown, unknown];
  /** The layer that decides; without one the layers do not resolve. */
  readonly decidedBy: LayerRef | null;
};

const conflictsMax = 100;

/** A key, or an item of a list by what makes it the same one. */
type Part = string | { readonly identity: string; readonly step: string };
/** What a layer says at a place. */
type Statement = { readonly layer: PreparedLayer; readonly said: unknown; readonly rules: MergeRules | undefined };
/** What was said first at a place; `below` once others said more of its parts. */
type Place = { first: Statement; below?: Map<string, Place> };
type Clash = { readonly parts: readonly Part[]; readonly one: Statement; readonly other: Statement };

/** Conflicts of sorted layers: at most 100, sorted by path. Takes time linear in what the equals say. */
export const conflictsOf = (sorted: readonly PreparedLayer[], count: Count): readonly Conflict[] => {
  const conflicts: Conflict[] = [];
  for (let from = 0; from < sorted.length; ) {
    const [first, ...others] = equalsFrom(sorted, from);
    if (!first) break;
    const next = from + 1 + others.length;
    if (others.length > 0) {
      const later = sorted.slice(next);
      for (const clash of clashes(first, others, count)) conflicts.push(conflictOf(clash, later, count));
    }
    from = next;
  }
  return conflicts.slice(0, conflictsMax).toSorted((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
};

const equalsFrom = (sorted: readonly PreparedLayer[], from: number): readonly PreparedLayer[] => {
  const first = sorted[from];
  let end = from;
  for (let next = sorted[end]; first && next && compareOrder(first.layer, next.layer) === 0; next = sorted[end])
    end += 1;
  return sorted.slice(from, end);
};

const conflictOf = ({ parts, one, other }: Clash, later: readonly PreparedLayer[], count: Count): Conflict => {
  const name = parts.findLast((part) => typeof part === 'string') ?? '';
  return {
    path: parts.reduce<string>(
      (path, part) => (typeof part === 'string' ? childPath(path, part) : path + part.step),
      '',
    ),
    layers: [one.layer.ref, other.layer.ref],
    values: [shown(one.said, name), shown(other.said, name)],
    decidedBy: decider(later, parts, count)?.ref ?? null,
  };
};

/** A conflict that nobody decides, as a refusal. */
export const undecided = ({ path, layers, values }: Conflict): LayerProblem => {
  const [one, other] = layers;
  const message = `${called(one)} says ${inWords(values[0])} and ${called(other)} says ${inWords(values[1])}, with the same priority. Give them different priorities, or say what is meant in a later layer.`;
  return layerProblem({ path, code: 'config.layer-conflict', message, layers, values });
};

const clashes = (first: PreparedLayer, others: readonly PreparedLayer[], count: Count): readonly Clash[] => {
  const found: Clash[] = [];
  const root: Place = { first: statementOf(first) };
  for (const other of others) join(root, statementOf(other), [], { found, count });
  return found;
};

const statementOf = (layer: PreparedLayer): Statement => ({ layer, said: layer.layer.patch, rules: layer.rules });

type Joining = { readonly found: Clash[]; readonly count: Count };

/** Adds what one more layer says at a place to what was said there, or tells that they clash. */
const join = (place: Place, other: Statement, parts: readonly Part[], joining: Joining): void => {
  const { found, count } = joining;
  const { first } = place;
  if (found.length >= conflictsMax) return;
  if (!isWhole(first) && !isWhole(other) && Array.isArray(first.said) === Array.isArray(other.said)) {
    place.below ??= new Map(partsOf(first, count).map(({ key, statement }) => [key, { first: statement }]));
    for (const { key, part, statement } of partsOf(other, count)) {
      const known = place.below.get(key);
      if (known) join(known, statement, [...parts, part], joining);
      else place.below.set(key, { first: statement });
    }
    return;
  }
  // Several that said parts of it are together something else than the first of them.
  if (place.below || !equal(first.said, other.said, count) || isAdding(first) || isAdding(other)) {
    found.push({ parts, one: first, other });
  } else if (isWhole(other)) place.first = other;
};

/** Whether all of what is to stand there is said, so that whoever comes last is the one that counts. */
const isWhole = ({ said, rules }: Pick<Statement, 'said' | 'rules'>): boolean => {
  const isOverriding = rules?.said?.strategy === 'override';
  if (isMerging(said)) return isOverriding || own(said, replaceForm) === true;
  return !Array.isArray(said) || isOverriding || (rules?.said?.list ?? 'atomic') === 'atomic';
};

/** Two that add the same items to a list add them twice. */
const isAdding = ({ said, rules }: Pick<Statement, 'said' | 'rules'>): boolean => {
  const strategy = rules?.said?.strategy;
  return Array.isArray(said) && (strategy === 'append' || strategy === 'prepend');
};

/** A list that keeps what is inherited, if only what differs from its own items. */
const isJoining = ({ said, rules }: Pick<Statement, 'said' | 'rules'>): boolean =>
  Array.isArray(said) && rules?.said?.strategy === 'merge';

const partsOf = (
  { layer, said, rules }: Statement,
  count: Count,
): readonly { readonly key: string; readonly part: Part; readonly statement: Statement }[] => {
  if (isJsonObject(said)) {
    const entries = Object.entries(said);
    count(entries.length);
    return entries.map(([name, value]) => ({
      key: name,
      part: name,
      statement: { layer, said: value, rules: below(rules, name) },
    }));
  }
  const items: readonly unknown[] = Array.isArray(said) ? said : [];
  count(items.length);
  const list = rules?.said?.list ?? 'atomic';
  return items.map((item) => {
    const identity = identityOfSaid(item, list);
    // An item of a set is there or not; one with keys is merged, unless it is taken out.
    const isKept = list !== 'set' && !isDeleting(item);
    const value = isKept ? item : !isDeleting(item);
    return {
      key: identity,
      part: { identity, step: itemStep(item, list) },
      statement: { layer, said: value, rules: isKept ? rules?.every : undefined },
    };
  });
};

const isDeleting = (item: unknown): boolean => isJsonObject(item) && Object.hasOwn(item, deleteForm);

const identityOfSaid = (item: unknown, list: ListSemantics): string =>
  list === 'set' && isJsonObject(item) && Object.hasOwn(item, deleteForm)
    ? itemIdentity(own(item, deleteForm), list)
    : itemIdentity(item, list);

/** The first layer that says what is meant, unless one before it, or equal to it, locks what nobody knows yet. */
const decider = (later: readonly PreparedLayer[], parts: readonly Part[], count: Count): PreparedLayer | undefined => {
  count(later.length);
  const isDeciding = ({ layer, rules }: PreparedLayer) => decides(layer.patch, parts, rules, count);
  const first = later.find(isDeciding);
  const isLocked =
    first &&
    later.some(
      (other) =>
        compareOrder(other.layer, first.layer) <= 0 &&
        !isDeciding(other) &&
        other.locks.some(({ steps }) => overlap(steps, parts)),
    );
  return isLocked ? undefined : first;
};

/** Whether one of two paths leads to the other. */
const overlap = (steps: readonly PathStep[], parts: readonly Part[]): boolean =>
  steps.slice(0, parts.length).every((step, index) => step.kind !== 'name' || step.name === parts[index]);

/** Whether a layer says all of what is to stand at a place, so that what came before it does not matter. */
const decides = (
  said: unknown,
  [part, ...rest]: readonly Part[],
  rules: MergeRules | undefined,
  count: Count,
): boolean => {
  if (said === undefined) return false;
  if (isWhole({ said, rules })) return !isAdding({ said, rules }) && !isJoining({ said, rules });
  if (part === undefined) return false;
  if (typeof part === 'string') return isJsonObject(said) && decides(own(said, part), rest, below(rules, part), count);
  const items: readonly unknown[] = Array.isArray(said) ? said : [];
  count(items.length);
  const list = rules?.said?.list ?? 'atomic';
  const item = items.find((candidate) => identityOfSaid(candidate, list) === part.identity);
  return item !== undefined && (isDeleting(item) || list === 'set' || decides(item, rest, rules?.every, count));
};
