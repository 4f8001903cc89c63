import type { Pack } from './pack.ts';

/** What holds for every bot, whoever asks. Cannot be switched off, changed or deleted. */
export const securityBaseline: Pack = {
  id: 'builtin-security-baseline',
  version: '1.0.0',
  rules: [
    { id: 'pinned-version', type: 'require_image_pinning', severity: 'ERROR' },
    { id: 'secrets-by-reference', type: 'forbid_plaintext_secrets', severity: 'ERROR' },
    { id: 'no-public-admin', type: 'forbid_public_admin', severity: 'ERROR' },
    { id: 'gateway-auth', type: 'require_gateway_auth', severity: 'ERROR' },
    { id: 'gateway-host-binding', type: 'require_gateway_host_binding', severity: 'ERROR' },
    { id: 'dm-policy', type: 'require_dm_policy', severity: 'ERROR' },
    { id: 'no-dangerous-tools', type: 'forbid_dangerous_tools', severity: 'ERROR' },
  ],
};

export const builtinPacks: readonly Pack[] = [securityBaseline];
