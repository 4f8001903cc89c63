// Reading an OpenClaw configuration by path. Nothing is assumed about its form: the schema may not have judged it yet.
import type { ResolvedManifest } from '@molthub/contracts';
import { childPath, isJsonObject, type JsonObject } from '@molthub/manifest';
import { oncePerManifest } from './once-per-manifest.ts';
import { type Place, placeAt, placeBelow } from './place.ts';

/** The configuration of an OpenClaw bot; bots of other engines have none. */
export const openclawConfig = (resolved: ResolvedManifest): JsonObject =>
  resolved.spec.runtime.engine === 'openclaw' ? resolved.spec.config : {};

export const ownValue = (value: unknown, ...keys: readonly string[]): unknown =>
  keys.reduce<unknown>((node, key) => (isJsonObject(node) && Object.hasOwn(node, key) ? node[key] : undefined), value);

/** Every place of a tree, in the order of the file. */
const placesFrom = (root: Place): readonly Place[] => {
  const places: Place[] = [];
  const visit = (place: Place): void => {
    places.push(place);
    if (Array.isArray(place.value)) {
      for (const [index, item] of place.value.entries()) visit(placeBelow(place, index, item));
    } else if (isJsonObject(place.value)) {
      for (const [key, item] of Object.entries(place.value)) visit(placeBelow(place, key, item));
    }
  };
  visit(root);
  return places;
};

/** A part of a configuration, by its path. */
export type Part = { readonly path: string; readonly value: unknown };

/** The parts of a configuration that say how agents work: the defaults of all of them, and each by its name. */
export const agentParts = oncePerManifest((resolved): readonly Part[] => {
  const agents = ownValue(openclawConfig(resolved), 'agents');
  const below = (section: string): readonly Part[] =>
    partsOf(ownValue(agents, section), `spec.config.agents.${section}`);
  const defaults = ownValue(agents, 'defaults');
  return [
    ...(defaults === undefined ? [] : [{ path: 'spec.config.agents.defaults', value: defaults }]),
    ...below('entries'),
    // The name of `entries` in versions of before 2026.5.
    ...below('list'),
  ];
});

const partsOf = (value: unknown, path: string): readonly Part[] => {
  if (Array.isArray(value)) return value.map((item: unknown, index) => ({ path: childPath(path, index), value: item }));
  if (!isJsonObject(value)) return [];
  return Object.entries(value).map(([key, item]) => ({ path: childPath(path, key), value: item }));
};

/** Everything that the configuration and the manifest itself say about channels, in the order of the file. */
export const channelPlaces = oncePerManifest((resolved): readonly Place[] => [
  ...placesFrom(placeAt('spec.config.channels', ownValue(openclawConfig(resolved), 'channels'), ['channels'])),
  ...(resolved.spec.channels ?? []).flatMap((channel, index) =>
    placesFrom(placeAt(`spec.channels[${index}].config`, channel.config, ['channels', channel.type])),
  ),
]);

/** Every place of an OpenClaw's configuration. */
export const configPlaces = oncePerManifest((resolved) => placesFrom(placeAt('spec.config', openclawConfig(resolved))));
