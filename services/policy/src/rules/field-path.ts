// Fields as rules name them: `spec.runtime.cpu`, `spec.channels[0].type`, `spec.channels[type=slack].enabled`,
// `spec.config["a.b"]`, and `*` for every one.
import { childPath, forbiddenKeys, isItemWith, isJsonObject, parsePath, type PathStep } from '@molthub/manifest';
import { z } from 'zod';
import type { Part } from './openclaw-config.ts';
import { NotJudged, WrongParameter } from './rule-type.ts';

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
  const steps = parsePath(path);
  const [first] = steps ?? [];
  if (!steps || !first) {
    throw new WrongParameter(parameter, `"${path.slice(0, 60)}" is no path; write one such as spec.runtime.memory.`);
  }
  if (first.kind !== 'name' || !['metadata', 'spec', 'apiVersion', 'kind'].includes(first.name)) {
    throw new WrongParameter(parameter, 'A path starts at the manifest: with metadata or spec.');
  }
  if (steps.some((step) => step.kind === 'name' && forbiddenKeys.has(step.name))) {
    throw new WrongParameter(parameter, 'No manifest has a key of this name, so the rule would say nothing.');
  }
  if (steps.filter(({ kind }) => kind === 'every').length > everyMax) {
    throw new WrongParameter(parameter, `Write "*" at most ${everyMax} times.`);
  }
  return { path, placesIn: (root) => descend([{ path: '', value: root }], steps) };
};

const descend = (parts: readonly Part[], steps: readonly PathStep[]): readonly Part[] =>
  steps.reduce<readonly Part[]>((found, step) => {
    const isMany = step.kind === 'every' || step.kind === 'item';
    const below = isMany ? found.reduce((sum, { value }) => sum + countOf(value), 0) : 0;
    if (below > placesMax) throw new NotJudged(`The field of the rule is ${below} places here, more than ${placesMax}`);
    return found.flatMap((part) => (Array.isArray(part.value) ? itemsOf(part, step) : keysOf(part, step)));
  }, parts);

const countOf = (value: unknown): number =>
  Array.isArray(value) ? value.length : isJsonObject(value) ? Object.keys(value).length : 0;

const itemsOf = ({ path, value }: Part, step: PathStep): readonly Part[] => {
  const items: readonly unknown[] = Array.isArray(value) ? value : [];
  const index = indexOf(step);
  if (index !== undefined) return index < items.length ? [{ path: childPath(path, index), value: items[index] }] : [];
  if (step.kind === 'name') return [];
  return items.flatMap((item, at) =>
    step.kind === 'item' && !isItemWith(item, step.keys) ? [] : [{ path: childPath(path, at), value: item }],
  );
};

/** `list.0` is `list[0]` too. */
const indexOf = (step: PathStep): number | undefined => {
  if (step.kind === 'index') return step.index;
  return step.kind === 'name' && /^\d{1,6}$/.test(step.name) ? Number(step.name) : undefined;
};

const keysOf = ({ path, value }: Part, step: PathStep): readonly Part[] => {
  if (!isJsonObject(value) || step.kind === 'item') return [];
  if (step.kind === 'every') {
    return Object.entries(value).map(([name, item]) => ({ path: childPath(path, name), value: item }));
  }
  const name = step.kind === 'name' ? step.name : String(step.index);
  return Object.hasOwn(value, name) ? [{ path: childPath(path, name), value: value[name] }] : [];
};
