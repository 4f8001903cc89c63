// Reading an OpenClaw configuration by path. Nothing is assumed about its form: the schema may not have judged it yet.
import type { ResolvedManifest } from '@molthub/contracts';
import { childPath, isJsonObject, type JsonObject } from '@molthub/manifest';

/** The configuration of an OpenClaw bot; bots of other engines have none. */
export const openclawConfig = (resolved: ResolvedManifest): JsonObject =>
  resolved.spec.runtime.engine === 'openclaw' ? resolved.spec.config : {};

export const ownValue = (value: unknown, ...keys: readonly string[]): unknown =>
  keys.reduce<unknown>((node, key) => (isJsonObject(node) && Object.hasOwn(node, key) ? node[key] : undefined), value);

/** A place inside a configuration; `keys` are the names on the way, without list indexes. */
export type Place = { readonly path: string; readonly keys: readonly string[]; readonly value: unknown };

/** Every place of a tree, in the order of the file. */
export const placesOf = (value: unknown, path: string, keys: readonly string[] = []): readonly Place[] => {
  const below = Array.isArray(value)
    ? value.flatMap((item, index) => placesOf(item, childPath(path, index), keys))
    : isJsonObject(value)
      ? Object.entries(value).flatMap(([key, item]) => placesOf(item, childPath(path, key), [...keys, key]))
      : [];
  return [{ path, keys, value }, ...below];
};
