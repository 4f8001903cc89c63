import { childPath, isJsonObject } from '@molthub/manifest';
import type { Finding, RuleType } from '../pack.ts';
import { openclawConfig, ownValue, type Place, placesOf } from './openclaw-config.ts';

/**
 * No stranger may talk to a bot: no channel, account or DM section has the policy `open`, however deep it stands, and
 * none lets everybody in by the sender `*`, which means the same.
 */
export const requireDmPolicy: RuleType = (resolved) => {
  const fromConfig = placesOf(ownValue(openclawConfig(resolved), 'channels'), 'spec.config.channels', ['channels']);
  const fromChannels = (resolved.spec.channels ?? []).flatMap((channel, index) =>
    placesOf(channel.config, childPath(childPath('spec.channels', index), 'config'), ['channels', channel.type]),
  );
  return [...fromConfig, ...fromChannels].flatMap((place) => [...openPolicy(place), ...openSenders(place)]);
};

const openPolicy = ({ path, keys, value }: Place): readonly Finding[] => {
  const [above, last] = keys.slice(-2);
  const isPolicy = last === 'dmPolicy' || (above === 'dm' && last === 'policy');
  if (!isPolicy || value !== 'open') return [];
  const message = 'Anybody could talk to this bot; let people pair with it, or name them in allowFrom.';
  return [{ path, message, currentValue: 'open', suggestedValue: 'pairing' }];
};

/** A channel, one of its accounts, or its `dm` section; groups have rules of their own. */
const openSenders = ({ path, keys, value }: Place): readonly Finding[] => {
  const inChannel = keys.slice(2);
  const scope = inChannel.at(-1) === 'dm' ? inChannel.slice(0, -1) : inChannel;
  const isScope = keys.length >= 2 && (scope.length === 0 || (scope.length === 2 && scope[0] === 'accounts'));
  if (!isScope || !isJsonObject(value)) return [];
  const senders = ownValue(value, 'allowFrom');
  if (!Array.isArray(senders) || !senders.includes('*')) return [];
  if (ownValue(value, 'dmPolicy') === 'disabled' || ownValue(value, 'policy') === 'disabled') return [];
  const message = 'The sender "*" means anybody; name the people who may talk to this bot.';
  return [{ path: childPath(path, 'allowFrom'), message, currentValue: '*', suggestedValue: null }];
};
