import { z } from 'zod';
import { ruleType } from './rule-type.ts';

/** Target local makes a token anew when it is older than the manifest says; without that it is kept for good. */
export const requireTokenRotation = ruleType({
  type: 'require_token_rotation',
  about: 'An OpenClaw’s gateway token is made anew: spec.security.tokenMaxAgeDays is there, and at most so many days.',
  parameters: z.strictObject({ maxAgeDays: z.int().min(1).max(3_650).default(90) }),
  judge:
    ({ maxAgeDays }) =>
    ({ spec: { runtime, security } }) => {
      if (runtime.engine !== 'openclaw') return [];
      const days = security?.tokenMaxAgeDays;
      if (days !== undefined && days <= maxAgeDays) return [];
      const message =
        days === undefined
          ? `The bot keeps its token for good; write at most ${maxAgeDays} days.`
          : `The bot keeps a token for ${days} days; write at most ${maxAgeDays}.`;
      return [{ path: 'spec.security.tokenMaxAgeDays', message, currentValue: days, suggestedValue: maxAgeDays }];
    },
});
