// For tests: of every rule type that can be judged, one manifest that passes and one that fails, and where.
/** What a case's manifest has beside what every one has. */
export type Parts = {
  readonly config?: unknown;
  readonly spec?: Record<string, unknown>;
  readonly labels?: Record<string, string>;
};

type Row = {
  readonly type: string;
  readonly config?: unknown;
  readonly passes: Parts;
  readonly fails: Parts;
  readonly at: string;
};
const runtime = (more: Record<string, unknown>) => ({
  spec: { runtime: { engine: 'openclaw', version: '2026.9.6', ...more } },
});
const secrets = (provider: string) => ({ spec: { secrets: [{ name: 'TOKEN', provider, key: 'k' }] } });
const channel = (policy: Record<string, unknown>) => ({ config: { channels: { slack: policy } } });
const docker = (options: Record<string, unknown>) => ({
  config: { agents: { defaults: { sandbox: { docker: options } } } },
});
const models = (params: Record<string, unknown>) => ({
  config: { agents: { defaults: { models: { 'some/model': { params } } } } },
});
const otel = (enabled: boolean) => ({ config: { diagnostics: { otel: { enabled } } } });
const taskRole = (actions: readonly string[], resources: readonly string[]) => ({
  spec: {
    runtime: { engine: 'simulated' },
    target: { kind: 'simulated', taskRole: { statements: [{ actions, resources }] } },
  },
});
const pinned = { engine: 'openclaw' };

