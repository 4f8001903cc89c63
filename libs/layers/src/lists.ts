// What the lists of a manifest are, by their paths.
import { parsePath } from '@molthub/manifest';
import type { MergeStrategy } from './layer.ts';
import { addPath, closed, emptyTree, overlaid, type PathTree } from './path-tree.ts';

/** A list is one value (`atomic`), a `set` of different items, or items known by the values of some of their keys. */
export type ListSemantics = 'atomic' | 'set' | { readonly keys: readonly string[] };

/** How what a layer says at a path meets what it inherits there. */
export type MergeRule = { readonly list?: ListSemantics; readonly strategy?: MergeStrategy };
export type MergeRules = PathTree<MergeRule>;

/** What is declared of lists; made once, used for every layer. */
export type Lists = MergeRules;

/** Declares lists by path, with `*` for every key or item. Throws for what is no such path. */
export const declareLists = (declared: Readonly<Record<string, ListSemantics>>): Lists => {
  const tree = emptyTree<MergeRule>();
  for (const [path, list] of Object.entries(declared)) {
    if (!addRule(tree, path, { list })) throw new Error(`"${path}" is no path of a list.`);
  }
  return closed(tree);
};

/** What a layer says of paths, over what is declared of lists; `refuse` hears of what is no path. */
export const rulesWith = (
  lists: Lists,
  strategies: readonly (readonly [string, MergeStrategy])[],
  refuse: (path: string) => void,
): MergeRules => {
  if (strategies.length === 0) return lists;
  const tree = emptyTree<MergeRule>();
  for (const [path, strategy] of strategies) if (!addRule(tree, path, { strategy })) refuse(path);
  return closed(overlaid(lists, tree));
};

const addRule = (tree: MergeRules, path: string, rule: MergeRule): boolean => {
  const steps = parsePath(path);
  if (!steps?.every(({ kind }) => kind === 'name' || kind === 'every')) return false;
  addPath(tree, steps, rule);
  return true;
};

export const noLists: Lists = declareLists({});

/** The lists of a manifest itself. Those of a bot's own configuration are the engine's to declare, and atomic until it does. */
export const manifestLists: Lists = declareLists({
  'spec.secrets': { keys: ['name'] },
  'spec.channels': { keys: ['type'] },
  'spec.skills.allowlist': 'set',
  'spec.skills.denylist': 'set',
  'spec.policies.includePacks': 'set',
  'spec.policies.skipPacks': 'set',
  'spec.policies.overrides': { keys: ['packId', 'ruleId'] },
});
