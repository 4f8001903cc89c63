import { z } from 'zod';
import { channelPlaces } from './openclaw-config.ts';
import { pathOf } from './place.ts';
import { ruleType } from './rule-type.ts';

/** No channel or account answers in every group: none has a `groupPolicy` that may not be, however deep it stands. */
export const forbidOpenGroupPolicy = ruleType({
  type: 'forbid_open_group_policy',
  about: 'No channel answers in every group: no groupPolicy is one of these.',
  parameters: z.strictObject({ forbiddenValues: z.array(z.string().min(1).max(100)).min(1).max(20).default(['open']) }),
  judge:
    ({ forbiddenValues }) =>
    (resolved) =>
      channelPlaces(resolved).flatMap((place) => {
        const { keys, value } = place;
        if (typeof value !== 'string' || keys.at(-1) !== 'groupPolicy' || !forbiddenValues.includes(value)) return [];
        const message = 'Whoever adds this bot to a group could use it; name the groups and write "allowlist".';
        return [{ path: pathOf(place), message, currentValue: value, suggestedValue: 'allowlist' }];
      }),
});
