// Where two configurations differ, for people; and the patch that turns one into the other, for the bot.
import { equalJson, isObject, type JsonObject, own } from './json-tree.ts';
import { OPENCLAW_REDACTED, redacted, type Sensitive, sensitiveBy } from './redaction.ts';

/** `undefined` means that the key is not there. Secret values read `[redacted]`, long ones are cut. */
export type ConfigDifference = { readonly path: string; readonly desired: unknown; readonly observed: unknown };

const ROWS_MAX = 100;
const SHOWN_CHARACTERS_MAX = 300;

/** At most 100 rows, in the order of the desired config's keys. Lists are compared and shown as a whole. */
export function diffConfig(
  desired: unknown,
  observed: unknown,
  options: { readonly sensitive?: Sensitive } = {},
): readonly ConfigDifference[] {
  const sensitive = options.sensitive ?? sensitiveBy();
  const rows: ConfigDifference[] = [];
  visitDifferences(desired, observed, [], (path, want, have) => {
    rows.push({
      path: path.join('.').slice(0, SHOWN_CHARACTERS_MAX),
      desired: shown(redacted(want, sensitive, path)),
      observed: shown(redacted(have, sensitive, path)),
    });
    return rows.length < ROWS_MAX;
  });
  return rows;
}

export type ConfigPatch = {
  /** RFC 7396: objects merge, `null` deletes, everything else replaces. */
  readonly patch: JsonObject;
  /** Every leaf or list the patch touches. */
  readonly paths: readonly string[];
  /** Lists the patch may shorten; the gateway wants each of them named. */
  readonly replacePaths: readonly string[];
};

/** The patch that makes `current` equal to `target`. A value that `current` only shows redacted counts as equal. */
export function configPatch(current: JsonObject, target: JsonObject): ConfigPatch {
  const paths: string[] = [];
  const replacePaths: string[] = [];
  visitDifferences(target, current, [], (path, _want, have) => {
    paths.push(path.join('.'));
    for (const list of listsIn(have, path)) replacePaths.push(list.join('.'));
    return true;
  });
  return { patch: mergePatch(current, target), paths, replacePaths };
}

/** Calls `row` for each difference until it says no. Added and removed objects are taken apart into their leaves. */
function visitDifferences(
  desired: unknown,
  observed: unknown,
  path: readonly string[],
  row: (path: readonly string[], desired: unknown, observed: unknown) => boolean,
): boolean {
  if (observed === OPENCLAW_REDACTED && desired !== undefined) return true;
  const [want, have] = [objectOrNothing(desired), objectOrNothing(observed)];
  const bothOpen = want !== undefined && have !== undefined && !(desired === undefined && observed === undefined);
  if (!bothOpen || (Object.keys(want).length === 0 && Object.keys(have).length === 0)) {
    return equalJson(desired, observed) || row(path, desired, observed);
  }
  const names = [...new Set([...Object.keys(want), ...Object.keys(have)])];
  return names.every((name) => visitDifferences(own(want, name), own(have, name), [...path, name], row));
}

function objectOrNothing(value: unknown): JsonObject | undefined {
  if (value === undefined) return {};
  return isObject(value) ? value : undefined;
}

function mergePatch(current: JsonObject, target: JsonObject): JsonObject {
  const patch: [string, unknown][] = [];
  for (const name of Object.keys(current)) if (!Object.hasOwn(target, name)) patch.push([name, null]);
  for (const [name, want] of Object.entries(target)) {
    const have = own(current, name);
    if (have === OPENCLAW_REDACTED || equalJson(have, want)) continue;
    if (!isObject(have) || !isObject(want)) patch.push([name, want]);
    else {
      const below = mergePatch(have, want);
      if (Object.keys(below).length > 0) patch.push([name, below]);
    }
  }
  return Object.fromEntries(patch);
}

function listsIn(value: unknown, path: readonly string[]): readonly (readonly string[])[] {
  if (Array.isArray(value)) return [path];
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([name, item]) => listsIn(item, [...path, name]));
}

function shown(value: unknown): unknown {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text !== undefined && text.length > SHOWN_CHARACTERS_MAX ? `${text.slice(0, SHOWN_CHARACTERS_MAX)}…` : value;
}
