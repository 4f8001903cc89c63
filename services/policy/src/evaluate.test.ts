import { Manifest, type PolicyRule, type ResolvedManifest, Verdict } from '@molthub/contracts';
import { parseManifest, resolve } from '@molthub/manifest';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { builtinPacks, securityBaseline } from './builtin-packs.ts';
import { findingsPerRuleMax, judging, verdictBytesMax } from './evaluate.ts';
import { atOnce } from './gently.ts';
import { compiling, type Pack } from './pack.ts';
import type { EvaluationContext } from './rules/rule-type.ts';

const place = { workspace: 'default', fleetName: 'support', environment: 'dev' } as const;
const context = { environment: 'dev', point: 'plan' } as const;

/** What an event keeps of it. */
const evaluate = (packs: readonly Pack[], resolved: ResolvedManifest, given: EvaluationContext = context): Verdict => {
  const compiled = packs.map((pack) => atOnce(compiling(pack)));
  const { results: _, ...verdict } = atOnce(judging(compiled, resolved, given));
  return verdict;
};

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
/** OpenClaw's own audit says some of it once more, and has tests of its own. */
const ours = builtinPacks.filter(({ id }) => id !== 'builtin-openclaw-security-audit');
const judge = (config: unknown, spec: Record<string, unknown> = {}) => evaluate(ours, openclaw(config, spec), context);
const packWith = (...rules: readonly Partial<PolicyRule>[]): Pack => ({
  ...securityBaseline,
  id: '5b7c1d0e-8f5d-4a7e-9a56-1f2a3b4c5d6e',
  name: 'ours',
  isEnforced: false,
  isBuiltin: false,
  rules: rules.map((rule, index) => ({
    id: `rule-${index}`,
    type: 'required_field',
    severity: 'ERROR',
    description: '',
    config: {},
    allowOverride: false,
    enabled: true,
    targetEnvironments: [],
    actions: {},
    ...rule,
  })),
});
const placesOf = (verdict: Verdict) => verdict.violations.map((v) => `${v.ruleId} ${v.path}`);

describe('a pack that the fleet enforces', () => {
  const ordinary = openclaw({});
  const id = '5b7c1d0e-8f5d-4a7e-9a56-1f2a3b4c5d6e';
  const pack = (more: Partial<Pack> = {}): Pack => ({
    ...packWith({ id: 'team', config: { field: 'metadata.labels.team' } }),
    autoApply: false,
    targetEnvironments: ['prod'],
    targetTags: { never: 'there' },
    ...more,
  });
  const enforced = { ...context, enforcedPackIds: [id] };
  test('judges whatever it targets, also a way back', () => {
    expect(evaluate([pack()], ordinary).valid).toBe(true);
    expect(placesOf(evaluate([pack()], ordinary, enforced))).toEqual(['team metadata.labels.team']);
    expect(evaluate([pack()], ordinary, { ...enforced, isRollback: true }).valid).toBe(false);
  });
  test('cannot be skipped', () => {
    const skipping = openclaw({}, { policies: { skipPacks: [id] } });
    expect(placesOf(evaluate([pack()], skipping, enforced))).toEqual([
      'policy.pack-enforced spec.policies.skipPacks[0]',
      'team metadata.labels.team',
    ]);
  });
  test('judges nobody while it is off, and refuses once it is gone', () => {
    expect(evaluate([pack({ isActive: false })], ordinary, enforced).valid).toBe(true);
    expect(placesOf(evaluate([], ordinary, enforced))).toEqual(['policy.pack-not-found metadata.fleet']);
  });
});

