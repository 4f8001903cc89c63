import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { configPatch, diffConfig } from './config-diff.ts';
import { equalJson, type JsonObject } from './json-tree.ts';
import { sensitiveBy, sensitivePaths } from './redaction.ts';
import { mergePatched } from './simulated-gateway.ts';

const leaf = fc.oneof(fc.string({ maxLength: 3 }), fc.integer(), fc.boolean());
const name = fc.oneof(fc.constantFrom('a', 'b', 'c', 'entries'), fc.string({ minLength: 1, maxLength: 3 }));
const { config } = fc.letrec<{ config: JsonObject; value: unknown }>((tie) => ({
  value: fc.oneof({ maxDepth: 3 }, leaf, fc.array(leaf, { maxLength: 3 }), tie('config')),
  config: fc.dictionary(name, tie('value'), { maxKeys: 4, noNullPrototype: true }),
}));

test('a patch turns any configuration into any other, judged by a merge of RFC 7396', () => {
  fc.assert(
    fc.property(config, config, (current, target) => {
      expect(equalJson(mergePatched(current, configPatch(current, target).patch), target)).toBe(true);
    }),
  );
});

test('there are differences exactly where there is a patch', () => {
  fc.assert(
    fc.property(config, config, (current, target) => {
      const patched = Object.keys(configPatch(current, target).patch).length > 0;
      expect(diffConfig(target, current).length > 0).toBe(patched);
      expect(patched).toBe(!equalJson(current, target));
    }),
  );
});

test('every list that the patch changes or removes is named for replacement', () => {
  const current = { tools: { deny: ['a', 'b'], allow: ['x'] }, agents: { entries: { main: { skills: ['s'] } } } };
  expect(configPatch(current, { tools: { deny: ['a'], allow: ['x'] } })).toEqual({
    patch: { tools: { deny: ['a'] }, agents: null },
    paths: ['tools.deny', 'agents.entries.main.skills'],
    replacePaths: ['tools.deny', 'agents.entries.main.skills'],
  });
});

test('a value the gateway shows redacted counts as equal', () => {
  const current = { gateway: { auth: { token: '__OPENCLAW_REDACTED__' } } };
  const target = { gateway: { auth: { token: 'real' } } };
  expect(configPatch(current, target)).toEqual({ patch: {}, paths: [], replacePaths: [] });
  expect(diffConfig(target, current)).toEqual([]);
});

test('a diff names the leaf and both values', () => {
  expect(diffConfig({ logging: { level: 'info' } }, { logging: { level: 'warn' }, cron: { enabled: false } })).toEqual([
    { path: 'logging.level', desired: 'info', observed: 'warn' },
    { path: 'cron.enabled', desired: undefined, observed: false },
  ]);
});

test('a diff never shows a secret, wherever it is', () => {
  const canary = 'canary-secret';
  const desired = {
    gateway: { auth: { token: canary, password: canary } },
    models: { providers: { x: { apiKey: { source: 'file', id: canary }, headers: { 'x-any': canary } } } },
    env: { vars: { ANY: canary } },
    channels: { telegram: { botToken: canary, accounts: [{ webhookSecret: canary }] }, odd: { pairing: canary } },
  };
  const sensitive = sensitiveBy(['channels.*.pairing']);
  const rows = diffConfig(desired, {}, { sensitive });
  expect(rows).toHaveLength(9);
  expect(JSON.stringify(rows)).not.toContain(canary);
  expect(JSON.stringify(diffConfig({}, desired, { sensitive }))).not.toContain(canary);
});

test('a bot that reports a million changed paths yields a hundred short rows', () => {
  const observed = Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`k${i}`, 'x'.repeat(10)]));
  expect(diffConfig({}, observed)).toHaveLength(100);
  expect(String(diffConfig({}, { a: 'x'.repeat(10_000) })[0]?.observed)).toHaveLength(301);
});

test("OpenClaw's own hints say which paths are secret", () => {
  const answer = { uiHints: { 'channels.*.pairing': { sensitive: true }, 'logging.level': { label: 'x' } } };
  expect(sensitivePaths(answer)).toEqual(['channels.*.pairing']);
  expect(sensitivePaths({ schema: {} })).toEqual([]);
  const sensitive = sensitiveBy(['tools.list[].key', 'a.*.b']);
  expect(sensitive(['tools', 'list', '3', 'key'])).toBe(true);
  expect(sensitive(['a', 'x', 'b', 'below'])).toBe(true);
  expect(sensitive(['a', 'x', 'c'])).toBe(false);
  expect(sensitive(['models', 'maxTokens'])).toBe(false);
});
