import { childPath, isJsonObject } from '@molthub/manifest';
import { z } from 'zod';
import { channelPlaces, ownValue } from './openclaw-config.ts';
import { pathOf, type Place } from './place.ts';
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
    const isOpenWrong = isWrong('open');
    return (resolved) =>
      channelPlaces(resolved).flatMap((place) => {
        if (typeof place.value === 'string') return openPolicy(place, isWrong, suggested);
        return isOpenWrong ? openSenders(place) : [];
      });
  },
});

const openPolicy = (place: Place, isWrong: (policy: string) => boolean, suggestedValue: string): readonly Finding[] => {
  const { keys, value } = place;
  if (typeof value !== 'string' || !isWrong(value)) return [];
  const last = keys.at(-1);
  if (last !== 'dmPolicy' && !(keys.at(-2) === 'dm' && last === 'policy')) return [];
  const message =
    value === 'open'
      ? 'Anybody could talk to this bot; let people pair with it, or name them in allowFrom.'
      : `The policy "${value.slice(0, 60)}" may not be used here; write "${suggestedValue}".`;
  return [{ path: pathOf(place), message, currentValue: value, suggestedValue }];
};

/** A channel, one of its accounts, or its `dm` section; groups have rules of their own. */
const openSenders = (place: Place): readonly Finding[] => {
  const { keys, value } = place;
  if (!isJsonObject(value)) return [];
  const inChannel = keys.slice(2);
  const scope = inChannel.at(-1) === 'dm' ? inChannel.slice(0, -1) : inChannel;
  const isScope = keys.length >= 2 && (scope.length === 0 || (scope.length === 2 && scope[0] === 'accounts'));
  if (!isScope) return [];
  const senders = ownValue(value, 'allowFrom');
  if (!Array.isArray(senders) || !senders.includes('*')) return [];
  if (ownValue(value, 'dmPolicy') === 'disabled' || ownValue(value, 'policy') === 'disabled') return [];
  const message = 'The sender "*" means anybody; name the people who may talk to this bot.';
  return [{ path: childPath(pathOf(place), 'allowFrom'), message, currentValue: '*', suggestedValue: null }];
};
