// The keys of a bot's configuration that Molthub itself decides, and how they are kept apart from what the user wants.
import type { Reason } from '@molthub/decider';
import { at, equalJson, isObject, type JsonObject, withAt } from './json-tree.ts';
import { OPENCLAW_REDACTED } from './redaction.ts';

export type OwnedValues = {
  readonly port: number;
  readonly token: string;
  readonly logFile: string;
  /** Used only where the user's config names no workspace. */
  readonly workspace: string;
};

const WORKSPACE = ['agents', 'defaults', 'workspace'];

function ownedLeaves(owned: OwnedValues): readonly (readonly [readonly string[], unknown])[] {
  return [
    [['gateway', 'mode'], 'local'],
    [['gateway', 'port'], owned.port],
    [['gateway', 'bind'], 'loopback'],
    [['gateway', 'auth', 'mode'], 'token'],
    [['gateway', 'auth', 'token'], owned.token],
    [['logging', 'file'], owned.logFile],
    [['update', 'checkOnStart'], false],
  ];
}

/** What the bot's file has to say: the user's config with Molthub's keys in it. */
export function withOwned(desired: JsonObject, owned: OwnedValues): JsonObject {
  const leaves: (readonly [readonly string[], unknown])[] = [...ownedLeaves(owned)];
  if (at(desired, WORKSPACE) === undefined) leaves.push([WORKSPACE, owned.workspace]);
  return leaves.reduce<JsonObject>((config, [path, value]) => withAt(config, path, value), desired);
}

/** What a user's config may not say, because Molthub or OpenClaw decides it. */
export function ownedReasons(desired: JsonObject): readonly Reason[] {
  const paths = ownedLeaves({ port: 0, token: '', logFile: '', workspace: '' }).map(([path]) => path);
  return [...paths, ['meta']].flatMap((path) => {
    const given = at(desired, path);
    const harmless =
      (path.at(-1) === 'mode' && ['local', 'token'].includes(String(given))) || given === 'loopback' || given === false;
    if (given === undefined || harmless) return [];
    const message =
      path[0] === 'meta' ? 'OpenClaw writes this itself; remove it.' : 'Molthub sets this for each bot; remove it.';
    return [{ path: `spec.config.${path.join('.')}`, code: 'owned-key', message }];
  });
}

/**
 * What was observed in the bot's file less what OpenClaw (`meta`, an empty `agents.entries.main`) and Molthub add, so
 * that it equals `desired` exactly when nobody else changed anything. A key of Molthub's that somebody changed stays
 * visible; one that somebody removed shows as `null`.
 */
export function observedConfig(parsed: JsonObject, compared: { owned: OwnedValues; desired: JsonObject }): JsonObject {
  const { owned, desired } = compared;
  let config = withAt(parsed, ['meta'], undefined);
  const main = ['agents', 'entries', 'main'];
  const emptyMain = at(config, main);
  if (isObject(emptyMain) && Object.keys(emptyMain).length === 0) config = withoutAdded(config, main, desired);
  const workspace = [WORKSPACE, owned.workspace] as const;
  for (const [path, decided] of [...ownedLeaves(owned), workspace]) {
    const observed = at(config, path);
    const wanted = at(desired, path);
    if (path === WORKSPACE && wanted !== undefined) continue;
    if (observed === undefined) config = wanted === undefined ? withAt(config, path, null) : config;
    else if (equalJson(observed, decided) || observed === OPENCLAW_REDACTED) {
      config = wanted === undefined ? withoutAdded(config, path, desired) : withAt(config, path, wanted);
    }
  }
  return config;
}

/** Removes a key, and the objects above it that are empty then, unless the user's own config has them. */
function withoutAdded(config: JsonObject, path: readonly string[], desired: JsonObject): JsonObject {
  if (at(desired, path) !== undefined) return config;
  const less = withAt(config, path, undefined);
  const above = path.slice(0, -1);
  const left = at(less, above);
  const emptied = above.length > 0 && isObject(left) && Object.keys(left).length === 0;
  return emptied ? withoutAdded(less, above, desired) : less;
}
