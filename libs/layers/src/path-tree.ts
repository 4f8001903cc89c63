// What is said of paths, as a tree: walked along a manifest, it costs only where something is said.
import type { PathStep } from '@molthub/manifest';

export type PathTree<Said extends object> = {
  said?: Said;
  readonly names: Map<string, PathTree<Said>>;
  every?: PathTree<Said>;
};

export const emptyTree = <Said extends object>(): PathTree<Said> => ({ names: new Map() });

/** Adds what is said of a path of names and `*`, to what was said of it before. */
export const addPath = <Said extends object>(tree: PathTree<Said>, steps: readonly PathStep[], said: Said): void => {
  let at = tree;
  for (const step of steps) at = step.kind === 'every' ? (at.every ??= emptyTree()) : childNamed(at, nameOf(step));
  at.said = { ...at.said, ...said };
};

const childNamed = <Said extends object>(tree: PathTree<Said>, name: string): PathTree<Said> => {
  const known = tree.names.get(name);
  if (known) return known;
  const made = emptyTree<Said>();
  tree.names.set(name, made);
  return made;
};

const nameOf = (step: Exclude<PathStep, { readonly kind: 'every' }>): string => {
  if (step.kind === 'name') return step.name;
  throw new Error('A tree of paths is made of names and *.');
};

/** Gives each name what is said of `*` beside it too; where both say the same, the name wins. Call once, after the last `addPath`. */
export const closed = <Said extends object>(tree: PathTree<Said>): PathTree<Said> => {
  const every = tree.every && closed(tree.every);
  const names = new Map([...tree.names].map(([name, below]) => [name, closed(every ? overlaid(every, below) : below)]));
  return { ...tree, names, ...(every ? { every } : {}) };
};

/** One tree over another: where both say the same of a path, the one above wins. */
export const overlaid = <Said extends object>(below: PathTree<Said>, above: PathTree<Said>): PathTree<Said> => {
  const names = new Map(below.names);
  for (const [name, tree] of above.names) {
    const known = names.get(name);
    names.set(name, known ? overlaid(known, tree) : tree);
  }
  const every = below.every && above.every ? overlaid(below.every, above.every) : (above.every ?? below.every);
  const said = below.said && above.said ? { ...below.said, ...above.said } : (above.said ?? below.said);
  return { names, ...(every ? { every } : {}), ...(said ? { said } : {}) };
};

/** What is said below a key; of a closed tree only. */
export const below = <Said extends object>(
  tree: PathTree<Said> | undefined,
  name: string,
): PathTree<Said> | undefined => tree && (tree.names.get(name) ?? tree.every);
