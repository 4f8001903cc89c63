import { z } from 'zod';
import { unjudgeableRuleType } from './rule-type.ts';

const mode = z.string().regex(/^[0-7]{3}$/, 'three octal digits such as 600');

/** Looks at nothing yet: the modes of a bot's files are the target's doing, and no manifest says them. */
export const requireConfigPermissions = unjudgeableRuleType({
  type: 'require_config_permissions',
  about: 'The bot’s configuration file and state folder are closed to others.',
  parameters: z.strictObject({ configFileMode: mode.default('600'), stateDirMode: mode.default('700') }),
  reason: 'No manifest says the modes of a bot’s files (target local makes them 600 and 700); remove the rule.',
});
