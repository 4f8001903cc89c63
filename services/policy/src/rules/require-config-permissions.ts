import { z } from 'zod';
import { type Finding, ruleType } from './rule-type.ts';

const mode = z.string().regex(/^[0-7]{3}$/, 'three octal digits such as 600');

/** What `spec.security` says, or the 600 and 700 that target local takes without it; the target sees to the files. */
export const requireConfigPermissions = ruleType({
  type: 'require_config_permissions',
  about:
    'spec.security gives nobody more of the bot’s configuration file and folders than these modes do; 600 and 700 where it is silent.',
  parameters: z.strictObject({ configFileMode: mode.default('600'), stateDirMode: mode.default('700') }),
  judge:
    (allowed) =>
    ({ spec: { security } }) => [
      ...beyond('configFileMode', security?.configFileMode ?? '600', allowed.configFileMode),
      ...beyond('stateDirMode', security?.stateDirMode ?? '700', allowed.stateDirMode),
    ],
});

const beyond = (field: string, mode: string, allowed: string): readonly Finding[] => {
  const isWithin = (Number.parseInt(mode, 8) & ~Number.parseInt(allowed, 8)) === 0;
  if (isWithin) return [];
  const message = `Mode ${mode} lets in more than ${allowed} does.`;
  return [{ path: `spec.security.${field}`, message, currentValue: mode, suggestedValue: allowed }];
};
