// Each check of OpenClaw's own audit that a configuration answers, with what it finds and what it does not.
import { Manifest } from '@molthub/contracts';
import { resolve } from '@molthub/manifest';
import { describe, expect, test } from 'vitest';
import { builtinPacks } from '../builtin-packs.ts';
import { openclawChecks } from './openclaw-checks.ts';
import { ruleTypes } from './registry.ts';

const place = { workspace: 'default', fleetName: 'support', environment: 'dev' } as const;
const bot = (config: unknown, engine = 'openclaw') =>
  resolve(
    Manifest.parse({
      apiVersion: 'molthub/v1',
      kind: 'MoltbotInstance',
      metadata: { name: 'anna' },
      spec: { runtime: { engine, version: '2026.9.6' }, target: { kind: 'local' }, config },
    }),
    place,
  );
const pathsOf = (check: string, config: unknown, engine?: string): readonly string[] => {
  const made = ruleTypes.get('openclaw_audit')?.judgeFor({ check });
  if (!made || !('judge' in made)) throw new Error(JSON.stringify(made));
  return made.judge(bot(config, engine), { environment: 'dev', point: 'plan' }).map(({ path }) => path);
};

const gateway = (value: unknown) => ({ gateway: value });
const proxied = (more: object = {}) => gateway({ auth: { mode: 'trusted-proxy', trustedProxy: more } });
const hooks = (more: object = {}) => ({ hooks: { enabled: true, ...more } });
const docker = (value: unknown, mode = 'all') => ({ agents: { defaults: { sandbox: { mode, docker: value } } } });
const full = { tools: { exec: { security: 'full' } } };
const open = { channels: { slack: { groupPolicy: 'open' } } };
const ref = { source: 'env', provider: 'default', id: 'TOKEN' };

