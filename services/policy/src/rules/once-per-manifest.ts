// What several rules look for in one manifest is looked for once. A manifest is never changed while it is judged.
import type { ResolvedManifest } from '@molthub/contracts';

/** The same function, which remembers its result for as long as anybody holds the manifest. */
export const oncePerManifest = <Result>(
  work: (resolved: ResolvedManifest) => Result,
): ((resolved: ResolvedManifest) => Result) => {
  const known = new WeakMap<ResolvedManifest, { readonly result: Result }>();
  return (resolved) => {
    const found = known.get(resolved);
    if (found) return found.result;
    const result = work(resolved);
    known.set(resolved, { result });
    return result;
  };
};
