// Every rule type with one manifest that passes and one that fails, and what its parameters may not be.
import { Manifest, type ResolvedManifest } from '@molthub/contracts';
import { resolve } from '@molthub/manifest';
import { describe, expect, test } from 'vitest';
import { ruleTypes } from './registry.ts';
import type { Judge } from './rule-type.ts';

type Parts = {
  readonly config?: unknown;
  readonly spec?: Record<string, unknown>;
  readonly labels?: Record<string, string>;
};

const bot = ({ config = {}, spec = {}, labels = {} }: Parts): ResolvedManifest =>
  resolve(
    Manifest.parse({
      apiVersion: 'molthub/v1',
      kind: 'MoltbotInstance',
      metadata: { name: 'anna', labels },
      spec: { runtime: { engine: 'openclaw', version: '2026.9.6' }, target: { kind: 'local' }, config, ...spec },
    }),
    { workspace: 'default', fleetName: 'support', environment: 'dev' },
  );
const judgeOf = (type: string, config: unknown): Judge => {
  const made = ruleTypes.get(type)?.judgeFor(config);
  if (made && 'judge' in made) return made.judge;
  throw new Error(`${type}: ${JSON.stringify(made)}`);
};
const find = (type: string, config: unknown, parts: Parts) =>
  judgeOf(type, config)(bot(parts), { environment: 'dev', point: 'plan' });

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
const pinned = { engine: 'openclaw' };

const rows: readonly Row[] = [
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
    type: 'require_skill_verification',
    config: { allowUnverified: ['/opt/skills'] },
    passes: { config: { skills: { load: { extraDirs: ['/opt/skills'] } } } },
    fails: { config: { skills: { load: { extraDirs: ['/opt/skills', '/tmp/skills'] } } } },
    at: 'spec.config.skills.load.extraDirs[1]',
  },
];
const unjudgeable = [
  'forbid_wildcard_iam',
  'require_config_permissions',
  'require_health_check',
  'require_token_rotation',
];

describe('rule types', () => {
  test('are the 32 of the inventory and free expressions, each judged below or known to refuse', () => {
    const judged = rows.map(({ type }) => type);
    expect([...ruleTypes.keys()].toSorted()).toEqual([...judged, ...unjudgeable].toSorted());
    expect(ruleTypes.size).toBe(33);
  });

  describe.each(rows)('$type', ({ type, config = {}, passes, fails, at }) => {
    test('passes', () => expect(find(type, config, passes)).toEqual([]));
    test(`finds ${at}`, () => {
      const findings = find(type, config, fails);
      expect(findings.map(({ path }) => path)).toContain(at);
      for (const { message } of findings) expect(message).toMatch(/\w.*[.")]$/);
    });
    test('says the same each time', () =>
      expect(find(type, config, structuredClone(fails))).toEqual(find(type, config, fails)));
    test('says nothing of parameters that it does not have', () =>
      expect(ruleTypes.get(type)?.judgeFor({ ...Object(config), moon: 'full' })).toMatchObject({
        problems: [{ path: 'moon', message: expect.stringContaining('no such parameter') }],
      }));
  });

  test.each(unjudgeable)('%s cannot be judged, and says why instead of passing', (type) => {
    expect(ruleTypes.get(type)?.cannotBeJudged).toMatch(/remove the rule\.$/);
    expect(ruleTypes.get(type)?.judgeFor({})).toMatchObject({ problems: [{ path: '' }] });
  });
});

describe('parameters', () => {
  const wrong: readonly (readonly [type: string, config: unknown, path: string, message: RegExp])[] = [
    ['required_field', {}, 'field', /expected string/],
    ['required_field', { field: 'spec..x' }, 'field', /no path/],
    ['required_field', { field: 'status.health' }, 'field', /metadata or spec/],
    ['required_field', { field: 'spec.__proto__.x' }, 'field', /No manifest has/],
    ['required_field', { field: 'spec.*.*.*.*' }, 'field', /at most 3 times/],
    ['field_range', { field: 'spec.runtime.cpu' }, 'min', /Write min/],
    ['field_range', { field: 'spec.runtime.cpu', min: 3, max: 2 }, 'min', /larger than max/],
    ['field_format', { field: 'metadata.name', format: 'regex' }, 'pattern', /needs a pattern/],
    ['field_format', { field: 'metadata.name', format: 'email', pattern: 'x' }, 'pattern', /Only the format regex/],
    ['field_format', { field: 'metadata.name', format: 'iban' }, 'format', /Invalid option/],
    ['custom_regex', { field: 'metadata.name', pattern: '(' }, 'pattern', /RE2/],
    ['custom_regex', { field: 'metadata.name', pattern: '(?=a)' }, 'pattern', /look-around/],
    ['custom_regex', { field: 'metadata.name', pattern: 'a', flags: 'gg' }, 'flags', /use i, m and s/],
    ['custom_regex', { field: 'metadata.name', pattern: '(a{50}){50}' }, 'pattern', /repetitions/],
    ['resource_limits', {}, 'maxCpu', /Write maxCpu/],
    ['scaling_limits', { maxReplicas: 1, requireAutoScaling: true }, 'requireAutoScaling', /autoscaling/],
    ['require_port_spacing', { minimumGap: 500 }, 'minimumGap', /<=120/],
    ['custom_json_schema', { schema: { type: 'nope' } }, 'schema', /JSON Schema/],
    ['custom_json_schema', { schema: { $ref: 'https://example.org/s' } }, 'schema', /nothing is fetched/],
    ['custom_json_schema', { schema: { moon: 1 } }, 'schema', /unknown keyword/],
    ['cel', { expression: 'spec.' }, 'expression', /\w/],
    ['cel', { expression: 'moon == 1' }, 'expression', /Unknown variable/],
    ['cel', { expression: '1 + 1' }, 'expression', /answers int/],
    ['cel', { expression: 'cel.bind(x, 1, x == 1)' }, 'expression', /no function/],
  ];
  test.each(wrong)('of %s: %j is refused at %s', (type, config, path, message) => {
    expect(ruleTypes.get(type)?.judgeFor(config)).toMatchObject({
      problems: [{ path, message: expect.stringMatching(message) }],
    });
  });
});