describe('the security baseline', () => {
  test('takes an ordinary bot', () => {
    const ordinary = openclaw({
      logging: { level: 'info' },
      gateway: { auth: { mode: 'token' }, bind: 'loopback' },
      channels: {
        telegram: { dmPolicy: 'pairing', botToken: { source: 'env', provider: 'default', id: 'TELEGRAM_TOKEN' } },
        discord: { groupPolicy: 'open', guilds: { '1': { users: ['*'] } } },
      },
      tools: { profile: 'coding', allow: ['group:fs', 'browser', 'opencode'], deny: ['op'] },
    });
    expect(evaluate(builtinPacks, ordinary).valid).toBe(true);
    expect(evaluate([securityBaseline], ordinary)).toEqual({
      valid: true,
      releasable: true,
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
    const future = packWith({ type: 'require_moon_phase', severity: 'INFO' });
    const verdict = evaluate([future], openclaw({}), context);
    expect(verdict).toMatchObject({ valid: false, violations: [{ ruleId: 'policy.unknown-rule-type' }] });
  });
  test('refuses where a rule fails', () => {
    const broken = packWith({ type: 'require_dm_policy', severity: 'INFO' });
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

describe('which packs judge', () => {
  const debugLogs: Partial<PolicyRule> = {
    type: 'forbidden_field',
    config: { field: 'spec.config.logging' },
  };
  const bot = (spec: Record<string, unknown> = {}, labels: Record<string, string> = {}) => {
    const resolved = openclaw({ logging: { level: 'debug' } }, spec);
    return { ...resolved, metadata: { ...resolved.metadata, labels } };
  };
  const ours = packWith(debugLogs);
  const idOf = ({ packs }: Verdict) => packs.map(({ id }) => id);

  test('a pack of the workspace denies like one of ours', () =>
    expect(placesOf(evaluate([ours], bot()))).toEqual(['rule-0 spec.config.logging']));
  test('a pack that is switched off, or for other environments or labels, does not judge', () => {
    expect(idOf(evaluate([{ ...ours, isActive: false }], bot()))).toEqual([]);
    expect(idOf(evaluate([{ ...ours, targetEnvironments: ['prod'] }], bot()))).toEqual([]);
    const labelled: Pack = { ...ours, targetTags: { team: 'support' } };
    expect(idOf(evaluate([labelled], bot({}, { team: 'sales' })))).toEqual([]);
    expect(idOf(evaluate([labelled], bot()))).toEqual([]);
    expect(idOf(evaluate([labelled], bot({}, { team: 'support', more: '1' })))).toEqual([ours.id]);
  });
  test('a pack that does not apply by itself judges those that include it', () => {
    const optional: Pack = { ...ours, autoApply: false };
    expect(idOf(evaluate([optional], bot()))).toEqual([]);
    expect(idOf(evaluate([optional], bot({ policies: { includePacks: [ours.id] } })))).toEqual([ours.id]);
  });
  test('a manifest that includes a pack that is not there is refused', () => {
    const verdict = evaluate([], bot({ policies: { includePacks: [ours.id] } }));
    expect(verdict).toMatchObject({ valid: false, violations: [{ ruleId: 'policy.pack-not-found' }] });
  });
  test('a pack can be skipped, unless it is enforced: then that is refused, and it judges', () => {
    const skipping = bot({ policies: { skipPacks: [ours.id] } });
    expect(evaluate([ours], skipping)).toMatchObject({ valid: true, packs: [] });
    const verdict = evaluate([{ ...ours, isEnforced: true }], skipping);
    expect(placesOf(verdict)).toEqual([
      'policy.pack-enforced spec.policies.skipPacks[0]',
      'rule-0 spec.config.logging',
    ]);
  });
  test('a rule is overridden with a reason where it allows that, and nowhere else', () => {
    const overrides = [{ packId: ours.id, ruleId: 'rule-0', reason: 'we look for a fault' }];
    const overriding = bot({ policies: { overrides } });
    expect(evaluate([ours], overriding).valid).toBe(false);
    const verdict = evaluate([packWith({ ...debugLogs, allowOverride: true })], overriding);
    expect(verdict).toMatchObject({
      valid: true,
      warnings: [{ ruleId: 'rule-0', action: 'audit', overrideReason: 'we look for a fault' }],
    });
  });
  test('a rule says what it does at each point, otherwise its severity does', () => {
    const actionAt = (rule: Partial<PolicyRule>, point: EvaluationContext['point']) => {
      const { violations, warnings } = evaluate([packWith({ ...debugLogs, ...rule })], bot(), { ...context, point });
      return [...violations, ...warnings].map(({ action }) => action);
    };
    expect(actionAt({ severity: 'WARNING' }, 'plan')).toEqual(['warn']);
    expect(actionAt({ severity: 'INFO' }, 'plan')).toEqual(['audit']);
    expect(actionAt({ actions: { draft: 'warn' } }, 'draft')).toEqual(['warn']);
    expect(actionAt({ actions: { draft: 'warn' } }, 'plan')).toEqual(['deny']);
    expect(actionAt({ enabled: false }, 'plan')).toEqual([]);
    expect(actionAt({ targetEnvironments: ['prod'] }, 'plan')).toEqual([]);
  });
  test('a way back is denied by enforced packs only; others warn', () => {
    const back = { ...context, isRollback: true };
    expect(evaluate([ours], bot(), back)).toMatchObject({ valid: true, warnings: [{ action: 'warn' }] });
    expect(evaluate([{ ...ours, isEnforced: true }], bot(), back).valid).toBe(false);
    const broken = packWith({ type: 'require_moon_phase' });
    expect(evaluate([broken], bot(), back)).toMatchObject({
      valid: true,
      warnings: [{ ruleId: 'policy.unknown-rule-type' }],
    });
  });
  test('nor is a way back denied for what its manifest says of packs', () => {
    const enforced = { ...packWith(), isEnforced: true };
    const policies = { includePacks: ['builtin-gone'], skipPacks: [enforced.id] };
    expect(evaluate([enforced], bot({ policies })).violations).toHaveLength(2);
    expect(evaluate([enforced], bot({ policies }), { ...context, isRollback: true })).toMatchObject({
      valid: true,
      warnings: [
        { ruleId: 'policy.pack-not-found', action: 'warn' },
        { ruleId: 'policy.pack-enforced', action: 'warn' },
      ],
    });
  });
  test('a way back is denied where what the fleet enforces is not there', () => {
    const back = { ...context, isRollback: true, enforcedPackIds: ['gone'] };
    expect(evaluate([], bot({}), back)).toMatchObject({
      valid: false,
      violations: [{ ruleId: 'policy.pack-not-found' }],
    });
  });
  test('text is never cut within a character: no database takes half of one', () => {
    const cut = (length: number) => `${'x'.repeat(length)}😀${'y'.repeat(100)}`;
    const halves: readonly Partial<PolicyRule>[] = [
      { type: 'forbidden_field', config: { field: 'spec.config.text' } },
      { type: 'field_format', config: { field: 'spec.config.text', format: 'regex', pattern: `z${cut(198)}` } },
      { type: 'cel', config: { expression: `spec.config.text == "${cut(299 - 'spec.config.text == "'.length)}"` } },
    ];
    const { violations } = evaluate([packWith(...halves)], openclaw({ text: cut(199) }));
    expect(violations.map(({ ruleId }) => ruleId)).toEqual(['rule-0', 'rule-1', 'rule-2']);
    expect(JSON.stringify(violations)).not.toMatch(/\\ud[89a-f]/);
  });
  test('a rule’s own message is said instead of that of its type', () =>
    expect(evaluate([packWith({ ...debugLogs, message: 'No logs here.' })], bot()).violations[0]?.message).toBe(
      'No logs here.',
    ));
  test('what does not fit into an event is counted', () => {
    const long = 'x'.repeat(500);
    const rules = Array.from({ length: 100 }, () => ({
      type: 'forbidden_field',
      message: long,
      config: { field: 'spec.config.list[*]' },
    }));
    const many = openclaw({ list: Array.from({ length: 60 }, () => 'y'.repeat(150)) });
    const verdict = evaluate([packWith(...rules)], many);
    expect(Buffer.byteLength(JSON.stringify(verdict))).toBeLessThan(verdictBytesMax + 2_048);
    expect(verdict.violations.at(-1)?.message).toMatch(/^\d+ more were found/);
  });
});

test('a verdict is the same in whatever order packs are read', () => {
  const rules = (n: number): readonly Partial<PolicyRule>[] =>
    ['spec.config.a', 'spec.config.b', 'spec.config.c'].slice(0, n).map((field) => ({ config: { field } }));
  const pack = fc.record({ priority: fc.nat(3), count: fc.integer({ min: 1, max: 3 }) });
  const shuffled = fc.array(pack, { minLength: 1, maxLength: 5 }).chain((packs) => {
    const made = packs.map(({ priority, count }, index) => ({
      ...packWith(...rules(count)),
      id: `p${index}`,
      priority,
    }));
    return fc.record({ packs: fc.constant(made), other: fc.shuffledSubarray(made, { minLength: made.length }) });
  });
  fc.assert(
    fc.property(shuffled, fc.constantFrom({}, { a: 1 }, { a: 1, b: 2 }), ({ packs, other }, config) => {
      const verdict = evaluate(packs, openclaw(config));
      expect(evaluate(other, openclaw(config))).toEqual(verdict);
      const priorities = verdict.packs.map(({ id }) => packs.find((one) => one.id === id)?.priority ?? 0);
      expect(priorities).toEqual(priorities.toSorted((a, b) => a - b));
    }),
  );
});
