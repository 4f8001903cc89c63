// Fields as rules name them: `spec.runtime.cpu`, `spec.channels[0].type`, `spec.config["a.b"]`, and `*` for every one.
import { childPath, forbiddenKeys, isJsonObject } from '@molthub/manifest';
import { z } from 'zod';
import type { Part } from './openclaw-config.ts';
import { NotJudged, WrongParameter } from './rule-type.ts';

const step = /^(?:\.?(?<name>[A-Za-z0-9_$*-]+)|\[(?<index>\d{1,6}|\*)\]|\[(?<quoted>"(?:[^"\\]|\\.)*")\])/;
const stepsMax = 32;
const everyMax = 3;
/** A rule that names more says so instead of looking at them all. */
const placesMax = 5_000;

/** The parameter that names a field. */
export const FieldPath = z
  .string()
  .min(1)
  .max(300)
  .describe('A field of the resolved manifest, such as spec.runtime.memory or spec.channels[*].type.');

export type Field = {
  readonly path: string;
  /** Every place that the path leads to, with what stands there; absent ones are left out. */
  readonly placesIn: (root: unknown) => readonly Part[];
};

/** Reads a path once, so that a rule does not read it for every manifest. Throws `WrongParameter`. */
export const fieldAt = (path: string, parameter = 'field'): Field => {
  const keys = keysOf(path);
  if (keys === undefined || keys.length > stepsMax) {
    throw new WrongParameter(parameter, `"${path.slice(0, 60)}" is no path; write one such as spec.runtime.memory.`);
  }
  if (!['metadata', 'spec', 'apiVersion', 'kind'].includes(keys[0] ?? '')) {
    throw new WrongParameter(parameter, 'A path starts at the manifest: with metadata or spec.');
  }
  if (keys.some((key) => forbiddenKeys.has(key))) {
    throw new WrongParameter(parameter, 'No manifest has a key of this name, so the rule would say nothing.');
  }
  if (keys.filter((key) => key === '*').length > everyMax) {
    throw new WrongParameter(parameter, `Write "*" at most ${everyMax} times.`);
  }
  return { path, placesIn: (root) => descend([{ path: '', value: root }], keys) };
};

/** The keys of a path, list indexes among them; undefined where it is none. */
export const keysOf = (path: string): readonly string[] | undefined => {
  const keys: string[] = [];
  for (let rest = path; rest !== ''; ) {
    const match = step.exec(rest);
    if (!match?.groups) return undefined;
    const { name, index, quoted } = match.groups;
    const key = name ?? index ?? unquoted(quoted ?? '');
    if (key === undefined) return undefined;
    keys.push(key);
    rest = rest.slice(match[0].length);
  }
  return keys;
};

const unquoted = (text: string): string | undefined => {
  const parsed = z.string().safeParse(jsonOf(text));
  return parsed.success ? parsed.data : undefined;
};

const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    // Not text in quotes: the path is told to be none.
    return undefined;
  }
};

const descend = (parts: readonly Part[], keys: readonly string[]): readonly Part[] =>
  keys.reduce<readonly Part[]>((found, key) => {
    const below = key === '*' ? found.reduce((sum, { value }) => sum + countOf(value), 0) : 0;
    if (below > placesMax) throw new NotJudged(`The field of the rule is ${below} places here, more than ${placesMax}`);
    return found.flatMap((part) => childrenOf(part, key));
  }, parts);

const countOf = (value: unknown): number =>
  Array.isArray(value) ? value.length : isJsonObject(value) ? Object.keys(value).length : 0;

const childrenOf = ({ path, value }: Part, key: string): readonly Part[] => {
  if (Array.isArray(value)) {
    if (key === '*') return value.map((item: unknown, index) => ({ path: childPath(path, index), value: item }));
    const index = /^\d{1,6}$/.test(key) ? Number(key) : value.length;
    return index < value.length ? [{ path: childPath(path, index), value: value[index] }] : [];
  }
  if (!isJsonObject(value)) return [];
  if (key !== '*') return Object.hasOwn(value, key) ? [{ path: childPath(path, key), value: value[key] }] : [];
  return Object.entries(value).map(([name, item]) => ({ path: childPath(path, name), value: item }));
};
