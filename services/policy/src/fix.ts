// What a verdict suggests, as one JSON merge patch (RFC 7386) of the manifest as it is written: pure. What was waived, is
// an example only, or stands where the manifest itself says nothing to take away, is left as it is.
import { type CommandOf, Manifest, type SuggestedFix, type SuggestFix, type Violation } from '@molthub/contracts';
import { Rejected } from '@molthub/decider';
import { diff, isJsonObject, type JsonObject, parseManifest, parsePath } from '@molthub/manifest';
import { z } from 'zod';
import { judgingBy } from './evaluate.ts';
import { gently } from './gently.ts';
import type { CompiledPack } from './pack.ts';
import { type Waiver, waiversFor } from './waivers.ts';

/** What one pack suggests for a bot, and what it would find then. Throws `Rejected` where there is nothing to be done. */
export const suggestedFix = async (
  data: CommandOf<typeof SuggestFix>['data'],
  known: {
    readonly pack: CompiledPack;
    readonly waivers: readonly Waiver[];
    readonly enforcedPackIds: readonly string[];
  },
): Promise<SuggestedFix> => {
  const { manifest, resolved, environment } = data;
  const found = async (of: Manifest) => {
    const waivers = waiversFor(known.waivers, of, data);
    const context = { environment, point: 'plan', waivers, enforcedPackIds: known.enforcedPackIds } as const;
    const { violations, warnings } = await gently(judgingBy(known.pack, of, context));
    return [...violations, ...warnings];
  };
  const before = await found(resolved);
  const { patch, fixed } = fixOf(manifest, resolved, before);
  if (patch === null) throw nothingToFix(before);
  const parsed = parseManifest(patched(manifest, patch));
  if ('problems' in parsed) {
    const message = 'What this pack suggests makes no manifest together; correct the bot by hand.';
    throw new Rejected('policy.nothing-to-fix', message, parsed.problems);
  }
  const remaining = await found(Manifest.parse(patched(resolved, patch)));
  return { patch: Json.parse(patch), manifest: parsed.manifest, fixed: [...fixed], remaining };
};

const Json = z.record(z.string(), z.json());

const nothingToFix = (found: readonly Violation[]): Rejected => {
  const message =
    found.length === 0
      ? 'The bot keeps every rule of this pack, or the pack is not about it.'
      : 'None of what this pack finds can be fixed without a person; correct what is named in errors.';
  const errors = found.map(({ path, ruleId, message: said }) => ({ path, code: ruleId, message: said }));
  return new Rejected('policy.nothing-to-fix', message, errors.slice(0, 100));
};

export type Fix = {
  /** Null where nothing can be fixed. */
  readonly patch: JsonObject | null;
  /** The findings that the patch answers. */
  readonly fixed: readonly Violation[];
};

type Edit = { readonly violation: Violation; readonly keys: readonly string[] };

/** `resolved` is what the verdict is about: where it fills a section in, the patch begins with that section whole. */
export const fixOf = (manifest: JsonObject, resolved: JsonObject, violations: readonly Violation[]): Fix => {
  const edits = new Map<string, Edit>();
  for (const violation of violations) {
    const keys = isOpen(violation) ? keysOf(violation.path) : undefined;
    // Where two rules say different things of one place, the first one counts; the verdict on the outcome tells.
    if (keys !== undefined && keys.length > 0 && !edits.has(violation.path)) {
      edits.set(violation.path, { violation, keys });
    }
  }
  let fixed: JsonObject = manifest;
  const done: Violation[] = [];
  // The last item of a list first, so that what is taken away moves nothing that is still to be changed.
  for (const { violation, keys } of [...edits.values()].toSorted((a, b) => byPlace(b.keys, a.keys))) {
    const value = violation.suggestion === 'remove' ? undefined : violation.suggestedValue;
    const changed = edited(fixed, resolved, keys, value);
    if (changed === undefined || !isJsonObject(changed.value)) continue;
    fixed = changed.value;
    done.push(violation);
  }
  const differs = diff(manifest, fixed).length > 0;
  return differs ? { patch: mergePatch(manifest, fixed), fixed: done.toReversed() } : { patch: null, fixed: [] };
};

/** The keys of a path of one place, list indexes among them; undefined where it is none. */
const keysOf = (path: string): readonly string[] | undefined => {
  const keys = parsePath(path)?.map((step) =>
    step.kind === 'name' ? step.name : step.kind === 'index' ? String(step.index) : undefined,
  );
  return keys?.every((key) => key !== undefined) ? keys : undefined;
};

const isOpen = ({ suggestion, waivedBy, overrideReason }: Violation): boolean =>
  suggestion !== undefined && waivedBy === undefined && overrideReason === undefined;

const byPlace = (a: readonly string[], b: readonly string[]): number => {
  const at = a.findIndex((key, index) => key !== b[index]);
  const [left = '', right = ''] = at < 0 ? [] : [a[at], b[at]];
  if (/^\d+$/.test(left) && /^\d+$/.test(right)) return Number(left) - Number(right);
  return left < right ? -1 : Number(left > right);
};

/** The node with the value at the keys, or without what is there where the value is undefined; undefined: impossible. */
const edited = (
  node: unknown,
  resolved: unknown,
  keys: readonly string[],
  value: unknown,
): { readonly value: unknown } | undefined => {
  const [key, ...rest] = keys;
  if (key === undefined) return { value };
  if (Array.isArray(node)) {
    const items: readonly unknown[] = node;
    const index = Number(key);
    if (!Number.isInteger(index) || index >= items.length) return undefined;
    const below = Array.isArray(resolved) ? resolved[index] : undefined;
    const item = edited(items[index], below, rest, value);
    if (item === undefined) return undefined;
    return { value: item.value === undefined ? items.toSpliced(index, 1) : items.with(index, item.value) };
  }
  const filledIn = isJsonObject(resolved) ? resolved : {};
  const section = node ?? (value === undefined ? undefined : filledIn);
  if (!isJsonObject(section)) return undefined;
  const present = Object.hasOwn(section, key) ? section[key] : undefined;
  if (present === undefined && value === undefined) return undefined;
  const child = edited(present, Object.hasOwn(filledIn, key) ? filledIn[key] : undefined, rest, value);
  if (child === undefined) return undefined;
  const others = Object.entries(section).filter(([name]) => name !== key);
  return { value: Object.fromEntries(child.value === undefined ? others : [...others, [key, child.value]]) };
};

/** The patch that makes one of the other: lists as a whole, null for what is gone. */
const mergePatch = (before: JsonObject, after: JsonObject): JsonObject => {
  const gone = Object.keys(before).filter((key) => !Object.hasOwn(after, key));
  const changed = Object.entries(after).flatMap(([key, value]): readonly (readonly [string, unknown])[] => {
    const earlier = Object.hasOwn(before, key) ? before[key] : undefined;
    if (isJsonObject(earlier) && isJsonObject(value)) {
      const inside = mergePatch(earlier, value);
      return Object.keys(inside).length === 0 ? [] : [[key, inside]];
    }
    return earlier !== undefined && diff({ value: earlier }, { value }).length === 0 ? [] : [[key, value]];
  });
  return Object.fromEntries([...changed, ...gone.map((key) => [key, null] as const)]);
};

/** A document with a merge patch applied. */
export const patched = (target: unknown, patch: unknown): unknown => {
  if (!isJsonObject(patch)) return patch;
  const result = new Map(Object.entries(isJsonObject(target) ? target : {}));
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) result.delete(key);
    else result.set(key, patched(result.get(key), value));
  }
  return Object.fromEntries(result);
};
