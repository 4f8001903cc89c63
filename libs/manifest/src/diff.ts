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

/** Whether two JSON values are the same, whatever the order of their keys. `count` hears of each part that is compared. */
export const equal = (a: unknown, b: unknown, count: (parts: number) => void = () => {}): boolean => {
  if (a === b) return true;
  if (Array.isArray(a) && Array.isArray(b)) {
    count(a.length);
    return a.length === b.length && a.every((item, index) => equal(item, b[index], count));
  }
  if (!isJsonObject(a) || !isJsonObject(b)) return false;
  const names = Object.keys(a);
  count(names.length);
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => Object.hasOwn(b, name) && equal(a[name], b[name], count))
  );
};
