// Reading an OpenClaw configuration by path. Nothing is assumed about its form: the schema may not have judged it yet.
import type { ResolvedManifest } from '@molthub/contracts';
import { childPath, isJsonObject, type JsonObject } from '@molthub/manifest';
import { oncePerManifest } from './once-per-manifest.ts';

/** The configuration of an OpenClaw bot; bots of other engines have none. */
export const openclawConfig = (resolved: ResolvedManifest): JsonObject =>
  resolved.spec.runtime.engine === 'openclaw' ? resolved.spec.config : {};

export const ownValue = (value: unknown, ...keys: readonly string[]): unknown =>
  keys.reduce<unknown>((node, key) => (isJsonObject(node) && Object.hasOwn(node, key) ? node[key] : undefined), value);

/** A place inside a configuration; `keys` are the names on the way, without list indexes. */
export type Place = { readonly path: string; readonly keys: readonly string[]; readonly value: unknown };

/** Every place of a tree, in the order of the file. */
const placesOf = (value: unknown, path: string, keys: readonly string[] = []): readonly Place[] => {
  const below = Array.isArray(value)
    ? value.flatMap((item, index) => placesOf(item, childPath(path, index), keys))
    : isJsonObject(value)
      ? Object.entries(value).flatMap(([key, item]) => placesOf(item, childPath(path, key), [...keys, key]))
      : [];
  return [{ path, keys, value }, ...below];
};

/** The parts of a configuration that say how agents work: the defaults of all of them, and each by its name. */
export const agentPlaces = oncePerManifest((resolved): readonly Place[] => {
  const agents = ownValue(openclawConfig(resolved), 'agents');
  const below = (section: string): readonly Place[] =>
    childrenOf(ownValue(agents, section), `spec.config.agents.${section}`, ['agents', section]);
  const defaults = ownValue(agents, 'defaults');
  return [
    ...(defaults === undefined
      ? []
      : [{ path: 'spec.config.agents.defaults', keys: ['agents', 'defaults'], value: defaults }]),
    ...below('entries'),
    // The name of `entries` in versions of before 2026.5.
    ...below('list'),
  ];
});

/** Everything that the configuration and the manifest itself say about channels, in the order of the file. */
export const channelPlaces = oncePerManifest((resolved): readonly Place[] => [
  ...placesOf(ownValue(openclawConfig(resolved), 'channels'), 'spec.config.channels', ['channels']),
  ...(resolved.spec.channels ?? []).flatMap((channel, index) =>
    placesOf(channel.config, childPath(childPath('spec.channels', index), 'config'), ['channels', channel.type]),
  ),
]);

/** Every place of an OpenClaw's configuration. */
export const configPlaces = oncePerManifest((resolved) => placesOf(openclawConfig(resolved), 'spec.config'));

const childrenOf = (value: unknown, path: string, keys: readonly string[]): readonly Place[] =>
  Array.isArray(value)
    ? value.map((item: unknown, index) => ({ path: childPath(path, index), keys, value: item }))
    : isJsonObject(value)
      ? Object.entries(value).map(([key, item]) => ({ path: childPath(path, key), keys: [...keys, key], value: item }))
      : [];
