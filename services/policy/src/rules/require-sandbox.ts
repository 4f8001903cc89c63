import { childPath } from '@molthub/manifest';
import { z } from 'zod';
import { agentParts, openclawConfig, ownValue } from './openclaw-config.ts';
import { ruleType } from './rule-type.ts';

/** Tools run in a sandbox: the mode of the defaults, and of each agent that has its own. OpenClaw's default is `off`. */
export const requireSandbox = ruleType({
  type: 'require_sandbox',
  about: 'agents.defaults.sandbox.mode, and that of each agent, is one of these. OpenClaw’s default is off.',
  parameters: z.strictObject({
    allowedModes: z
      .array(z.enum(['off', 'non-main', 'all']))
      .min(1)
      .default(['non-main', 'all']),
  }),
  judge: ({ allowedModes }) => {
    const allowed = new Set<unknown>(allowedModes);
    const suggestedValue = allowedModes[0] ?? null;
    return (resolved) => {
      if (resolved.spec.runtime.engine !== 'openclaw') return [];
      const byDefault = ownValue(openclawConfig(resolved), 'agents', 'defaults', 'sandbox', 'mode');
      const own = agentParts(resolved)
        .filter(({ path }) => path !== 'spec.config.agents.defaults')
        .flatMap(({ path, value }) => {
          const mode = ownValue(value, 'sandbox', 'mode');
          return mode === undefined ? [] : [{ path, mode }];
        });
      return [{ path: 'spec.config.agents.defaults', mode: byDefault }, ...own].flatMap(({ path, mode }) =>
        allowed.has(mode ?? 'off')
          ? []
          : [
              {
                path: childPath(childPath(path, 'sandbox'), 'mode'),
                message: `Tools must run in a sandbox; write ${allowedModes.join(' or ')}.`,
                currentValue: mode,
                suggestedValue,
              },
            ],
      );
    };
  },
});
