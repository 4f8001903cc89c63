import { childPath } from '@molthub/manifest';
import { z } from 'zod';
import { agentParts, openclawConfig, ownValue } from './openclaw-config.ts';
import { ruleType } from './rule-type.ts';

/** Tools are limited by a profile: none is one that may not be. To OpenClaw no profile at all means `full`. */
export const limitToolProfile = ruleType({
  type: 'limit_tool_profile',
  about: 'tools.profile, of the bot and of each agent, is none of these. To OpenClaw no profile means full.',
  parameters: z.strictObject({
    forbiddenProfiles: z.array(z.string().min(1).max(100)).min(1).max(20).default(['full']),
  }),
  judge:
    ({ forbiddenProfiles }) =>
    (resolved) => {
      if (resolved.spec.runtime.engine !== 'openclaw') return [];
      const ofBot = { path: 'spec.config', value: openclawConfig(resolved), otherwise: 'full' };
      const ofAgents = agentParts(resolved).map(({ path, value }) => ({ path, value, otherwise: undefined }));
      return [ofBot, ...ofAgents].flatMap(({ path, value, otherwise }) => {
        const written = ownValue(value, 'tools', 'profile');
        const profile = written ?? otherwise;
        if (typeof profile !== 'string' || !forbiddenProfiles.includes(profile)) return [];
        const message = `The profile "${profile.slice(0, 60)}" allows more than this bot may; write a smaller one.`;
        const at = childPath(childPath(path, 'tools'), 'profile');
        return [{ path: at, message, currentValue: written, suggestedValue: 'messaging' }];
      });
    },
});