/** Check, a configuration that it finds, where below spec.config, and one that is nearly the same and passes. */
const rows: readonly (readonly [check: string, fails: unknown, at: string, passes: unknown])[] = [
  [
    'gateway.bind_no_auth',
    gateway({ bind: 'lan', auth: { mode: 'none' } }),
    'gateway.auth.mode',
    gateway({ auth: { mode: 'none' } }),
  ],
  [
    'gateway.loopback_no_auth',
    gateway({ auth: { mode: 'none' } }),
    'gateway.auth.mode',
    gateway({ auth: { mode: 'token' } }),
  ],
  [
    'gateway.http.no_auth',
    gateway({ auth: { mode: 'none' }, http: { endpoints: { x: { enabled: true } } } }),
    'gateway.auth.mode',
    gateway({ auth: { mode: 'none' }, http: { endpoints: { x: { enabled: false } } } }),
  ],
  [
    'gateway.http.session_key_override_enabled',
    gateway({ http: { allowSessionKeyOverride: true } }),
    'gateway.http.allowSessionKeyOverride',
    gateway({ http: {} }),
  ],
  [
    'gateway.tailscale_funnel',
    gateway({ tailscale: { mode: 'funnel' } }),
    'gateway.tailscale.mode',
    gateway({ tailscale: { mode: 'off' } }),
  ],
  [
    'gateway.tailscale_serve',
    gateway({ tailscale: { mode: 'serve' } }),
    'gateway.tailscale.mode',
    gateway({ tailscale: { mode: 'off' } }),
  ],
  [
    'gateway.control_ui.allowed_origins_required',
    gateway({ bind: 'lan' }),
    'gateway.controlUi.allowedOrigins',
    gateway({ bind: 'lan', controlUi: { allowedOrigins: ['https://a.example'] } }),
  ],
  [
    'gateway.control_ui.allowed_origins_wildcard',
    gateway({ controlUi: { allowedOrigins: ['*'] } }),
    'gateway.controlUi.allowedOrigins',
    gateway({ controlUi: { allowedOrigins: ['https://a.example'] } }),
  ],
  [
    'gateway.control_ui.host_header_origin_fallback',
    gateway({ controlUi: { dangerouslyAllowHostHeaderOriginFallback: true } }),
    'gateway.controlUi.dangerouslyAllowHostHeaderOriginFallback',
    gateway({ controlUi: {} }),
  ],
  [
    'gateway.real_ip_fallback_enabled',
    gateway({ allowRealIpFallback: true }),
    'gateway.allowRealIpFallback',
    gateway({ allowRealIpFallback: false }),
  ],
  [
    'gateway.auth_no_rate_limit',
    gateway({ bind: 'lan' }),
    'gateway.auth.rateLimit',
    gateway({ bind: 'lan', auth: { rateLimit: { maxAttempts: 9 } } }),
  ],
  ['gateway.trusted_proxy_auth', proxied(), 'gateway.auth.mode', gateway({ auth: { mode: 'token' } })],
  [
    'gateway.trusted_proxy_no_proxies',
    proxied(),
    'gateway.trustedProxies',
    gateway({ auth: { mode: 'trusted-proxy' }, trustedProxies: ['10.0.0.1'] }),
  ],
  [
    'gateway.trusted_proxy_no_user_header',
    proxied(),
    'gateway.auth.trustedProxy.userHeader',
    proxied({ userHeader: 'x-user' }),
  ],
  [
    'gateway.trusted_proxy_no_allowlist',
    proxied(),
    'gateway.auth.trustedProxy.allowUsers',
    proxied({ allowUsers: ['ada'] }),
  ],
  [
    'gateway.trusted_proxy_allow_loopback',
    proxied({ allowLoopback: true }),
    'gateway.auth.trustedProxy.allowLoopback',
    proxied(),
  ],
  [
    'discovery.mdns_full_mode',
    { discovery: { mdns: { mode: 'full' } } },
    'discovery.mdns.mode',
    { discovery: { mdns: { mode: 'minimal' } } },
  ],
  [
    'config.insecure_or_dangerous_flags',
    { a: { list: [{ dangerouslyX: true }] } },
    'a.list[0].dangerouslyX',
    { a: { list: [{ dangerouslyX: false }] } },
  ],
  [
    'security.audit.suppressions.active',
    { security: { audit: { suppressions: ['x'] } } },
    'security.audit.suppressions',
    { security: { audit: { suppressions: [] } } },
  ],
  [
    'config.secrets.gateway_password_in_config',
    gateway({ auth: { password: 'open sesame' } }),
    'gateway.auth.password',
    gateway({ auth: { password: ref } }),
  ],
  [
    'config.secrets.hooks_token_in_config',
    { hooks: { token: 'correct horse' } },
    'hooks.token',
    { hooks: { token: '${TOKEN}' } },
  ],
  [
    'hooks.token_reuse_gateway_token',
    { hooks: { token: ref }, ...gateway({ auth: { token: { ...ref } } }) },
    'hooks.token',
    { hooks: { token: ref }, ...gateway({ auth: { token: { ...ref, id: 'OTHER' } } }) },
  ],
  ['hooks.default_session_key_unset', hooks(), 'hooks.defaultSessionKey', { hooks: { enabled: false } }],
  [
    'hooks.allowed_agent_ids_unrestricted',
    hooks({ allowedAgentIds: ['*'] }),
    'hooks.allowedAgentIds',
    hooks({ allowedAgentIds: [] }),
  ],
  [
    'hooks.request_session_key_enabled',
    hooks({ allowRequestSessionKey: true }),
    'hooks.allowRequestSessionKey',
    hooks(),
  ],
  [
    'hooks.request_session_key_prefixes_missing',
    hooks({ allowRequestSessionKey: true }),
    'hooks.allowedSessionKeyPrefixes',
    hooks({ allowRequestSessionKey: true, allowedSessionKeyPrefixes: ['hook:'] }),
  ],
  ['hooks.path_root', { hooks: { path: '/' } }, 'hooks.path', { hooks: { path: '/hooks' } }],
  [
    'browser.remote_cdp_http',
    { browser: { profiles: { far: { cdpUrl: 'http://10.1.2.3:9222' } } } },
    'browser.profiles.far.cdpUrl',
    { browser: { cdpUrl: 'http://127.0.0.1:9222', profiles: { far: { cdpUrl: 'https://far.example' } } } },
  ],
  [
    'browser.extension_relay_legacy_auth',
    { browser: { extensionRelay: { allowLegacyAuth: true } } },
    'browser.extensionRelay.allowLegacyAuth',
    { browser: { extensionRelay: {} } },
  ],
  [
    'sandbox.docker_config_mode_off',
    docker({ network: 'none' }, 'off'),
    'agents.defaults.sandbox.mode',
    docker({ network: 'none' }),
  ],
  [
    'sandbox.bind_mount_non_absolute',
    docker({ binds: ['/srv/a:/a', 'data:/data'] }),
    'agents.defaults.sandbox.docker.binds[1]',
    docker({ binds: ['/srv/a:/a'] }),
  ],
  [
    'sandbox.dangerous_bind_mount',
    docker({ binds: ['/var/run/docker.sock:/s', '/srv:/srv'] }),
    'agents.defaults.sandbox.docker.binds[0]',
    docker({ binds: ['/srv/etc:/etc', '/etcetera:/e'] }),
  ],
  [
    'sandbox.dangerous_network_mode',
    docker({ network: 'container:x' }),
    'agents.defaults.sandbox.docker.network',
    docker({ network: 'hosted' }),
  ],
  [
    'sandbox.dangerous_seccomp_profile',
    docker({ securityOpt: ['seccomp=unconfined'] }),
    'agents.defaults.sandbox.docker.securityOpt',
    docker({ securityOpt: ['apparmor=unconfined'] }),
  ],
  [
    'sandbox.dangerous_apparmor_profile',
    docker({ apparmorProfile: 'unconfined' }),
    'agents.defaults.sandbox.docker.apparmorProfile',
    docker({ seccompProfile: 'unconfined' }),
  ],
  [
    'tools.exec.host_sandbox_no_sandbox_defaults',
    { tools: { exec: { host: 'sandbox' } } },
    'agents.defaults.sandbox.mode',
    { tools: { exec: { host: 'sandbox' } }, ...docker({}) },
  ],
  [
    'tools.exec.host_sandbox_no_sandbox_agents',
    { agents: { entries: { b: { tools: { exec: { host: 'sandbox' } } } } } },
    'agents.entries.b.sandbox.mode',
    { agents: { defaults: { sandbox: { mode: 'all' } }, entries: { b: { tools: { exec: { host: 'sandbox' } } } } } },
  ],
  [
    'tools.exec.security_full_configured',
    { agents: { entries: { b: full } } },
    'agents.entries.b.tools.exec.security',
    { tools: { exec: { security: 'allowlist' } } },
  ],
  [
    'tools.elevated.allowFrom.provider.wildcard',
    { tools: { elevated: { allowFrom: { telegram: ['*'] } } } },
    'tools.elevated.allowFrom.telegram',
    { tools: { elevated: { allowFrom: { telegram: ['1'] } } } },
  ],
  ['security.exposure.open_channels_with_exec', { ...full, ...open }, 'channels.slack.groupPolicy', open],
  [
    'security.exposure.open_groups_with_elevated',
    { tools: { elevated: { enabled: true } }, ...open },
    'channels.slack.groupPolicy',
    { tools: { elevated: { enabled: false, allowFrom: { a: ['1'] } } }, ...open },
  ],
  [
    'channels.provider.dm.open',
    { channels: { discord: { dm: { policy: 'open' } } } },
    'channels.discord.dm.policy',
    open,
  ],
  [
    'channels.provider.dm.open_invalid',
    { channels: { slack: { dmPolicy: 'open' } } },
    'channels.slack.allowFrom',
    { channels: { slack: { dmPolicy: 'open', allowFrom: ['*'] } } },
  ],
  [
    'channels.provider.allowFrom.dangerous_name_matching_enabled',
    { channels: { slack: { dangerouslyAllowNameMatching: true } } },
    'channels.slack.dangerouslyAllowNameMatching',
    { channels: { slack: {} } },
  ],
];

