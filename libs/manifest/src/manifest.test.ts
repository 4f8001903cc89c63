import { hash } from 'node:crypto';
import { Manifest } from '@molthub/contracts';
import { Rejected } from '@molthub/decider';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  canonicalHash,
  diff,
  literalSecrets,
  parseManifest,
  resolve,
  sizeProblems,
  structureProblems,
} from './index.ts';

const anna = Manifest.parse({
  apiVersion: 'molthub/v1',
  kind: 'MoltbotInstance',
  metadata: { name: 'anna' },
  spec: {
    runtime: { engine: 'openclaw', version: '2026.9.6' },
    target: { kind: 'local' },
    config: { logging: { level: 'info' } },
  },
});
const place = { workspace: 'default', fleetName: 'support', environment: 'dev' } as const;

const shuffled = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(shuffled);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([key, item]) => [key, shuffled(item)]),
  );
};
const safeJson = fc.json({ maxDepth: 6 }).map((text): unknown => JSON.parse(text));

describe('the hash', () => {
  test('is SHA-256 over the canonical JSON of RFC 8785', () => {
    expect(canonicalHash({ b: [1e21, -0, '€'], a: null })).toBe(
      `sha256:${hash('sha256', '{"a":null,"b":[1e+21,0,"€"]}')}`,
    );
  });
  test('does not depend on the order of keys, and survives a round trip through JSON', () => {
    fc.assert(
      fc.property(safeJson, (value) => {
        expect(canonicalHash(shuffled(value))).toBe(canonicalHash(value));
        expect(canonicalHash(JSON.parse(JSON.stringify(value)))).toBe(canonicalHash(value));
      }),
    );
  });
  test('refuses what has no canonical form', () => {
    for (const value of ['\ud800', { ['\udfff']: 1 }, [Number.NaN], { a: Number.POSITIVE_INFINITY }, undefined]) {
      expect(() => canonicalHash(value)).toThrow(Rejected);
    }
  });
});

describe('the structure of a manifest', () => {
  test('may be 64 levels deep and no deeper', () => {
    const nested = (levels: number): unknown => JSON.parse('{"a":'.repeat(levels) + '1' + '}'.repeat(levels));
    expect(structureProblems(nested(65))).toEqual([]);
    expect(structureProblems(nested(66))).toMatchObject([{ code: 'config.too-deep' }]);
    expect(structureProblems(nested(20_000))).toHaveLength(1);
  });
  test('holds no key that means something to JavaScript, at any depth, and says where', () => {
    const value: unknown = JSON.parse(
      '{"spec":{"config":{"x":[{"__proto__":{"polluted":1}},{"constructor":{"prototype":1}}]}}}',
    );
    expect(structureProblems(value)).toMatchObject([
      { path: 'spec.config.x[0].__proto__', code: 'config.forbidden-key' },
      { path: 'spec.config.x[1].constructor', code: 'config.forbidden-key' },
    ]);
  });
  test('is text and finite numbers', () => {
    expect(structureProblems({ a: '\ud800', b: Number.NaN, c: undefined })).toMatchObject([
      { path: 'a', code: 'config.not-json' },
      { path: 'b', code: 'config.not-json' },
      { path: 'c', code: 'config.not-json' },
    ]);
  });
  test('fits into 256 KiB once resolved', () => {
    const text = (length: number) => ({ ...anna, spec: { ...anna.spec, config: { note: 'a'.repeat(length) } } });
    const overhead = JSON.stringify(text(0)).length;
    expect(sizeProblems({}, text(256 * 1024 - overhead))).toEqual([]);
    expect(sizeProblems({}, text(256 * 1024 - overhead + 1))).toMatchObject([{ code: 'config.too-large' }]);
  });
  test('fits into one event of 512 KiB together with what it was resolved from', () => {
    const half = { config: 'a'.repeat(254 * 1024) };
    expect(sizeProblems(half, half)).toMatchObject([{ code: 'config.too-large' }]);
    const less = { config: 'a'.repeat(251 * 1024) };
    expect(sizeProblems(less, less)).toEqual([]);
  });
  test('is judged without throwing, whatever is sent', () => {
    fc.assert(
      fc.property(fc.anything({ withBigInt: true }), (value) => {
        expect(parseManifest(value)).toHaveProperty('problems');
      }),
    );
  });
  // Quadratic work on these would take hours, not the seconds a test may take.
  test('is judged in linear time', () => {
    const wide = Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`k${i}`, 'eyJ:sk-AKIA'.repeat(8)]));
    expect(structureProblems(wide)).toEqual([]);
    expect(literalSecrets({ ...wide, long: 'eyJeyJ.sk-xox://'.repeat(60_000) })).toEqual([]);
  });
});

