import { childPath, literalSecrets } from '@molthub/manifest';
import { oncePerManifest } from './once-per-manifest.ts';
import { type Judge, noParameters, ruleType } from './rule-type.ts';

/** Secrets come by reference only; where the manifest asks for a secret manager, from one. */
export const forbidPlaintextSecrets = ruleType({
  type: 'forbid_plaintext_secrets',
  about: 'No secret is written out; with spec.policies.requireSecretManager, each comes from a secret manager.',
  parameters: noParameters,
  judge: () => judge,
});

const secretsIn = oncePerManifest(literalSecrets);

const judge: Judge = (resolved) => {
  const literals = secretsIn(resolved).map(({ path, kind }) => ({
    path,
    message: `This looks like a ${kind}. Keep it in spec.secrets and refer to it; a manifest is stored and shown.`,
    currentValue: '[redacted]',
    suggestedValue: { source: 'env', provider: 'default', id: 'NAME_OF_THE_SECRET' },
    suggestion: 'example' as const,
  }));
  if (resolved.spec.policies?.requireSecretManager !== true) return literals;
  const unmanaged = (resolved.spec.secrets ?? []).flatMap((secret, index) =>
    secret.provider === 'env' || secret.provider === 'file'
      ? [
          {
            path: childPath(childPath('spec.secrets', index), 'provider'),
            message: 'spec.policies.requireSecretManager asks for a secret manager; this provider is none.',
            currentValue: secret.provider,
            suggestedValue: 'vault',
            suggestion: 'example' as const,
          },
        ]
      : [],
  );
  return [...literals, ...unmanaged];
};
