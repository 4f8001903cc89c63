// What is known of a layer by itself: whether its patch is sound, and what it says of paths. Done once for many bots.
import { childPath, isJsonObject, parsePath, type PathStep, structureProblems } from '@molthub/manifest';
import { deleteForm, isExactly, isForm, own, replaceForm, valueForm } from './forms.ts';
import { itemIdentity } from './item-identity.ts';
import { called, compareOrder, type Layer, layerLimits, type LayerRef, refOf } from './layer.ts';
import { type Lists, type ListSemantics, type MergeRules, noLists, rulesWith } from './lists.ts';
import { below } from './path-tree.ts';
import { boundsOf } from './patch-bounds.ts';
import { type LayerProblem, layerProblem } from './problem.ts';

export type Lock = { readonly path: string; readonly steps: readonly PathStep[] };

export type PreparedLayer = {
  readonly layer: Layer;
  readonly ref: LayerRef;
  readonly problems: readonly LayerProblem[];
  readonly bytes: number;
  readonly isPlain: boolean;
  readonly rules: MergeRules;
  readonly locks: readonly Lock[];
};

/** Never throws. A layer with problems resolves nowhere. */
export const prepareLayer = (layer: Layer, lists: Lists = noLists): PreparedLayer => {
  const ref = refOf(layer);
  const problems: LayerProblem[] = [];
  const refuse = (path: string, code: string, message: string) => {
    if (problems.length < problemsMax) problems.push(layerProblem({ path, code, message, layers: [ref] }));
  };
  const bounds = boundsOf(layer.patch);
  const rules = rulesOf(layer, lists, refuse);
  const locks = locksOf(layer, refuse);
  if (bounds.isTooLarge) {
    const message = `The patch of ${called(ref)} has more than ${layerLimits.patchBytesMax} bytes or ${layerLimits.fieldsMax} fields; make it smaller.`;
    refuse('', 'config.too-large', message);
  } else if (!bounds.isSound) {
    for (const { path, code, message } of structureProblems(layer.patch)) refuse(path, code, message);
  } else if (!isJsonObject(layer.patch) || isExactly(layer.patch)) {
    refuse('', 'config.not-a-patch', `The patch of ${called(ref)} is an object of the fields that it says.`);
  } else check(layer.patch, rules, { refuse, steps: [], hasForms: bounds.hasForms });
  return { layer, ref, bytes: bounds.bytes, isPlain: !bounds.hasForms, rules, locks, problems };
};

/** In the order in which they count; equals, which have none, by their ids, so that the result is the same each time. */
export const sorted = (layers: readonly PreparedLayer[]): readonly PreparedLayer[] =>
  layers.toSorted(({ layer: a }, { layer: b }) => compareOrder(a, b) || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));

const problemsMax = 100;

type Refuse = (path: string, code: string, message: string) => void;

const rulesOf = ({ strategies = {} }: Layer, lists: Lists, refuse: Refuse): MergeRules => {
  const wanted = Object.entries(strategies);
  if (wanted.length > layerLimits.strategiesMax) {
    refuse('', 'config.too-many', `Write at most ${layerLimits.strategiesMax} merge strategies.`);
  }
  return rulesWith(lists, wanted.slice(0, layerLimits.strategiesMax), (path) =>
    refuse(path, 'config.not-a-path', 'A merge strategy is for a path such as spec.channels or spec.config.*.allow.'),
  );
};

const locksOf = ({ locks = [] }: Layer, refuse: Refuse): readonly Lock[] => {
  if (locks.length > layerLimits.locksMax) refuse('', 'config.too-many', `Lock at most ${layerLimits.locksMax} paths.`);
  return locks.slice(0, layerLimits.locksMax).flatMap((path) => {
    const steps = parsePath(path);
    if (steps?.some(({ kind }) => kind === 'index')) {
      const message =
        'Items move, so a lock names one by its keys, such as spec.channels[type=telegram], or the whole list.';
      refuse(path, 'config.not-a-path', message);
      return [];
    }
    if (!steps) refuse(path, 'config.not-a-path', 'This is no path; write one such as spec.config.gateway.auth.');
    return steps ? [{ path, steps }] : [];
  });
};

