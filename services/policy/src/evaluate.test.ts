import { Manifest, type ResolvedManifest, Verdict } from '@molthub/contracts';
import { parseManifest, resolve } from '@molthub/manifest';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { evaluate, findingsPerRuleMax } from './evaluate.ts';
import type { Pack } from './pack.ts';
import { builtinPacks, securityBaseline } from './security-baseline.ts';

const place = { workspace: 'default', fleetName: 'support', environment: 'dev' } as const;
const context = { environment: 'dev' } as const;

const openclaw = (config: unknown, spec: Record<string, unknown> = {}): ResolvedManifest =>
  resolve(
    Manifest.parse({
      apiVersion: 'molthub/v1',
      kind: 'MoltbotInstance',
      metadata: { name: 'anna' },
      spec: { runtime: { engine: 'openclaw', version: '2026.9.6' }, target: { kind: 'local' }, config, ...spec },
    }),
    place,
  );
const judge = (config: unknown, spec: Record<string, unknown> = {}) =>
  evaluate(builtinPacks, openclaw(config, spec), context);
const placesOf = (verdict: Verdict) => verdict.violations.map((v) => `${v.ruleId} ${v.path}`);

describe('the security baseline', () => {
  test('takes an ordinary bot', () => {
    const verdict = judge({
      logging: { level: 'info' },
      gateway: { auth: { mode: 'token' }, bind: 'loopback' },
      channels: {
        telegram: { dmPolicy: 'pairing', botToken: { source: 'env', provider: 'default', id: 'TELEGRAM_TOKEN' } },
        discord: { groupPolicy: 'open', guilds: { '1': { users: ['*'] } } },
      },
      tools: { profile: 'coding', allow: ['group:fs', 'browser', 'opencode'], deny: ['op'] },
    });
    expect(verdict).toEqual({
      valid: true,
      violations: [],
      warnings: [],
      packs: [{ id: 'builtin-security-baseline', version: '1.0.0' }],
    });
  });

  const refused: readonly (readonly [rule: string, path: string, config: unknown, spec?: Record<string, unknown>])[] = [
    ['pinned-version', 'spec.runtime.version', {}, { runtime: { engine: 'openclaw' } }],
    ['secrets-by-reference', 'spec.config.hooks.token', { hooks: { token: 'correct horse' } }],
    ['no-public-admin', 'spec.network.inbound', {}, { network: { inbound: 'PUBLIC' } }],
    ['no-public-admin', 'spec.policies.forbidPublicAdmin', {}, { policies: { forbidPublicAdmin: false } }],
    ['no-public-admin', 'spec.config.gateway.tailscale.mode', { gateway: { tailscale: { mode: 'funnel' } } }],
    [
      'no-public-admin',
      'spec.config.gateway.controlUi.allowedOrigins',
      { gateway: { controlUi: { allowedOrigins: ['*'] } } },
    ],
    [
      'no-public-admin',
      'spec.config.gateway.controlUi.dangerouslyDisableDeviceAuth',
      { gateway: { controlUi: { dangerouslyDisableDeviceAuth: true } } },
    ],
    ['gateway-auth', 'spec.config.gateway.auth.mode', { gateway: { auth: { mode: 'none' } } }],
    ['gateway-auth', 'spec.config.gateway.auth.mode', { gateway: { auth: { mode: 'trusted-proxy' } } }],
    ['gateway-auth', 'spec.config.gateway.auth.mode', { gateway: { auth: { mode: ['none'] } } }],
    ['gateway-host-binding', 'spec.config.gateway.bind', { gateway: { bind: 'lan' } }],
    ['gateway-host-binding', 'spec.config.gateway.bind', { gateway: { bind: '0.0.0.0' } }],
    ['gateway-host-binding', 'spec.config.gateway.customBindHost', { gateway: { customBindHost: '0.0.0.0' } }],
    ['dm-policy', 'spec.config.channels.telegram.dmPolicy', { channels: { telegram: { dmPolicy: 'open' } } }],
    [
      'dm-policy',
      'spec.config.channels.slack.accounts.work.dmPolicy',
      { channels: { slack: { accounts: { work: { dmPolicy: 'open' } } } } },
    ],
    ['dm-policy', 'spec.config.channels.discord.dm.policy', { channels: { discord: { dm: { policy: 'open' } } } }],
    ['dm-policy', 'spec.config.channels.signal.allowFrom', { channels: { signal: { allowFrom: ['+49', '*'] } } }],
    [
      'dm-policy',
      'spec.channels[0].config.dmPolicy',
      {},
      { channels: [{ type: 'telegram', config: { dmPolicy: 'open' } }] },
    ],
    ['no-dangerous-tools', 'spec.config.tools.allow[1]', { tools: { allow: ['read', 'op'] } }],
    ['no-dangerous-tools', 'spec.config.tools.allow[0]', { tools: { allow: ['BW:list'] } }],
    ['no-dangerous-tools', 'spec.config.tools.alsoAllow[0]', { tools: { alsoAllow: ['secret-*'] } }],
    ['no-dangerous-tools', 'spec.config.tools.exec.safeBins[0]', { tools: { exec: { safeBins: ['lpass'] } } }],
    [
      'no-dangerous-tools',
      'spec.config.agents.list[0].tools.allow[0]',
      { agents: { list: [{ id: 'a', tools: { allow: ['browser:autofill-card'] } }] } },
    ],
    ['no-dangerous-tools', 'spec.config.gateway.tools.allow[0]', { gateway: { tools: { allow: ['*'] } } }],
  ];
  const rows = refused.map(([rule, path, config, spec]) => ({ rule, path, config, spec }));
  test.each(rows)('$rule refuses $path', ({ rule, path, config, spec }) => {
    const verdict = judge(config, spec);
    expect(verdict.valid).toBe(false);
    expect(placesOf(verdict)).toEqual([`${rule} ${path}`]);
    expect(verdict.violations[0]?.message).toMatch(/\w+.*\.$/);
  });

  test('asks for a secret manager only where the manifest asks for one', () => {
    const secrets = [{ name: 'TELEGRAM_TOKEN', provider: 'env', key: 'TELEGRAM_TOKEN' }];
    expect(judge({}, { secrets }).valid).toBe(true);
    expect(placesOf(judge({}, { secrets, policies: { requireSecretManager: true } }))).toEqual([
      'secrets-by-reference spec.secrets[0].provider',
    ]);
  });

  test('does not judge a simulated bot by OpenClaw keys', () => {
    const simulated = Manifest.parse({
      ...openclaw({}),
      spec: { runtime: { engine: 'simulated' }, target: { kind: 'simulated' }, config: { gateway: { bind: 'lan' } } },
    });
    expect(evaluate(builtinPacks, simulated, context).valid).toBe(true);
  });
});

