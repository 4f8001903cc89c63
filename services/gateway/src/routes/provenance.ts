// Where each value of a resolved manifest is from. There are two layers so far: the bot's own manifest, and secure defaults.
import { childPath, diff, isJsonObject } from '@molthub/manifest';

export type Leaf = { readonly path: string; readonly layer: 'instance' | 'secure-defaults' };

/** Every leaf of `resolved`, sorted by path; a leaf that differs from the manifest was filled in by a default. */
export const provenanceOf = (manifest: unknown, resolved: unknown): readonly Leaf[] => {
  const filled = new Set(diff(manifest, resolved).flatMap(({ path, after }) => leavesOf(after, path)));
  return leavesOf(resolved, '')
    .toSorted()
    .map((path) => ({ path, layer: filled.has(path) ? 'secure-defaults' : 'instance' }));
};

const leavesOf = (value: unknown, path: string): readonly string[] => {
  if (!isJsonObject(value)) return value === undefined ? [] : [path];
  return Object.entries(value).flatMap(([key, inner]) => leavesOf(inner, childPath(path, key)));
};
