// Every rule type that exists. A type that is not here refuses.
import { cel } from './cel.ts';
import { customJsonSchema } from './custom-json-schema.ts';
import { customRegex } from './custom-regex.ts';
import { fieldFormat } from './field-format.ts';
import { fieldRange } from './field-range.ts';
import { forbidDangerousTools } from './forbid-dangerous-tools.ts';
import { forbidElevatedTools } from './forbid-elevated-tools.ts';
import { forbidOpenGroupPolicy } from './forbid-open-group-policy.ts';
import { forbidPlaintextSecrets } from './forbid-plaintext-secrets.ts';
import { forbidPublicAdmin } from './forbid-public-admin.ts';
import { forbidWildcardIam } from './forbid-wildcard-iam.ts';
import { forbiddenField } from './forbidden-field.ts';
import { limitToolProfile } from './limit-tool-profile.ts';
import { openclawAudit } from './openclaw-audit.ts';
import { requireChannelAllowlist } from './require-channel-allowlist.ts';
import { requireConfigPermissions } from './require-config-permissions.ts';
import { requireDmPolicy } from './require-dm-policy.ts';
import { requireGatewayAuth } from './require-gateway-auth.ts';
import { requireGatewayHostBinding } from './require-gateway-host-binding.ts';
import { requireHealthCheck } from './require-health-check.ts';
import { requireImagePinning } from './require-image-pinning.ts';
import { requireModelGuardrails } from './require-model-guardrails.ts';
import { requireNetworkIsolation } from './require-network-isolation.ts';
import { requireObservability } from './require-observability.ts';
import { requirePortSpacing } from './require-port-spacing.ts';
import { requireSandbox } from './require-sandbox.ts';
import { requireSandboxSecurityOptions } from './require-sandbox-security-options.ts';
import { requireManagedSecrets } from './require-managed-secrets.ts';
import { requireSkillVerification } from './require-skill-verification.ts';
import { requireTokenRotation } from './require-token-rotation.ts';
import { requireWorkspaceIsolation } from './require-workspace-isolation.ts';
import { requiredField } from './required-field.ts';
import { resourceLimits } from './resource-limits.ts';
import { scalingLimits } from './scaling-limits.ts';
import type { RuleType } from './rule-type.ts';

const all: readonly RuleType[] = [
  cel,
  customJsonSchema,
  customRegex,
  fieldFormat,
  fieldRange,
  forbidDangerousTools,
  forbidElevatedTools,
  forbidOpenGroupPolicy,
  forbidPlaintextSecrets,
  forbidPublicAdmin,
  forbidWildcardIam,
  forbiddenField,
  limitToolProfile,
  openclawAudit,
  requireChannelAllowlist,
  requireConfigPermissions,
  requireDmPolicy,
  requireGatewayAuth,
  requireGatewayHostBinding,
  requireHealthCheck,
  requireImagePinning,
  requireModelGuardrails,
  requireNetworkIsolation,
  requireObservability,
  requirePortSpacing,
  requireSandbox,
  requireSandboxSecurityOptions,
  requireManagedSecrets,
  requireSkillVerification,
  requireTokenRotation,
  requireWorkspaceIsolation,
  requiredField,
  resourceLimits,
  scalingLimits,
];

export const ruleTypes: ReadonlyMap<string, RuleType> = new Map(all.map((ruleType) => [ruleType.type, ruleType]));
