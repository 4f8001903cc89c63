import { childPath, isJsonObject } from '@molthub/manifest';
import { z } from 'zod';
import { channelPlaces, ownValue, type Place } from './openclaw-config.ts';
import { type Finding, ruleType } from './rule-type.ts';

const words = z.array(z.string().min(1).max(100)).min(1).max(20);

/**
 * No stranger may talk to a bot: no channel, account or DM section has the policy `open`, however deep it stands, and
 * none lets everybody in by the sender `*`, which means the same.
 */
export const requireDmPolicy = ruleType({
  type: 'require_dm_policy',
  about: 'No channel answers direct messages of strangers: each dmPolicy that is written is one that may be.',
  parameters: z.strictObject({
    forbiddenValues: words.default(['open']),
    allowedValues: words.optional().describe('Only these may be written, such as pairing and allowlist.'),
  }),
  judge: ({ forbiddenValues, allowedValues }) => {
    const isWrong = (policy: string) =>
      forbiddenValues.includes(policy) || (allowedValues !== undefined && !allowedValues.includes(policy));
    const suggested = allowedValues?.find((value) => !isWrong(value)) ?? 'pairing';
    return (resolved) =>
      channelPlaces(resolved).flatMap((place) => [
        ...openPolicy(place, isWrong, suggested),
        ...(isWrong('open') ? openSenders(place) : []),
      ]);
  },
});

const openPolicy = (
  { path, keys, value }: Place,
  isWrong: (policy: string) => boolean,
  suggestedValue: string,
): readonly Finding[] => {
  const [above, last] = keys.slice(-2);
  const isPolicy = last === 'dmPolicy' || (above === 'dm' && last === 'policy');
  if (!isPolicy || typeof value !== 'string' || !isWrong(value)) return [];
  const message =
    value === 'open'
      ? 'Anybody could talk to this bot; let people pair with it, or name them in allowFrom.'
      : `The policy "${value.slice(0, 60)}" may not be used here; write "${suggestedValue}".`;
  return [{ path, message, currentValue: value, suggestedValue }];
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