describe('parsing', () => {
  test('names each unknown field and each wrong one by its path', () => {
    const wrong = {
      ...anna,
      spec: { ...anna.spec, colour: 'red', runtime: { engine: 'openclaw', version: 'latest' } },
    };
    expect(parseManifest(wrong)).toMatchObject({
      problems: [
        { path: 'spec.runtime.version', code: 'config.invalid-field', message: expect.stringContaining('2026.9.6') },
        { path: 'spec.colour', code: 'config.unknown-field' },
      ],
    });
  });
  const unpinned = [
    'latest',
    'stable',
    '^2026.9.6',
    '2026.x',
    '>=2026.9.6',
    '../../x',
    'git+ssh://h/x',
    'file:x',
    'npm:x@1',
    '',
  ];
  test.each(unpinned)('refuses the version "%s", which is no exact one', (version) => {
    const given = { ...anna, spec: { ...anna.spec, runtime: { engine: 'openclaw', version } } };
    expect(parseManifest(given)).toMatchObject({ problems: [{ path: 'spec.runtime.version' }] });
  });
  test('gives a right manifest back', () => expect(parseManifest(anna)).toEqual({ manifest: anna }));
});

describe('resolving', () => {
  test('fills in where the bot lives and what is safe', () => {
    const resolved = resolve(anna, place);
    expect(resolved.metadata).toEqual({
      name: 'anna',
      workspace: 'default',
      fleet: 'support',
      environment: 'dev',
      labels: {},
    });
    expect(resolved.spec.config).toEqual({ logging: { level: 'info' }, discovery: { mdns: { mode: 'off' } } });
    expect(resolved.spec.network).toEqual({ inbound: 'NONE', egressPreset: 'RESTRICTED' });
    expect(resolved.spec.policies).toEqual({ forbidPublicAdmin: true });
  });
  test('never replaces what the user said', () => {
    const own = { ...anna, spec: { ...anna.spec, config: { discovery: { mdns: { mode: 'minimal' } } } } };
    expect(resolve(own, place).spec.config).toEqual({ discovery: { mdns: { mode: 'minimal' } } });
    const odd = { ...anna, spec: { ...anna.spec, config: { discovery: 'on' } } };
    expect(resolve(odd, place).spec.config).toEqual({ discovery: 'on' });
  });
  test('takes the log level of the manifest where the configuration has none', () => {
    const quiet = { ...anna, spec: { ...anna.spec, config: {}, observability: { logLevel: 'warn' as const } } };
    expect(resolve(quiet, place).spec.config).toMatchObject({ logging: { level: 'warn' } });
    const both = { ...anna, spec: { ...anna.spec, observability: { logLevel: 'warn' as const } } };
    expect(resolve(both, place).spec.config).toMatchObject({ logging: { level: 'info' } });
  });
  test('adds nothing to the configuration of a simulated bot', () => {
    const simulated = Manifest.parse({
      ...anna,
      spec: { runtime: { engine: 'simulated' }, target: { kind: 'simulated' }, config: { simulation: { startMs: 1 } } },
    });
    expect(resolve(simulated, place).spec.config).toEqual({ simulation: { startMs: 1 } });
  });
  test('is the same each time, and resolving the resolved changes nothing', () => {
    const once = resolve(anna, place);
    expect(canonicalHash(resolve(anna, place))).toBe(canonicalHash(once));
    expect(resolve(once, place)).toEqual(once);
    expect(Manifest.parse(once)).toEqual(once);
  });
});

