import { isJsonObject } from './json.ts';
import { childPath } from './path.ts';

/** One difference; an absent side is `undefined`, which is not the same as `null`. */
export type Difference = { readonly path: string; readonly before: unknown; readonly after: unknown };

/**
 * How two JSON values differ, sorted by path. Objects are compared key by key, lists as a whole: a list is one value
 * until its path declares other semantics. Both values must have passed `structureProblems`.
 */
export const diff = (before: unknown, after: unknown): readonly Difference[] =>
  differences(before, after, '').toSorted((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));

const differences = (before: unknown, after: unknown, path: string): readonly Difference[] => {
  if (isJsonObject(before) && isJsonObject(after)) {
    const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
    return [...keys].flatMap((key) => differences(own(before, key), own(after, key), childPath(path, key)));
  }
  return equal(before, after) ? [] : [{ path, before, after }];
};

const own = (object: Readonly<Record<string, unknown>>, key: string): unknown =>
  Object.hasOwn(object, key) ? object[key] : undefined;

const equal = (a: unknown, b: unknown): boolean => {
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((item, i) => equal(item, b[i]));
  if (isJsonObject(a) && isJsonObject(b)) return differences(a, b, '').length === 0;
  return a === b;
};