test('every check is here', () =>
  expect(rows.map(([id]) => id).toSorted()).toEqual(openclawChecks.map(({ id }) => id).toSorted()));

describe.each(rows)('%s', (id, fails, at, passes) => {
  test(`finds ${at}`, () => expect(pathsOf(id, fails)).toEqual([`spec.config.${at}`]));
  test('passes what is nearly the same', () => expect(pathsOf(id, passes)).toEqual([]));
  test('says nothing of a bot that has no configuration, or is none of OpenClaw’s', () => {
    expect(pathsOf(id, {})).toEqual([]);
    expect(pathsOf(id, fails, 'simulated')).toEqual([]);
  });
});

test('hostile forms of every section make no check fail', () => {
  for (const value of [null, 1, 'x', [], [null], [[]], { '*': { '*': null } }]) {
    for (const section of ['gateway', 'hooks', 'agents', 'tools', 'channels', 'browser', 'discovery', 'security']) {
      for (const { id } of openclawChecks) expect(() => pathsOf(id, { [section]: value })).not.toThrow();
    }
  }
});

test('the pack has every check under its id, with OpenClaw’s severity', () => {
  const pack = builtinPacks.find(({ id }) => id === 'builtin-openclaw-security-audit');
  expect(pack?.rules.map(({ id }) => id)).toEqual(openclawChecks.map(({ id }) => id));
  const severityOf = (id: string) => pack?.rules.find((rule) => rule.id === id)?.severity;
  expect(severityOf('hooks.path_root')).toBe('ERROR');
  expect(severityOf('discovery.mdns_full_mode')).toBe('WARNING');
  expect(severityOf('gateway.tailscale_serve')).toBe('INFO');
});
