// Fields as rules name them: `spec.runtime.cpu`, `spec.channels[0].type`, `spec.config["a.b"]`, and `*` for every one.
import { childPath, forbiddenKeys, isJsonObject } from '@molthub/manifest';
import { z } from 'zod';
import type { Place } from './openclaw-config.ts';
import { WrongParameter } from './rule-type.ts';

const step = /^(?:\.?(?<name>[A-Za-z0-9_$*-]+)|\[(?<index>\d{1,6}|\*)\]|\[(?<quoted>"(?:[^"\\]|\\.)*")\])/;
const stepsMax = 32;
const everyMax = 3;

/** The parameter that names a field. */
export const FieldPath = z
  .string()
  .min(1)
  .max(300)
  .describe('A field of the resolved manifest, such as spec.runtime.memory or spec.channels[*].type.');

export type Field = {
  readonly path: string;
  /** Every place that the path leads to, with what stands there; absent ones are left out. */
  readonly placesIn: (root: unknown) => readonly Pick<Place, 'path' | 'value'>[];
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

const keysOf = (path: string): readonly string[] | undefined => {
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

type Found = Pick<Place, 'path' | 'value'>;

const descend = (places: readonly Found[], keys: readonly string[]): readonly Found[] =>
  keys.reduce<readonly Found[]>((found, key) => found.flatMap((place) => childrenOf(place, key)), places);

const childrenOf = ({ path, value }: Found, key: string): readonly Found[] => {
  if (Array.isArray(value)) {
    const items = value.map((item: unknown, index) => ({ path: childPath(path, index), value: item }));
    return key === '*' ? items : items.filter((_, index) => String(index) === key);
  }
  if (!isJsonObject(value)) return [];
  if (key !== '*') return Object.hasOwn(value, key) ? [{ path: childPath(path, key), value: value[key] }] : [];
  return Object.entries(value).map(([name, item]) => ({ path: childPath(path, name), value: item }));
};