type Checking = { readonly refuse: Refuse; readonly steps: (string | number)[]; readonly hasForms: boolean };

const pathOf = ({ steps }: Checking): string => steps.reduce<string>(childPath, '');

/** Looks at what a patch means, once its structure is known to be sound. */
const check = (patch: unknown, rules: MergeRules | undefined, checking: Checking): void => {
  // Where nothing is declared, and there are no forms, everything means what it says.
  if (patch === null || (rules === undefined && !checking.hasForms)) return;
  const strategy = rules?.said?.strategy;
  if (Array.isArray(patch)) {
    const list = rules?.said?.list;
    if (list !== undefined && list !== 'atomic') checkItems(patch, list, rules, checking);
    return;
  }
  if (strategy === 'append' || strategy === 'prepend') {
    const message = `"${strategy}" is a strategy for lists, and this is none; write "merge" or "override".`;
    checking.refuse(pathOf(checking), 'config.strategy-not-for-this', message);
  }
  if (!isJsonObject(patch)) return;
  if (isExactly(patch)) {
    if (Object.keys(patch).length > 1) {
      const message = `"${valueForm}" stands alone: { "${valueForm}": … } is exactly that value.`;
      checking.refuse(pathOf(checking), 'config.form-misplaced', message);
    }
    return;
  }
  for (const [name, said] of Object.entries(patch)) {
    checking.steps.push(name);
    if (isForm(name)) {
      const message = `"${name}" is for items of lists that are sets or have keys. Write null to delete, or { "${valueForm}": { … } } for a key of this name.`;
      checking.refuse(pathOf(checking), 'config.form-misplaced', message);
    } else check(said, below(rules, name), checking);
    checking.steps.pop();
  }
};

const checkItems = (
  items: readonly unknown[],
  list: Exclude<ListSemantics, 'atomic'>,
  rules: MergeRules | undefined,
  checking: Checking,
): void => {
  const seen = new Set<string>();
  for (const [index, item] of items.entries()) {
    checking.steps.push(index);
    const identity = checkItem(item, list, rules, checking);
    if (identity !== undefined && seen.has(identity)) {
      const message =
        list === 'set' ? 'This item stands here twice.' : `Another item has the same ${list.keys.join(' and ')}.`;
      checking.refuse(pathOf(checking), 'config.duplicate-item', `${message} Remove one of them.`);
    }
    if (identity !== undefined) seen.add(identity);
    checking.steps.pop();
  }
};

const checkItem = (
  item: unknown,
  list: Exclude<ListSemantics, 'atomic'>,
  rules: MergeRules | undefined,
  checking: Checking,
): string | undefined => {
  if (list === 'set') {
    const meant = isJsonObject(item) && Object.hasOwn(item, deleteForm) ? own(item, deleteForm) : item;
    if (isKey(meant)) return itemIdentity(meant, list);
    const message = `An item of a set is a text, a number or a switch, or { "${deleteForm}": … } with one.`;
    checking.refuse(pathOf(checking), 'config.item-not-plain', message);
    return undefined;
  }
  const missing = isJsonObject(item) ? list.keys.find((key) => !isKey(own(item, key))) : list.keys[0];
  if (!isJsonObject(item) || missing !== undefined) {
    const message = `Items of this list are known by ${list.keys.join(' and ')}; give this one its "${missing}".`;
    checking.refuse(pathOf(checking), 'config.item-without-key', message);
    return undefined;
  }
  const forms = [deleteForm, replaceForm].filter((form) => Object.hasOwn(item, form));
  if (forms.length > 1 || forms.some((form) => item[form] !== true)) {
    const message = `Beside the keys of an item write "${deleteForm}": true or "${replaceForm}": true, or neither.`;
    checking.refuse(pathOf(checking), 'config.form-misplaced', message);
  }
  const rest = Object.fromEntries(Object.entries(item).filter(([name]) => name !== deleteForm && name !== replaceForm));
  check(rest, rules?.every, checking);
  return itemIdentity(item, list);
};

const isKey = (value: unknown): boolean => ['string', 'number', 'boolean'].includes(typeof value);
