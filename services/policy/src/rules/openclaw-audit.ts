import { z } from 'zod';
import { openclawChecks } from './openclaw-checks.ts';
import { openclawConfig } from './openclaw-config.ts';
import { ruleType } from './rule-type.ts';

const ids = openclawChecks.map(({ id }) => id);
const byId = new Map(openclawChecks.map((check) => [check.id, check]));

/** One check of `openclaw security audit`, of what the configuration says: the same id as there. */
export const openclawAudit = ruleType({
  type: 'openclaw_audit',
  about: 'A check of OpenClaw’s own security audit, by its id there. Bots of other engines pass.',
  parameters: z.strictObject({ check: z.enum(ids) }),
  judge: ({ check }) => {
    const { message = '', find = () => [] } = byId.get(check) ?? {};
    return (resolved) => {
      if (resolved.spec.runtime.engine !== 'openclaw') return [];
      return find(openclawConfig(resolved), resolved).map(({ path, value, suggestedValue }) => ({
        // Channels of the manifest itself are not below its config.
        path: path.startsWith('spec.') ? path : `spec.config.${path}`,
        message,
        currentValue: value,
        suggestedValue,
      }));
    };
  },
});