describe('secrets written out', () => {
  const alnum = (length: number) => 'a1B2c3D4e5F6g7H8'.repeat(8).slice(0, length);
  const literals: readonly (readonly [string, unknown])[] = [
    ['an OpenAI-style key in any text', { note: `use sk-${alnum(40)} please` }],
    ['a GitHub token', { x: `ghp_${alnum(36)}` }],
    ['a Slack token', { x: `xoxb-${alnum(24)}` }],
    ['an AWS access key', { x: ['AK', 'IAA1B2C3D4E5F6G7H8'].join('') }],
    ['a private key', { x: '-----BEGIN RSA PRIVATE KEY-----\nMII' }],
    ['a JSON Web Token', { x: `Bearer eyJhbGciOiJI.eyJzdWIiOiIx.${alnum(20)}` }],
    ['a Telegram bot token', { x: `123456789:AA${alnum(33)}` }],
    ['a password in an address', { x: 'postgres://bob:hunter2@db/x' }],
    ['any text at a key named like a secret', { channels: { telegram: { botToken: 'nothing-special' } } }],
    ['a list of keys', { apiKeys: ['plain'] }],
    ['an environment variable', { env: { OPENAI_API_KEY: 'plain' } }],
    ['a header', { headers: { Authorization: 'Basic Zm9vOmJhcg' } }],
  ];
  test.each(literals)('%s is found', (_, value) => expect(literalSecrets(value)).toHaveLength(1));

  const harmless: readonly (readonly [string, unknown])[] = [
    ['a secret reference', { botToken: { source: 'env', provider: 'default', id: 'TELEGRAM_TOKEN' } }],
    ['an environment reference', { token: '${TELEGRAM_TOKEN}', headers: { Authorization: 'Bearer ${API_KEY}' } }],
    ['an address with a referenced password', { x: 'postgres://bob:${DB_PASSWORD}@db/x' }],
    ['a path to a secret', { tokenFile: '/run/secrets/token' }],
    ['a limit on tokens', { maxTokens: 100, tokenBudget: 'large' }],
    ['the auth mode "token"', { gateway: { auth: { mode: 'token' } } }],
    ['an empty one', { token: '' }],
    ['a declared secret of the manifest', { secrets: [{ name: 'API_TOKEN', provider: 'env', key: 'API_TOKEN' }] }],
    ['a model name', { model: { primary: 'anthropic/claude-opus-4', id: 'task-sk-like' } }],
  ];
  test.each(harmless)('%s is fine', (_, value) => expect(literalSecrets(value)).toEqual([]));

  test('are named by path and kind, never by value', () => {
    const found = literalSecrets({ spec: { config: { agents: [{ apiKey: 'topsecretvalue' }] } } });
    expect(found).toEqual([{ path: 'spec.config.agents[0].apiKey', kind: 'value of a secret' }]);
  });
});

describe('differences', () => {
  test('are told by path, with both sides; a list is one value', () => {
    expect(diff({ a: 1, b: { c: [1, 2], d: null }, e: 1 }, { a: 2, b: { c: [2], d: null }, f: 'x' })).toEqual([
      { path: 'a', before: 1, after: 2 },
      { path: 'b.c', before: [1, 2], after: [2] },
      { path: 'e', before: 1, after: undefined },
      { path: 'f', before: undefined, after: 'x' },
    ]);
  });
  test('are none exactly where the hash is equal', () => {
    fc.assert(
      fc.property(safeJson, safeJson, (a, b) => {
        expect(diff(a, shuffled(a))).toEqual([]);
        expect(diff(a, b).length === 0).toBe(canonicalHash(a) === canonicalHash(b));
      }),
    );
  });
});
