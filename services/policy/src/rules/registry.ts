// Every rule type that exists. A type that is not here refuses.
import type { RuleType } from '../pack.ts';
import { forbidDangerousTools } from './forbid-dangerous-tools.ts';
import { forbidPlaintextSecrets } from './forbid-plaintext-secrets.ts';
import { forbidPublicAdmin } from './forbid-public-admin.ts';
import { requireDmPolicy } from './require-dm-policy.ts';
import { requireGatewayAuth } from './require-gateway-auth.ts';
import { requireGatewayHostBinding } from './require-gateway-host-binding.ts';
import { requireImagePinning } from './require-image-pinning.ts';

export const ruleTypes: ReadonlyMap<string, RuleType> = new Map([
  ['forbid_dangerous_tools', forbidDangerousTools],
  ['forbid_plaintext_secrets', forbidPlaintextSecrets],
  ['forbid_public_admin', forbidPublicAdmin],
  ['require_dm_policy', requireDmPolicy],
  ['require_gateway_auth', requireGatewayAuth],
  ['require_gateway_host_binding', requireGatewayHostBinding],
  ['require_image_pinning', requireImagePinning],
]);
