import { childPath } from '@molthub/manifest';
import { z } from 'zod';
import { ruleType } from './rule-type.ts';

const managers = ['aws-secrets-manager', 'vault'] as const;

/** Every secret that the manifest declares comes from a secret manager, not from a file or a variable of the machine. */
export const requireManagedSecrets = ruleType({
  type: 'require_secret_manager',
  about: 'Every secret of spec.secrets comes from a secret manager.',
  parameters: z.strictObject({
    allowedProviders: z
      .array(z.enum(managers))
      .min(1)
      .default([...managers]),
  }),
  judge:
    ({ allowedProviders }) =>
    ({ spec: { secrets = [] } }) => {
      const allowed = new Set<string>(allowedProviders);
      return secrets.flatMap(({ provider }, index) =>
        allowed.has(provider)
          ? []
          : [
              {
                path: childPath(childPath('spec.secrets', index), 'provider'),
                message: `Secrets come from ${allowedProviders.join(' or ')} here; keep this one there.`,
                currentValue: provider,
                suggestedValue: allowedProviders[0] ?? null,
                suggestion: 'example' as const,
              },
            ],
      );
    },
});
