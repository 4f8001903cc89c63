// JSON Patch (RFC 6902): what a merge patch cannot say, it can: items of lists, and what must be there before.
import { Rejected } from '@molthub/decider';
import { depthMax, equal, forbiddenKeys, isJsonObject } from '@molthub/manifest';
import { boundsOf } from './patch-bounds.ts';

export type JsonPatchOperation =
  | { readonly op: 'add' | 'replace' | 'test'; readonly path: string; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: string }
  | { readonly op: 'move' | 'copy'; readonly from: string; readonly path: string };

export const jsonPatchLimits = {
  operationsMax: 1_000,
  /** Of all that is copied, about, as JSON: ten copies of a copy of a copy are small to write and large to read. */
  copiedBytesMax: 1024 * 1024,
} as const;

/**
 * The document as the operations change it, all of them or none; it stays as it is. Throws `Rejected` for what is no
 * patch, and where an operation has no place or a test fails, naming the operation by its index. The document must have
 * passed `structureProblems`.
 */
export const applyJsonPatch = (document: unknown, patch: unknown): unknown => {
  if (!Array.isArray(patch)) throw refusal('A JSON Patch is a list of operations.');
  if (patch.length > jsonPatchLimits.operationsMax) {
    throw refusal(`A JSON Patch has at most ${jsonPatchLimits.operationsMax} operations.`);
  }
  const working: Working = { root: copied(document), copiedBytes: 0 };
  for (const [index, operation] of patch.entries()) {
    try {
      apply(working, operationOf(operation));
    } catch (error) {
      if (!(error instanceof NoPlace)) throw error;
      throw refusal(`Operation ${index}: ${error.message}`, `[${index}]`);
    }
  }
  return working.root;
};

/** The operations that make `after` of `before`. Lists are replaced as a whole. Both must have passed `structureProblems`. */
export const jsonPatchBetween = (before: unknown, after: unknown): readonly JsonPatchOperation[] =>
  operationsBetween(before, after, '');

const operationsBetween = (before: unknown, after: unknown, path: string): readonly JsonPatchOperation[] => {
  if (!isJsonObject(before) || !isJsonObject(after)) {
    return equal(before, after) ? [] : [{ op: 'replace', path, value: after }];
  }
  const removed = Object.keys(before).filter((name) => !Object.hasOwn(after, name));
  return [
    ...removed.map((name) => ({ op: 'remove' as const, path: `${path}/${escaped(name)}` })),
    ...Object.entries(after).flatMap(([name, value]): readonly JsonPatchOperation[] => {
      const at = `${path}/${escaped(name)}`;
      return Object.hasOwn(before, name)
        ? operationsBetween(before[name], value, at)
        : [{ op: 'add', path: at, value }];
    }),
  ];
};

const escaped = (name: string): string => name.replaceAll('~', '~0').replaceAll('/', '~1');

/** Unlike `structuredClone`, it makes two of what stands at two places as one object: each is changed by itself. */
const copied = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(copied);
  return isJsonObject(value)
    ? Object.fromEntries(Object.entries(value).map(([name, part]) => [name, copied(part)]))
    : value;
};

type Working = { root: unknown; copiedBytes: number };

/** An operation cannot be done. */
class NoPlace extends Error {}

const refusal = (message: string, path = '') =>
  new Rejected('config.json-patch-refused', message, [{ path, code: 'config.json-patch-refused', message }]);

const operationOf = (operation: unknown): JsonPatchOperation => {
  if (!isJsonObject(operation)) throw new NoPlace('an operation is an object with op and path.');
  const { op, path, from } = operation;
  if (typeof path !== 'string') throw new NoPlace('write the path as a JSON Pointer such as /spec/runtime.');
  switch (op) {
    case 'remove':
      return { op, path };
    case 'add':
    case 'replace':
    case 'test':
      if (!Object.hasOwn(operation, 'value')) throw new NoPlace(`${op} needs a value.`);
      return { op, path, value: operation['value'] };
    case 'move':
    case 'copy':
      if (typeof from !== 'string') throw new NoPlace(`${op} needs a from.`);
      return { op, path, from };
    default:
      throw new NoPlace('op is one of add, remove, replace, move, copy and test.');
  }
};

