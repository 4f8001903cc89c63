import { z } from 'zod';
import { unjudgeableRuleType } from './rule-type.ts';

/** Looks at nothing yet: how old a token is stands in no manifest. */
export const requireTokenRotation = unjudgeableRuleType({
  type: 'require_token_rotation',
  about: 'The bot’s token is not older than so many days.',
  parameters: z.strictObject({ maxAgeDays: z.int().min(1).default(90) }),
  reason: 'How old a bot’s token is stands in no manifest, so it cannot be judged; remove the rule.',
});
