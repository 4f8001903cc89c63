// Paths as a user would write them: `spec.config.agents[0].model`.
import { isJsonObject } from './json.ts';

export type PathPart = string | number;

/** A path longer than this is cut, so that a hostile key cannot make an answer large. */
const pathLengthMax = 300;
const plain = /^[A-Za-z0-9_$-]{1,128}$/;

/** The path of a child: `.name` for keys, `[3]` for list items, `["a.b"]` for keys that a dot would not name. */
export const childPath = (parent: string, part: PathPart): string => {
  if (parent.length >= pathLengthMax) return parent;
  const name =
    typeof part === 'number' ? `[${part}]` : plain.test(part) ? part : `[${JSON.stringify(part.slice(0, 64))}]`;
  const joined = parent === '' || name.startsWith('[') ? parent + name : `${parent}.${name}`;
  return joined.length > pathLengthMax ? `${joined.slice(0, pathLengthMax - 1).toWellFormed()}…` : joined;
};

/** One step of a path that somebody wrote: a key, a list index, every one of them, or the list item with these keys. */
export type PathStep =
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'index'; readonly index: number }
  | { readonly kind: 'every' }
  | { readonly kind: 'item'; readonly keys: Readonly<Record<string, string>> };

const step =
  /^(?:\.?(?<name>[A-Za-z0-9_$*-]+)|\[(?<index>\d{1,6}|\*)\]|\[(?<quoted>"(?:[^"\\]|\\.)*")\]|\[(?<item>[A-Za-z][A-Za-z0-9_-]*=(?:[^\]"]|"(?:[^"\\]|\\.)*")*)\])/;
const itemKey = /^(?<key>[A-Za-z][A-Za-z0-9_-]*)=(?:(?<plain>[^",[\]=]+)|(?<quoted>"(?:[^"\\]|\\.)*"))(?:,(?=.)|$)/;

/** Paths with more steps are refused: no manifest is so deep that one would need them. */
export const pathStepsMax = 32;

/**
 * Reads a path such as `spec.runtime.cpu`, `spec.channels[0].type`, `spec.config["a.b"]`, `spec.channels[*].type` or
 * `spec.channels[type=telegram].enabled`; `undefined` for what is none. At most 32 steps and 300 characters.
 */
export const parsePath = (path: string): readonly PathStep[] | undefined => {
  if (path === '' || path.length > pathLengthMax) return undefined;
  const steps: PathStep[] = [];
  for (let rest = path; rest !== ''; ) {
    const match = step.exec(rest);
    const next = match?.groups && stepOf(match.groups);
    if (!match || !next || steps.length === pathStepsMax) return undefined;
    steps.push(next);
    rest = rest.slice(match[0].length);
  }
  return steps;
};

const stepOf = ({ name, index, quoted, item }: Readonly<Record<string, string | undefined>>): PathStep | undefined => {
  if (name === '*' || index === '*') return { kind: 'every' };
  if (name !== undefined) return { kind: 'name', name };
  if (index !== undefined) return { kind: 'index', index: Number(index) };
  if (item !== undefined) return itemOf(item);
  const text = unquoted(quoted ?? '');
  return text === undefined ? undefined : { kind: 'name', name: text };
};

const itemOf = (text: string): PathStep | undefined => {
  const keys = new Map<string, string>();
  for (let rest = text; rest !== ''; ) {
    const match = itemKey.exec(rest);
    const { key, plain: bare, quoted } = match?.groups ?? {};
    const value = bare ?? unquoted(quoted ?? '');
    if (!match || key === undefined || value === undefined) return undefined;
    keys.set(key, value);
    rest = rest.slice(match[0].length);
  }
  return { kind: 'item', keys: Object.fromEntries(keys) };
};

const unquoted = (text: string): string | undefined => {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'string' ? parsed : undefined;
  } catch {
    // Not text in quotes: the path is told to be none.
    return undefined;
  }
};

/** Whether a list item is the one that a step of kind `item` names: each of those keys has that value, written as text. */
export const isItemWith = (item: unknown, keys: Readonly<Record<string, string>>): boolean =>
  isJsonObject(item) &&
  Object.entries(keys).every(([key, value]) => Object.hasOwn(item, key) && keyText(item[key]) === value);

const keyText = (value: unknown): string | undefined =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined;