describe('a verdict', () => {
  test('never shows a secret', () => {
    const secret = 'correct-horse-battery';
    const verdict = judge({ channels: { telegram: { botToken: secret } }, tools: { allow: ['op'] } });
    expect(verdict.violations).toHaveLength(2);
    expect(JSON.stringify(verdict)).not.toContain(secret);
  });
  test('is complete and sorted by rule and path', () => {
    const places = placesOf(
      judge({ channels: { b: { dmPolicy: 'open' }, a: { dmPolicy: 'open' } }, gateway: { bind: 'lan' } }),
    );
    expect(places).toEqual([
      'dm-policy spec.config.channels.a.dmPolicy',
      'dm-policy spec.config.channels.b.dmPolicy',
      'gateway-host-binding spec.config.gateway.bind',
    ]);
  });
  test('counts what one rule finds beyond its first 50 places', () => {
    const allow = Array.from({ length: findingsPerRuleMax + 7 }, () => 'op');
    const { violations } = judge({ tools: { allow } });
    expect(violations).toHaveLength(findingsPerRuleMax + 1);
    expect(violations[0]?.message).toContain('7 more places');
  });
  test('refuses where a rule is of an unknown type', () => {
    const future: Pack = { ...securityBaseline, rules: [{ id: 'x', type: 'require_moon_phase', severity: 'INFO' }] };
    const verdict = evaluate([future], openclaw({}), context);
    expect(verdict).toMatchObject({ valid: false, violations: [{ ruleId: 'policy.unknown-rule-type' }] });
  });
  test('refuses where a rule fails', () => {
    const broken: Pack = { ...securityBaseline, rules: [{ id: 'x', type: 'require_dm_policy', severity: 'INFO' }] };
    const hostile = openclaw({});
    Object.defineProperty(hostile.spec, 'channels', {
      get: () => {
        throw new TypeError('boom');
      },
    });
    const verdict = evaluate([broken], hostile, context);
    expect(verdict).toMatchObject({ valid: false, violations: [{ ruleId: 'policy.rule-failed' }] });
  });
  test('is given for any configuration whatever, the same each time, and fits its contract', () => {
    const keys = fc.constantFrom(
      'channels',
      'tools',
      'allow',
      'gateway',
      'bind',
      'auth',
      'dm',
      'policy',
      'allowFrom',
      'x',
    );
    const tree = fc.letrec((tie) => ({
      node: fc.oneof(
        { maxDepth: 6 },
        fc.constantFrom('open', '*', 'op', 'lan', 'none', 1, true, null),
        fc.array(tie('node'), { maxLength: 4 }),
        fc.dictionary(keys, tie('node'), { maxKeys: 4 }),
      ),
    })).node;
    fc.assert(
      fc.property(fc.dictionary(keys, tree), (config) => {
        const parsed = parseManifest(openclaw(JSON.parse(JSON.stringify(config))));
        if ('problems' in parsed) throw new Error('The generator made no manifest.');
        const verdict = evaluate(builtinPacks, parsed.manifest, context);
        expect(Verdict.parse(verdict)).toEqual(verdict);
        expect(verdict.violations.map((v) => v.ruleId)).not.toContain('policy.rule-failed');
        expect(evaluate(builtinPacks, structuredClone(parsed.manifest), context)).toEqual(verdict);
      }),
    );
  });
});
