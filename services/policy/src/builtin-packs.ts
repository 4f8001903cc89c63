// The packs that come with Molthub. Each is what earlier systems had, as far as it is true of the bots of today.
import type { PolicyRule } from '@molthub/contracts';
import { atOnce } from './gently.ts';
import { compiling, type CompiledPack, type Pack } from './pack.ts';
import { openclawChecks } from './rules/openclaw-checks.ts';

/** Raise it whenever anything below changes: the published view of packs is made anew only then. */
export const builtinRevision = 3;

const rule = (id: string, type: string, more: Partial<PolicyRule> = {}): PolicyRule => ({
  id,
  type,
  severity: 'ERROR',
  description: '',
  config: {},
  allowOverride: false,
  enabled: true,
  targetEnvironments: [],
  actions: {},
  ...more,
});
const warning = { severity: 'WARNING', allowOverride: true } as const;

const pack = (parts: Pick<Pack, 'id' | 'name' | 'description' | 'priority' | 'rules'> & Partial<Pack>): Pack => ({
  version: '1.0.0',
  isBuiltin: true,
  targetEnvironments: [],
  targetTags: {},
  isEnforced: true,
  autoApply: true,
  isActive: true,
  ...parts,
});

/** What holds for every bot, whoever asks. Cannot be switched off, changed or deleted. */
export const securityBaseline = pack({
  id: 'builtin-security-baseline',
  name: 'Security baseline',
  description: 'What holds for every bot, whoever asks.',
  priority: 100,
  rules: [
    rule('pinned-version', 'require_image_pinning'),
    rule('secrets-by-reference', 'forbid_plaintext_secrets'),
    rule('no-public-admin', 'forbid_public_admin'),
    rule('gateway-auth', 'require_gateway_auth'),
    rule('gateway-host-binding', 'require_gateway_host_binding'),
    rule('dm-policy', 'require_dm_policy'),
    rule('no-dangerous-tools', 'forbid_dangerous_tools'),
  ],
});

/**
 * What the baseline above does not say of OpenClaw already. An open group is answered only where the bot is mentioned,
 * and many bots are made for that, so it warns; in prod the hardening pack refuses it.
 */
const openclawSecurityBaseline = pack({
  id: 'builtin-openclaw-security-baseline',
  name: 'OpenClaw security baseline',
  description: 'Folders of their own, and nothing that loosens what keeps tools in.',
  priority: 110,
  rules: [
    rule('workspace-isolation', 'require_workspace_isolation'),
    rule('no-elevated-tools', 'forbid_elevated_tools', warning),
    rule('sandbox-security-options', 'require_sandbox_security_options', warning),
    rule('channel-allowlist', 'require_channel_allowlist', warning),
  ],
});

/** A gateway of Molthub's listens on loopback, where OpenClaw says the milder of two severities. */
const auditSeverity = { critical: 'ERROR', 'warn/critical': 'WARNING', warn: 'WARNING', info: 'INFO' } as const;

/**
 * What OpenClaw would say of itself, before it runs. Not enforced: who knows better than OpenClaw skips the pack, overrides
 * a rule with a reason, or asks for a waiver.
 */
const openclawSecurityAudit = pack({
  id: 'builtin-openclaw-security-audit',
  name: 'OpenClaw security audit',
  description: 'Checks of OpenClaw’s own security audit that its configuration answers, by the same ids.',
  priority: 120,
  isEnforced: false,
  rules: openclawChecks.map(({ id, severity }) =>
    rule(id, 'openclaw_audit', { severity: auditSeverity[severity], allowOverride: true, config: { check: id } }),
  ),
});

const openclawChannelSafety = pack({
  id: 'builtin-openclaw-channel-safety',
  name: 'OpenClaw channel safety',
  description: 'Who may write to a bot is paired or named, and bots do not meet on a port.',
  priority: 150,
  rules: [
    rule('channel-dm-policy', 'require_dm_policy', {
      ...warning,
      config: { allowedValues: ['pairing', 'allowlist', 'disabled'] },
    }),
    rule('port-spacing', 'require_port_spacing'),
  ],
});

/** A sandbox needs a container engine, which not every machine has, so a bot without one is told and not refused. */
const openclawProductionHardening = pack({
  id: 'builtin-openclaw-production-hardening',
  name: 'OpenClaw production hardening',
  version: '1.1.0',
  description:
    'Bots in prod run their tools in a sandbox, with bounds, for people who are named, and change their tokens.',
  priority: 200,
  targetEnvironments: ['prod'],
  rules: [
    rule('sandbox', 'require_sandbox', warning),
    rule('tool-profile', 'limit_tool_profile', warning),
    rule('model-guardrails', 'require_model_guardrails', warning),
    rule('no-open-groups', 'forbid_open_group_policy'),
    rule('skill-verification', 'require_skill_verification'),
    rule('token-rotation', 'require_token_rotation', { ...warning, config: { maxAgeDays: 90 } }),
  ],
});

/**
 * For who asks for it. Earlier systems wanted two replicas in prod; an OpenClaw is one process, and a second one would
 * answer everything twice, so that rule is not here.
 */
const productionGuardrails = pack({
  id: 'builtin-production-guardrails',
  name: 'Production guardrails',
  description: 'Bots in prod say what they do. Judges the bots whose manifest includes it.',
  priority: 210,
  isEnforced: false,
  autoApply: false,
  targetEnvironments: ['prod'],
  rules: [
    rule('prod-observability', 'require_observability', warning),
    rule('prod-network', 'require_network_isolation', warning),
  ],
});

export const builtinPacks: readonly Pack[] = [
  securityBaseline,
  openclawSecurityBaseline,
  openclawSecurityAudit,
  openclawChannelSafety,
  openclawProductionHardening,
  productionGuardrails,
];

/** The same, ready to judge. */
export const compiledBuiltins: readonly CompiledPack[] = builtinPacks.map((builtin) => atOnce(compiling(builtin)));