export const rows: readonly Row[] = [
  {
    type: 'required_field',
    config: { field: 'metadata.labels.team' },
    passes: { labels: { team: 'support' } },
    fails: {},
    at: 'metadata.labels.team',
  },
  {
    type: 'forbidden_field',
    config: { field: 'spec.config.channels[*].webhook' },
    passes: { config: { channels: [{ a: 1 }] } },
    fails: { config: { channels: [{ a: 1 }, { webhook: null }] } },
    at: 'spec.config.channels[1].webhook',
  },
  {
    type: 'field_format',
    config: { field: 'metadata.labels.owner', format: 'email' },
    passes: { labels: { owner: 'ada@example.org' } },
    fails: { labels: { owner: 'ada at example.org' } },
    at: 'metadata.labels.owner',
  },
  {
    type: 'field_range',
    config: { field: 'spec.runtime.memory', min: 512, max: 2_048 },
    passes: runtime({ memory: 512 }),
    fails: runtime({ memory: 4_096 }),
    at: 'spec.runtime.memory',
  },
  {
    type: 'custom_regex',
    config: { field: 'spec.config.logging.level', pattern: '^(?:info|WARN)$', flags: 'i' },
    passes: { config: { logging: { level: 'warn' } } },
    fails: { config: { logging: { level: 'debug' } } },
    at: 'spec.config.logging.level',
  },
  {
    type: 'custom_json_schema',
    config: { schema: { properties: { spec: { properties: { config: { required: ['logging'] } } } } } },
    passes: { config: { logging: {} } },
    fails: {},
    at: 'spec.config',
  },
  {
    type: 'cel',
    config: { expression: 'has(metadata.labels.team) && spec.channels.all(c, c.type != "irc")', path: 'spec.channels' },
    passes: { labels: { team: 'a' }, spec: { channels: [{ type: 'slack' }] } },
    fails: { labels: { team: 'a' }, spec: { channels: [{ type: 'slack' }, { type: 'irc' }] } },
    at: 'spec.channels',
  },
  {
    type: 'require_secret_manager',
    passes: secrets('vault'),
    fails: secrets('env'),
    at: 'spec.secrets[0].provider',
  },
  {
    type: 'forbid_public_admin',
    passes: {},
    fails: { config: { gateway: { tailscale: { mode: 'funnel' } } } },
    at: 'spec.config.gateway.tailscale.mode',
  },
  {
    type: 'forbid_plaintext_secrets',
    passes: { config: { hooks: { token: { source: 'env', provider: 'default', id: 'TOKEN' } } } },
    fails: { config: { hooks: { token: 'correct horse' } } },
    at: 'spec.config.hooks.token',
  },
  {
    type: 'require_image_pinning',
    passes: {},
    fails: { spec: { runtime: pinned } },
    at: 'spec.runtime.version',
  },
  {
    type: 'require_network_isolation',
    passes: {},
    fails: { spec: { network: { inbound: 'NONE', egressPreset: 'DEFAULT' } } },
    at: 'spec.network.egressPreset',
  },
  {
    type: 'require_observability',
    passes: otel(true),
    fails: otel(false),
    at: 'spec.config.diagnostics.otel.enabled',
  },
  {
    type: 'resource_limits',
    config: { maxMemory: 1_024 },
    passes: runtime({ memory: 1_024 }),
    fails: {},
    at: 'spec.runtime.memory',
  },
  {
    type: 'scaling_limits',
    config: { maxReplicas: 2 },
    passes: {},
    fails: runtime({ replicas: 3 }),
    at: 'spec.runtime.replicas',
  },
  {
    type: 'require_gateway_auth',
    passes: { config: { gateway: { auth: { mode: 'token' } } } },
    fails: { config: { gateway: { auth: { mode: 'none' } } } },
    at: 'spec.config.gateway.auth.mode',
  },
  {
    type: 'require_gateway_host_binding',
    passes: { config: { gateway: { bind: 'loopback' } } },
    fails: { config: { gateway: { bind: 'lan' } } },
    at: 'spec.config.gateway.bind',
  },
  {
    type: 'require_dm_policy',
    config: { allowedValues: ['pairing'] },
    passes: channel({ dmPolicy: 'pairing' }),
    fails: channel({ dmPolicy: 'allowlist' }),
    at: 'spec.config.channels.slack.dmPolicy',
  },
  {
    type: 'forbid_open_group_policy',
    passes: channel({ groupPolicy: 'allowlist' }),
    fails: channel({ groupPolicy: 'open' }),
    at: 'spec.config.channels.slack.groupPolicy',
  },
  {
    type: 'require_channel_allowlist',
    passes: channel({ groupPolicy: 'allowlist', dmPolicy: 'pairing' }),
    fails: channel({ allowFrom: ['*'] }),
    at: 'spec.config.channels.slack.allowFrom',
  },
  {
    type: 'forbid_dangerous_tools',
    config: { tools: ['curl*'] },
    passes: { config: { tools: { allow: ['read'] } } },
    fails: { config: { tools: { allow: ['read', 'curl-impersonate'] } } },
    at: 'spec.config.tools.allow[1]',
  },
  {
    type: 'forbid_elevated_tools',
    passes: { config: { tools: { elevated: { enabled: true, allowFrom: { slack: ['U1'] } } } } },
    fails: { config: { tools: { elevated: { enabled: true, allowFrom: { slack: ['*'] } } } } },
    at: 'spec.config.tools.elevated.allowFrom.slack',
  },
  {
    type: 'limit_tool_profile',
    passes: { config: { tools: { profile: 'messaging' } } },
    fails: {},
    at: 'spec.config.tools.profile',
  },
  {
    type: 'require_sandbox',
    passes: { config: { agents: { defaults: { sandbox: { mode: 'all' } } } } },
    fails: {
      config: { agents: { defaults: { sandbox: { mode: 'all' } }, entries: { b: { sandbox: { mode: 'off' } } } } },
    },
    at: 'spec.config.agents.entries.b.sandbox.mode',
  },
  {
    type: 'require_sandbox_security_options',
    passes: docker({ readOnlyRoot: true, capDrop: ['ALL'], network: 'none' }),
    fails: docker({ network: 'host' }),
    at: 'spec.config.agents.defaults.sandbox.docker.network',
  },
  {
    type: 'require_model_guardrails',
    passes: models({ maxTokens: 1_000, temperature: 0.5 }),
    fails: models({ maxTokens: 1_000, temperature: 1.5 }),
    at: 'spec.config.agents.defaults.models["some/model"].params.temperature',
  },
  {
    type: 'require_workspace_isolation',
    passes: { config: { agents: { defaults: { workspace: '/srv/bots/anna/work' } } } },
    fails: { config: { agents: { defaults: { workspace: '~/.openclaw/workspace' } } } },
    at: 'spec.config.agents.defaults.workspace',
  },
  {
    type: 'require_port_spacing',
    passes: {},
    fails: { config: { gateway: { port: 18_790 } } },
    at: 'spec.config.gateway.port',
  },
  {
    type: 'openclaw_audit',
    config: { check: 'hooks.path_root' },
    passes: { config: { hooks: { path: '/hooks' } } },
    fails: { config: { hooks: { path: '/' } } },
    at: 'spec.config.hooks.path',
  },
  {
    type: 'require_skill_verification',
    config: { allowUnverified: ['/opt/skills'] },
    passes: { config: { skills: { load: { extraDirs: ['/opt/skills'] } } } },
    fails: { config: { skills: { load: { extraDirs: ['/opt/skills', '/tmp/skills'] } } } },
    at: 'spec.config.skills.load.extraDirs[1]',
  },
  {
    type: 'forbid_wildcard_iam',
    passes: taskRole(['s3:GetObject'], ['arn:aws:s3:::bots/*']),
    fails: taskRole(['s3:GetObject', 's3:*'], ['arn:aws:s3:::bots/*']),
    at: 'spec.target.taskRole.statements[0].actions[1]',
  },
  {
    type: 'require_config_permissions',
    config: { configFileMode: '640' },
    passes: { spec: { security: { configFileMode: '640' } } },
    fails: { spec: { security: { configFileMode: '644' } } },
    at: 'spec.security.configFileMode',
  },
  {
    type: 'require_health_check',
    passes: { spec: { healthCheck: { kind: 'engine', intervalS: 10 } } },
    fails: { spec: { healthCheck: { kind: 'none' } } },
    at: 'spec.healthCheck.kind',
  },
  {
    type: 'require_token_rotation',
    passes: { spec: { security: { tokenMaxAgeDays: 90 } } },
    fails: {},
    at: 'spec.security.tokenMaxAgeDays',
  },
];
