// JSON Merge Patch (RFC 7386), with one form beyond it: `{ "$value": x }` is exactly x. With it patches can be composed,
// and say a literal null; a patch without it means what the RFC says.
import { Rejected } from '@molthub/decider';
import { childPath, depthMax, diff, forbiddenKeys, isJsonObject, type JsonObject } from '@molthub/manifest';
import { isMerging, own, valueForm } from './forms.ts';

/**
 * The target as the patch changes it; neither is changed. Throws `Rejected` for patches deeper than 64 levels, and with
 * keys that mean something to JavaScript.
 */
export const mergePatch = (target: unknown, patch: unknown): unknown => applied(target, patch, []);

/** One patch that does what the first and then the second do: `null` stays in it, for what it is applied to. */
export const composePatches = (first: unknown, second: unknown): unknown => composed(first, second, []);

/** `path` is where the patches stand, below which they are walked. */
const applied = (target: unknown, patch: unknown, path: string[]): unknown => {
  if (!isMerging(patch)) return exactly(patch);
  const made: Record<string, unknown> = isJsonObject(target) ? { ...target } : {};
  for (const name of namesOf(patch, path)) {
    const said = patch[name];
    if (said === null) delete made[name];
    else if (typeof said !== 'object') made[name] = said;
    else {
      path.push(name);
      made[name] = applied(own(made, name), said, path);
      path.pop();
    }
  }
  return made;
};

const composed = (first: unknown, second: unknown, path: string[]): unknown => {
  if (!isMerging(second)) return second;
  // What the first replaced whole, the second changes: together they replace it by that.
  if (!isMerging(first)) return { [valueForm]: applied(exactly(first), second, path) };
  const made: Record<string, unknown> = {};
  for (const name of namesOf(first, path)) made[name] = first[name];
  for (const name of namesOf(second, path)) {
    path.push(name);
    made[name] = Object.hasOwn(made, name) ? composed(made[name], second[name], path) : second[name];
    path.pop();
  }
  return made;
};

const exactly = (patch: unknown): unknown => (isJsonObject(patch) ? own(patch, valueForm) : patch);

const namesOf = (patch: JsonObject, path: readonly string[]): readonly string[] => {
  if (path.length > depthMax) throw new Rejected('config.too-deep', `Nest a patch at most ${depthMax} levels deep.`);
  const names = Object.keys(patch);
  const forbidden = names.find((name) => forbiddenKeys.has(name));
  if (forbidden === undefined) return names;
  const at = [...path, forbidden].reduce<string>(childPath, '');
  throw new Rejected('config.forbidden-key', `The key ${at} is not allowed in a patch; remove or rename it.`);
};

/**
 * The patch that makes `after` of `before`; `undefined` where they are equal. It is a patch of the RFC where `after`
 * says no null that is not in `before` too, and has the form beyond it otherwise. Both must have passed
 * `structureProblems`.
 */
export const patchBetween = (before: unknown, after: unknown): unknown => {
  if (!isJsonObject(before) || !isJsonObject(after))
    return diff(before, after).length === 0 ? undefined : saying(after);
  const patch = new Map<string, unknown>();
  for (const name of Object.keys(before)) if (!Object.hasOwn(after, name)) patch.set(name, null);
  for (const [name, value] of Object.entries(after)) {
    const said = Object.hasOwn(before, name) ? patchBetween(before[name], value) : saying(value);
    if (said !== undefined) patch.set(name, said);
  }
  return patch.size === 0 ? undefined : Object.fromEntries(patch);
};

/** A patch that makes a value where none, or one that is no object, stands. */
const saying = (value: unknown): unknown => {
  if (value === null) return { [valueForm]: null };
  if (!isJsonObject(value)) return value;
  if (Object.hasOwn(value, valueForm)) return { [valueForm]: value };
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, saying(item)]));
};
