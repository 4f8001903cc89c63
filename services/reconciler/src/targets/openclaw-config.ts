// The OpenClaw configuration that a manifest comes to. Pure.
import type { ResolvedManifest } from '@molthub/contracts';
import type { ConfigDifference, JsonObject } from '@molthub/openclaw';
import type { Difference } from '../target.ts';

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const childOf = (value: unknown, key: string): JsonObject => {
  const child = isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
  return isObject(child) ? child : {};
};

/** `spec.config` with what other parts of the manifest say about it; what the config says itself wins. */
export const engineConfig = ({ spec }: ResolvedManifest): JsonObject => {
  const { config } = spec;
  const level = spec.observability?.logLevel;
  const logging = level === undefined ? {} : { logging: { level, ...childOf(config, 'logging') } };
  const named = (spec.channels ?? []).map(({ type, enabled, config: own }) => [
    type,
    { ...own, enabled, ...childOf(childOf(config, 'channels'), type) },
  ]);
  const channels =
    named.length === 0 ? {} : { channels: { ...childOf(config, 'channels'), ...Object.fromEntries(named) } };
  return { ...config, ...logging, ...channels };
};

/** The same with every channel switched off: the bot goes on, and nobody reaches it. */
export const withChannelsCut = (config: JsonObject): JsonObject => {
  const channels = Object.entries(childOf(config, 'channels'));
  if (channels.length === 0) return config;
  const cut = channels.map(([name, settings]) => [
    name,
    isChannel(name, settings) ? { ...settings, enabled: false } : settings,
  ]);
  return { ...config, channels: Object.fromEntries(cut) };
};

/** `defaults` stands beside the channels and is none. */
const isChannel = (name: string, settings: unknown): settings is JsonObject =>
  name !== 'defaults' && isObject(settings);

export const hasChannels = (config: JsonObject): boolean =>
  Object.entries(childOf(config, 'channels')).some(
    ([name, settings]) => isChannel(name, settings) && settings['enabled'] !== false,
  );

/** What was found in the bot's file, as the reconciler speaks of it. */
export const asDifference = (found: ConfigDifference): Difference => ({
  class: classOf(found.path),
  path: `spec.config.${found.path}`,
  desired: found.desired ?? null,
  observed: found.observed ?? null,
  owner: 'unknown',
});

const classOf = (path: string): Difference['class'] => {
  if (path === 'gateway.port') return 'port';
  return path === 'gateway.auth' || path.startsWith('gateway.auth.') ? 'secret' : 'config';
};