const apply = (working: Working, operation: JsonPatchOperation): void => {
  const path = pointerOf(operation.path);
  switch (operation.op) {
    case 'add':
      return add(working, path, sized(working, operation.value));
    case 'remove':
      remove(working, path);
      return undefined;
    case 'replace':
      valueAt(working, path);
      if (path.length > 0) remove(working, path);
      return add(working, path, sized(working, operation.value));
    case 'test':
      if (!equal(valueAt(working, path), operation.value))
        throw new NoPlace(`another value stands at ${operation.path}.`);
      return undefined;
    case 'copy':
      return add(working, path, sized(working, valueAt(working, pointerOf(operation.from))));
    case 'move': {
      const from = pointerOf(operation.from);
      if (from.length < path.length && from.every((part, index) => part === path[index])) {
        throw new NoPlace('what is moved cannot go into itself.');
      }
      return add(working, path, remove(working, from));
    }
    default:
      return operation satisfies never;
  }
};

const pointerOf = (pointer: string): readonly string[] => {
  if (pointer === '') return [];
  const parts = pointer.split('/').slice(1);
  if (!pointer.startsWith('/') || /~(?![01])/.test(pointer)) {
    throw new NoPlace('write the path as a JSON Pointer such as /spec/runtime.');
  }
  if (parts.length > depthMax) throw new NoPlace(`a path has at most ${depthMax} steps.`);
  return parts.map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
};

/** A copy of its own, so that later operations change only one of them. */
const sized = (working: Working, value: unknown): unknown => {
  const { bytes, isSound, isTooLarge } = boundsOf(value);
  working.copiedBytes += bytes;
  if (!isSound) throw new NoPlace('the value is nested too deeply, has a forbidden key or is no JSON.');
  if (isTooLarge || working.copiedBytes > jsonPatchLimits.copiedBytesMax) {
    throw new NoPlace('the values are too large together.');
  }
  return copied(value);
};

const nothingAt = (path: readonly string[]): NoPlace =>
  new NoPlace(
    `there is nothing at ${path
      .map((part) => `/${escaped(part)}`)
      .join('')
      .slice(0, 300)}.`,
  );

const valueAt = ({ root }: Working, path: readonly string[]): unknown => {
  let value = root;
  for (const part of path) {
    if (Array.isArray(value)) {
      const index = indexOf(part, value.length - 1, path);
      value = value[index];
    } else if (isJsonObject(value) && Object.hasOwn(value, part)) value = value[part];
    else throw nothingAt(path);
  }
  return value;
};

/** An index as RFC 6901 writes it: no sign, no leading zero. */
const indexOf = (part: string, last: number, path: readonly string[]): number => {
  if (!/^(?:0|[1-9]\d{0,8})$/.test(part) || Number(part) > last) throw nothingAt(path);
  return Number(part);
};

const add = (working: Working, path: readonly string[], value: unknown): void => {
  const name = path.at(-1);
  if (name === undefined) {
    working.root = value;
    return;
  }
  const parent = valueAt(working, path.slice(0, -1));
  if (Array.isArray(parent)) parent.splice(name === '-' ? parent.length : indexOf(name, parent.length, path), 0, value);
  else if (isRecord(parent)) {
    if (forbiddenKeys.has(name)) throw new NoPlace(`the key "${name}" is not allowed.`);
    parent[name] = value;
  } else throw nothingAt(path);
};

const remove = (working: Working, path: readonly string[]): unknown => {
  const removed = valueAt(working, path);
  const name = path.at(-1);
  if (name === undefined) {
    working.root = null;
    return removed;
  }
  const parent = valueAt(working, path.slice(0, -1));
  if (Array.isArray(parent)) parent.splice(indexOf(name, parent.length - 1, path), 1);
  else if (isRecord(parent)) delete parent[name];
  return removed;
};

const isRecord = (value: unknown): value is Record<string, unknown> => isJsonObject(value);
