// What a verdict suggests, as one JSON merge patch (RFC 7386) of the manifest as it is written: pure. What was waived, is
// an example only, or stands where the manifest itself says nothing to take away, is left as it is.
import {
  type CommandOf,
  type FindByPack,
  Manifest,
  type ResolvedManifest,
  type SuggestedFix,
  type SuggestFix,
  type Violation,
} from '@molthub/contracts';
import { Rejected } from '@molthub/decider';
import { diff, equal, isJsonObject, type JsonObject, parseManifest, parsePath, resolve } from '@molthub/manifest';
import { z } from 'zod';
import { judgingBy } from './evaluate.ts';
import { gently } from './gently.ts';
import type { CompiledPack } from './pack.ts';
import { type Waiver, waiversFor } from './waivers.ts';

type Known = {
  readonly pack: CompiledPack;
  readonly waivers: readonly Waiver[];
  readonly enforcedPackIds: readonly string[];
};

/** What one pack finds in what a bot is to run, denied or not. */
export const foundBy = async (
  { resolved, environment, ...bot }: Omit<CommandOf<typeof FindByPack>['data'], 'packId'>,
  known: Known,
): Promise<readonly Violation[]> => {
  const waivers = waiversFor(known.waivers, resolved, bot);
  const { violations, warnings } = await gently(
    judgingBy(known.pack, resolved, { environment, point: 'plan', waivers, enforcedPackIds: known.enforcedPackIds }),
  );
  return [...violations, ...warnings];
};

/** What one pack suggests for a bot. Throws `Rejected` where there is nothing to be done. */
export const suggestedFix = async (data: CommandOf<typeof SuggestFix>['data'], known: Known): Promise<SuggestedFix> => {
  const { manifest, resolved } = data;
  const found = await foundBy(data, known);
  const { patch, fixed } = fixOf(manifest, resolved, found);
  if (patch === null) throw nothingToFix(found);
  const parsed = parseManifest(patched(manifest, patch));
  if ('problems' in parsed) {
    const message = 'What this pack suggests makes no manifest together; correct the bot by hand.';
    throw new Rejected('policy.nothing-to-fix', message, parsed.problems);
  }
  return { patch: Json.parse(patch), manifest: parsed.manifest, fixed: [...fixed] };
};

const Json = z.record(z.string(), z.json());

const nothingToFix = (found: readonly Violation[]): Rejected => {
  const message =
    found.length === 0
      ? 'The bot keeps every rule of this pack, or the pack is not about it.'
      : 'None of what this pack finds can be fixed here; correct what is named in errors, in the layer that says it.';
  const errors = found.map(({ path, ruleId, message: said }) => ({ path, code: ruleId, message: said }));
  return new Rejected('policy.nothing-to-fix', message, errors.slice(0, 100));
};

export type Fix = {
  /** Null where nothing can be fixed. */
  readonly patch: JsonObject | null;
  /** The findings that the patch answers. */
  readonly fixed: readonly Violation[];
};

type Key = string | number;
type Edit = {
  readonly violation: Violation;
  /** Undefined takes away what is there. */
  readonly value: unknown;
  /** Where it is in the bot's own manifest, and in what the verdict is about. */
  readonly keys: readonly Key[];
  readonly resolvedKeys: readonly Key[];
};

/**
 * Violations of `resolved` are answered in the bot's own manifest. Layers may have said what was found, or have moved it:
 * what is not this manifest's own to change is left, and nothing that layers say is written into it.
 */
export const fixOf = (manifest: Manifest, resolved: ResolvedManifest, violations: readonly Violation[]): Fix => {
  const edits = new Map<string, Edit>();
  for (const violation of violations) {
    // Where two rules say different things of one place, the first one counts; the verdict on the outcome tells.
    const edit = isOpen(violation) && !edits.has(violation.path) ? editOf(violation, manifest, resolved) : undefined;
    if (edit !== undefined) edits.set(violation.path, edit);
  }
  const { workspace = '', fleet: fleetName = '', environment = 'dev' } = resolved.metadata;
  const alone = resolve(manifest, { workspace, fleetName, environment });
  let fixed: JsonObject = manifest;
  const done: Violation[] = [];
  // The last item of a list first, so that what is taken away moves nothing that is still to be changed.
  for (const edit of [...edits.values()].toSorted((a, b) => byPlace(b.keys, a.keys))) {
    const changed = withEdit(fixed, edit, { resolved, alone });
    if (changed === undefined) continue;
    fixed = changed;
    done.push(edit.violation);
  }
  const differs = diff(manifest, fixed).length > 0;
  return differs ? { patch: mergePatch(manifest, fixed), fixed: done.toReversed() } : { patch: null, fixed: [] };
};

const editOf = (violation: Violation, manifest: Manifest, resolved: ResolvedManifest): Edit | undefined => {
  const resolvedKeys = keysOf(violation.path);
  const keys = resolvedKeys && placeIn(manifest, resolved, resolvedKeys);
  if (resolvedKeys === undefined || keys === undefined || keys.length === 0) return undefined;
  const value = violation.suggestion === 'remove' ? undefined : violation.suggestedValue;
  // Taken away, or suggested as a whole, is what the manifest says by itself; layers may have said a part of it.
  const isAll = value === undefined || typeof value === 'object';
  if (isAll && !equal(valueAt(manifest, keys), valueAt(resolved, resolvedKeys))) return undefined;
  return { violation, value, keys, resolvedKeys };
};

