// What a manifest may be made of, before anything recursive touches it: depth, keys, text and size.
import { limits, type Problem } from '@molthub/contracts';
import { childPath } from './path.ts';

/** Levels of nesting below the manifest itself. */
export const depthMax = 64;

/** Keys that mean something to JavaScript itself; a merge that met one could change every object of the process. */
export const forbiddenKeys: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

const problemsMax = 100;

/** What is wrong with the structure of a JSON value: at most 100 problems. Takes time linear in its size. */
export const structureProblems = (root: unknown): readonly Problem[] => {
  const problems: Problem[] = [];
  const waiting: { readonly value: unknown; readonly path: string; readonly depth: number }[] = [
    { value: root, path: '', depth: 0 },
  ];
  for (let next = waiting.pop(); next !== undefined && problems.length < problemsMax; next = waiting.pop()) {
    const { value, path, depth } = next;
    const scalar = scalarProblem(value, path);
    if (scalar) problems.push(scalar);
    if (typeof value !== 'object' || value === null) continue;
    if (depth > depthMax) {
      problems.push({ path, code: 'config.too-deep', message: `Nest at most ${depthMax} levels deep.` });
      continue;
    }
    if (Array.isArray(value)) {
      for (const [index, item] of value.entries()) {
        waiting.push({ value: item, path: childPath(path, index), depth: depth + 1 });
      }
      continue;
    }
    for (const [key, item] of Object.entries(value)) {
      const at = childPath(path, key);
      if (forbiddenKeys.has(key) || !key.isWellFormed()) problems.push(forbidden(at, key));
      else waiting.push({ value: item, path: at, depth: depth + 1 });
    }
  }
  return problems.toSorted((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
};

const forbidden = (path: string, key: string): Problem => ({
  path,
  code: 'config.forbidden-key',
  message: key.isWellFormed()
    ? `The key "${key}" is not allowed anywhere in a manifest; remove or rename it.`
    : 'This key has a lone surrogate, which is no Unicode text; correct it.',
});

const scalarProblem = (value: unknown, path: string): Problem | null => {
  if (typeof value === 'number' && !Number.isFinite(value)) {
    return { path, code: 'config.not-json', message: 'Write a finite number.' };
  }
  if (typeof value === 'string' && !value.isWellFormed()) {
    return {
      path,
      code: 'config.not-json',
      message: 'This text has a lone surrogate, which is no Unicode; correct it.',
    };
  }
  if (value === undefined || ['bigint', 'function', 'symbol'].includes(typeof value)) {
    return { path, code: 'config.not-json', message: 'This is no JSON value.' };
  }
  return null;
};

/** Room in an event for what is said about a manifest beside the manifest itself. */
const besideBytes = 8 * 1024;

/** Whether a manifest can travel: resolved ≤ 256 KiB, and both forms in one event. Sizes are bytes of UTF-8 JSON. */
export const sizeProblems = (manifest: unknown, resolved: unknown): readonly Problem[] => {
  const bytes = bytesOf(resolved);
  const largest = Math.min(limits.resolvedConfigBytesMax, limits.eventBytesMax - besideBytes - bytesOf(manifest));
  if (bytes <= largest) return [];
  const message = `The resolved manifest has ${bytes} bytes; at most ${largest} are allowed. Make spec.config smaller.`;
  return [{ path: 'spec.config', code: 'config.too-large', message }];
};

const bytesOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value) ?? '');
