// Reading and rebuilding JSON trees by path, without ever walking into a prototype.

export type JsonObject = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function own(object: JsonObject, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

export function at(tree: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((node, key) => (isObject(node) ? own(node, key) : undefined), tree);
}

/** A copy with `value` at `path`; `undefined` removes the key. What is no object on the way is replaced by one. */
export function withAt(tree: unknown, path: readonly string[], value: unknown): JsonObject {
  const node = isObject(tree) ? tree : {};
  const [key, ...rest] = path;
  if (key === undefined) return node;
  const kept = Object.entries(node).filter(([name]) => name !== key);
  if (rest.length > 0) {
    const child = own(node, key);
    if (value === undefined && !isObject(child)) return node;
    return asObject(node, kept, key, withAt(child, rest, value));
  }
  return value === undefined ? Object.fromEntries(kept) : asObject(node, kept, key, value);
}

/** Keeps a key where it was, so that a rewritten file shows only what changed. */
function asObject(node: JsonObject, kept: readonly [string, unknown][], key: string, value: unknown): JsonObject {
  if (!Object.hasOwn(node, key)) return Object.fromEntries([...kept, [key, value]]);
  return Object.fromEntries(Object.entries(node).map(([name, old]) => [name, name === key ? value : old]));
}

/** Equal as JSON: the order of keys does not matter. */
export function equalJson(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, index) => equalJson(item, b[index]));
  }
  if (!isObject(a) || !isObject(b)) return false;
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => Object.hasOwn(b, name) && equalJson(a[name], b[name]))
  );
}