/** The keys of a path of one place, list indexes as numbers; undefined where it is none. */
const keysOf = (path: string): readonly Key[] | undefined => {
  const keys = parsePath(path)?.map((step) =>
    step.kind === 'name' ? step.name : step.kind === 'index' ? step.index : undefined,
  );
  return keys?.every((key) => key !== undefined) ? keys : undefined;
};

/**
 * The keys in the bot's own manifest of a place in what it resolves to; undefined where it says something else there, or
 * deletes what layers say.
 */
const placeIn = (own: unknown, resolved: unknown, keys: readonly Key[]): readonly Key[] | undefined => {
  const [key, ...rest] = keys;
  if (key === undefined) return [];
  if (typeof key === 'number') {
    const index = Array.isArray(own) && Array.isArray(resolved) ? sameItem(own, resolved, key) : undefined;
    // The item is the same as a whole, and so are the lists in it.
    return index === undefined ? undefined : [index, ...rest];
  }
  if (own === undefined) return rest.every((below) => typeof below === 'string') ? keys : undefined;
  if (!isJsonObject(own) || Object.keys(own).some((name) => layerForm.test(name))) return undefined;
  const below = placeIn(valueAt(own, [key]), valueAt(resolved, [key]), rest);
  return below && [key, ...below];
};

/** Keys such as `$value` and `$replace`, by which a manifest says how it meets its layers. */
const layerForm = /^\$(?:value|delete|replace)$/;

/** Where the item is in the own list; undefined where it is not there, or where one like it may be a layer's. */
const sameItem = (own: readonly unknown[], resolved: readonly unknown[], index: number): number | undefined => {
  if (index >= resolved.length) return undefined;
  if (equal(own, resolved)) return index;
  const item = resolved[index];
  const isOnlyOne = resolved.filter((other) => equal(other, item)).length === 1;
  const found = own.flatMap((other, at) => (equal(other, item) ? [at] : []));
  return isOnlyOne && found.length === 1 ? found[0] : undefined;
};

const valueAt = (node: unknown, keys: readonly Key[]): unknown => {
  let value = node;
  for (const key of keys) {
    if (typeof key === 'number') value = Array.isArray(value) ? value[key] : undefined;
    else value = isJsonObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
  }
  return value;
};

type Resolved = {
  readonly resolved: ResolvedManifest;
  /** The bot's own manifest with secure defaults only. */
  readonly alone: ResolvedManifest;
};

/** The manifest with the edit; undefined where that is impossible, or would say more than the edit. */
const withEdit = (
  manifest: JsonObject,
  { keys, resolvedKeys, value }: Edit,
  { resolved, alone }: Resolved,
): JsonObject | undefined => {
  const changed = edited(manifest, undefined, keys, value);
  if (changed === undefined || !isJsonObject(changed.value)) return undefined;
  const added = keys.findIndex((_, depth) => depth > 0 && valueAt(manifest, keys.slice(0, depth)) === undefined);
  if (added < 0 || (keys[0] === 'spec' && keys[1] === 'config') || isWhole(changed.value)) return changed.value;
  // A section that is there whole or not at all, is taken from secure defaults, and only where no layer says another.
  const section = valueAt(alone, keys.slice(0, added));
  if (!equal(section, valueAt(resolved, resolvedKeys.slice(0, added)))) return undefined;
  const filled = edited(manifest, alone, keys, value);
  return filled !== undefined && isJsonObject(filled.value) && isWhole(filled.value) ? filled.value : undefined;
};

/** A manifest to which reading it adds nothing. */
const isWhole = (manifest: JsonObject): boolean => {
  const parsed = Manifest.safeParse(manifest);
  return parsed.success && equal(parsed.data, manifest);
};

const isOpen = ({ suggestion, waivedBy, overrideReason }: Violation): boolean =>
  suggestion !== undefined && waivedBy === undefined && overrideReason === undefined;

const byPlace = (a: readonly Key[], b: readonly Key[]): number => {
  const at = a.findIndex((key, index) => key !== b[index]);
  const [left, right] = at < 0 ? [] : [a[at], b[at]];
  if (left === undefined || right === undefined) return a.length - b.length;
  if (typeof left === 'number' && typeof right === 'number') return left - right;
  return left < right ? -1 : Number(left > right);
};

/**
 * The node with the value at the keys, or without what is there where the value is undefined; undefined: impossible. A
 * section that is missing begins as `fill` has it.
 */
const edited = (
  node: unknown,
  fill: unknown,
  keys: readonly Key[],
  value: unknown,
): { readonly value: unknown } | undefined => {
  const [key, ...rest] = keys;
  if (key === undefined) return { value };
  if (typeof key === 'number') {
    if (!Array.isArray(node) || key >= node.length) return undefined;
    const items: readonly unknown[] = node;
    const item = edited(items[key], valueAt(fill, [key]), rest, value);
    if (item === undefined) return undefined;
    return { value: item.value === undefined ? items.toSpliced(key, 1) : items.with(key, item.value) };
  }
  const section = node === undefined && value !== undefined ? (isJsonObject(fill) ? fill : {}) : node;
  if (!isJsonObject(section)) return undefined;
  const present = valueAt(section, [key]);
  if (present === undefined && value === undefined) return undefined;
  const child = edited(present, valueAt(fill, [key]), rest, value);
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
