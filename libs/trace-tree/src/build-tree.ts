// Hangs the spans of one trace under their parents, whatever a bot sent: orphans, duplicates, circles, endless chains.

/** What hangs a span: its id, its parent's, and when it began (Unix ns, decimal digits). */
export type Linked = { readonly spanId: string; readonly parentSpanId: string | null; readonly startedNs: string };

export type Branch<S> = { readonly span: S; readonly children: Branch<S>[] };

/**
 * Answers the roots, in order of time, each with its children in order of time; every span is in the answer once.
 * A span whose parent is not among the spans is a root; so is the earliest of a circle of spans. Of several spans with
 * one id the earliest has the children. Below `depthMax` (default 256, at least 2) levels a span hangs at the deepest allowed one
 * of its ancestors, so that the answer can be written as nested JSON; its `parentSpanId` still tells the truth.
 * Takes O(n log n) and no stack, for any depth.
 */
export const buildTree = <S extends Linked>(
  spans: readonly S[],
  { depthMax = 256 }: { readonly depthMax?: number } = {},
): readonly Branch<S>[] => {
  const branches = [...spans].sort(byTime).map((span): Branch<S> => ({ span, children: [] }));
  const byId = new Map<string, Branch<S>>();
  for (const branch of branches) if (!byId.has(branch.span.spanId)) byId.set(branch.span.spanId, branch);
  const childrenOf = new Map<Branch<S>, Branch<S>[]>();
  const roots: Branch<S>[] = [];
  for (const branch of branches) {
    const parent = branch.span.parentSpanId === null ? undefined : byId.get(branch.span.parentSpanId);
    if (!parent || parent === branch) roots.push(branch);
    else push(childrenOf, parent, branch);
  }
  const hung = new Set<Branch<S>>();
  for (const root of roots) hang(root, childrenOf, hung, depthMax);
  // Whatever no root leads to is in a circle or hangs from one.
  for (const branch of branches) {
    if (hung.has(branch)) continue;
    const root = onCircle(branch, byId);
    roots.push(root);
    hang(root, childrenOf, hung, depthMax);
  }
  return roots.sort((a, b) => byTime(a.span, b.span));
};

const byTime = (a: Linked, b: Linked): number =>
  a.startedNs.length - b.startedNs.length || compared(a.startedNs, b.startedNs) || compared(a.spanId, b.spanId);
const compared = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const push = <K, V>(lists: Map<K, V[]>, key: K, value: V) => {
  const list = lists.get(key);
  if (list) list.push(value);
  else lists.set(key, [value]);
};

/** Fills the children of everything below `root`, breadth first. */
const hang = <S>(
  root: Branch<S>,
  childrenOf: ReadonlyMap<Branch<S>, readonly Branch<S>[]>,
  hung: Set<Branch<S>>,
  depthMax: number,
) => {
  const queue = [{ branch: root, at: root, depth: 1 }];
  hung.add(root);
  for (const { branch, at, depth } of queue) {
    for (const child of childrenOf.get(branch) ?? []) {
      if (hung.has(child)) continue;
      hung.add(child);
      at.children.push(child);
      const deeper = depth + 1 < depthMax;
      queue.push({ branch: child, at: deeper ? child : at, depth: deeper ? depth + 1 : depth });
    }
  }
};

/** The earliest span of the circle that the parents of `branch` lead into. */
const onCircle = <S extends Linked>(branch: Branch<S>, byId: ReadonlyMap<string, Branch<S>>): Branch<S> => {
  const parentOf = (b: Branch<S>) => (b.span.parentSpanId === null ? undefined : byId.get(b.span.parentSpanId));
  const seen = new Set<Branch<S>>();
  let at: Branch<S> | undefined = branch;
  while (at && !seen.has(at)) {
    seen.add(at);
    at = parentOf(at);
  }
  let earliest = at ?? branch;
  for (let next = parentOf(earliest); next && next !== at; next = parentOf(next)) {
    if (byTime(next.span, earliest.span) < 0) earliest = next;
  }
  return earliest;
};
