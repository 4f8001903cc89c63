// A pack's suggestions become a new version of a bot, through the same door as any other change.
import { withNats, withPostgres } from '@molthub/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { type ApiUnderTest, openApi } from './api-under-test.ts';

const postgres = withPostgres();
const nats = withNats();
let api: ApiUnderTest;
let fleetId: string;
beforeAll(async () => {
  api = await openApi({ postgres, nats });
  fleetId = idOf(await api.call('POST', '/api/v1/fleets', { body: { name: 'support', environment: 'dev' } }));
});
afterAll(() => api.close());

const idOf = (answer: { readonly body: Readonly<Record<string, unknown>> }) => z.string().parse(answer.body['id']);
const manifest = (name: string, config: unknown, labels: Readonly<Record<string, string>>) => ({
  apiVersion: 'molthub/v1',
  kind: 'MoltbotInstance',
  metadata: { name, labels },
  spec: { runtime: { engine: 'simulated', memory: 4_096 }, target: { kind: 'simulated' }, config },
});
const rules = [
  { id: 'memory', type: 'resource_limits', config: { maxMemory: 1_024 } },
  { id: 'webhook', type: 'forbidden_field', config: { field: 'spec.config.list[*].webhook' } },
  { id: 'team', type: 'required_field', config: { field: 'metadata.labels.team' } },
];
const setUp = async (name: string, more: { readonly team?: string; readonly rules?: unknown } = {}) => {
  const config = { list: [{ a: 1, webhook: 'x' }, { b: 2 }] };
  const labels = { pack: name, ...(more.team === undefined ? {} : { team: more.team }) };
  const body = { fleetId, manifest: manifest(name, config, labels) };
  const bot = idOf(await api.call('POST', '/api/v1/bot-instances', { body }));
  const pack = { name, rules: more.rules ?? rules, targetTags: { pack: name } };
  return { bot, pack: idOf(await api.call('POST', '/api/v1/policy-packs', { body: pack })) };
};
const fix = (pack: string, body: object, headers: Readonly<Record<string, string>> = {}) =>
  api.call('POST', `/api/v1/policy-packs/${pack}/fix`, { body, headers });
const versionOf = async (bot: string) =>
  (await api.call('GET', `/api/v1/bot-instances/${bot}`)).body['manifestVersion'];

const patch = { spec: { runtime: { memory: 1_024 }, config: { list: [{ a: 1 }, { b: 2 }] } } };

test('what can be fixed is one patch and becomes a version; a dry run only shows it', async () => {
  const { bot, pack } = await setUp('anna', { team: 'a' });
  const dry = await fix(pack, { botInstanceId: bot, dryRun: true });
  expect(dry).toMatchObject({ status: 200, body: { patch, published: null, remaining: [] } });
  expect(await versionOf(bot)).toBe(1);
  const done = await fix(pack, { botInstanceId: bot });
  expect(done).toMatchObject({ status: 201, body: { patch, remaining: [], published: { version: 2 } } });
  const { body } = await api.call('GET', `/api/v1/bot-instances/${bot}/manifests/2`);
  expect(body).toMatchObject({
    reason: expect.stringContaining(pack),
    manifest: { spec: { runtime: { engine: 'simulated', memory: 1_024 }, config: { list: [{ a: 1 }, { b: 2 }] } } },
  });
  expect(await fix(pack, { botInstanceId: bot })).toMatchObject({
    status: 409,
    body: { code: 'policy.nothing-to-fix', detail: expect.stringContaining('keeps every rule') },
  });
});

test('a bot that somebody changed meanwhile is left alone', async () => {
  const { bot, pack } = await setUp('bea', { team: 'a' });
  expect((await fix(pack, { botInstanceId: bot }, { 'if-match': '"99"' })).status).toBe(412);
  expect(await versionOf(bot)).toBe(1);
  const etag = (await api.call('GET', `/api/v1/bot-instances/${bot}`)).headers.get('etag') ?? '';
  expect((await fix(pack, { botInstanceId: bot }, { 'if-match': etag })).status).toBe(201);
});

test('what is left denies the new version like any other, and nothing that a person must decide is made up', async () => {
  const { bot, pack } = await setUp('carl');
  expect(await fix(pack, { botInstanceId: bot, dryRun: true })).toMatchObject({
    body: { patch, remaining: [{ ruleId: 'team', path: 'metadata.labels.team' }] },
  });
  expect(await fix(pack, { botInstanceId: bot })).toMatchObject({ status: 422, body: { code: 'policy.denied' } });
  expect(await versionOf(bot)).toBe(1);
  const only = await setUp('dora', { rules: rules.slice(2) });
  expect(await fix(only.pack, { botInstanceId: only.bot })).toMatchObject({
    status: 409,
    body: { code: 'policy.nothing-to-fix', errors: [{ path: 'metadata.labels.team', code: 'team' }] },
  });
});

test('evaluate says the same patch beforehand', async () => {
  const { pack } = await setUp('emma', { team: 'a' });
  const given = manifest('emma', { list: [{ a: 1, webhook: 'x' }, { b: 2 }] }, { pack: 'emma', team: 'a' });
  const evaluated = await api.call('POST', '/api/v1/policy-packs/evaluate', {
    body: { manifest: given, policyPackId: pack },
  });
  expect(evaluated.body).toMatchObject({ valid: false, suggestedPatch: patch });
});

test('what layers say is neither changed nor pinned, and what is left is told as it will be', async () => {
  const layered = idOf(await api.call('POST', '/api/v1/fleets', { body: { name: 'layered', environment: 'dev' } }));
  const webhook = { webhook: 'below', other: 1 };
  const defaults = {
    spec: { runtime: { memory: 4_096 }, channels: [{ type: 'slack', config: webhook }], config: { both: webhook } },
  };
  const profile = await api.call('POST', '/api/v1/profiles', {
    body: { name: 'webhooks', fleetIds: [layered], defaults },
  });
  expect(profile).toMatchObject({ status: 201 });
  const given = manifest('gina', { both: { webhook: 'own' } }, { pack: 'gina' });
  const { engine } = given.spec.runtime;
  const channels = (config: object) => [{ type: 'telegram', enabled: true, config }];
  const spec = { ...given.spec, runtime: { engine }, channels: channels({ webhook: 'own', a: 1 }) };
  const made = { fleetId: layered, manifest: { ...given, spec } };
  const bot = idOf(await api.call('POST', '/api/v1/bot-instances', { body: made }));
  const warns = { severity: 'WARNING', type: 'forbidden_field' };
  const body = {
    name: 'gina',
    targetTags: { pack: 'gina' },
    rules: [
      { id: 'channels', ...warns, config: { field: 'spec.channels[*].config.webhook' } },
      { id: 'both', ...warns, config: { field: 'spec.config.both.webhook' } },
      { ...rules[0], severity: 'WARNING' },
    ],
  };
  const pack = idOf(await api.call('POST', '/api/v1/policy-packs', { body }));

  // The profile says a webhook there as well: without the bot's own there is still one.
  const only = { ...body, name: 'gina-both', rules: body.rules.slice(1, 2) };
  const useless = idOf(await api.call('POST', '/api/v1/policy-packs', { body: only }));
  expect(await fix(useless, { botInstanceId: bot })).toMatchObject({
    status: 409,
    body: { code: 'policy.nothing-to-fix', errors: [{ path: 'spec.config.both.webhook', code: 'both' }] },
  });
  expect(await versionOf(bot)).toBe(1);

  const left = [
    { path: 'spec.config.both.webhook', ruleId: 'both', currentValue: 'below' },
    { path: 'spec.channels[0].config.webhook', ruleId: 'channels' },
  ];
  const done = await fix(pack, { botInstanceId: bot });
  expect(done, JSON.stringify(done.body)).toMatchObject({
    status: 201,
    body: {
      patch: { spec: { runtime: { memory: 1_024 }, channels: channels({ a: 1 }) } },
      fixed: [{ path: 'spec.channels[1].config.webhook' }, { path: 'spec.runtime.memory' }],
      remaining: left,
      published: { version: 2 },
    },
  });
  const { body: now } = await api.call('GET', `/api/v1/bot-instances/${bot}/resolved`);
  expect(now['resolved']).toMatchObject({
    spec: { channels: [{ type: 'slack', config: webhook }, ...channels({ a: 1 })], config: { both: webhook } },
  });
  expect((await api.call('GET', `/api/v1/bot-instances/${bot}/manifests/2`)).body['manifest']).toMatchObject({
    spec: { runtime: { engine, memory: 1_024 }, channels: channels({ a: 1 }), config: { both: {} } },
  });
  // What was left is what is found in what the bot runs now.
  expect(await fix(pack, { botInstanceId: bot })).toMatchObject({
    status: 409,
    body: { code: 'policy.nothing-to-fix', errors: left.map(({ path, ruleId }) => ({ path, code: ruleId })) },
  });
});

test('what a layer locks is not proposed, and the lock is named', async () => {
  const locked = idOf(await api.call('POST', '/api/v1/fleets', { body: { name: 'locked', environment: 'dev' } }));
  const field = 'spec.runtime.memory';
  const defaults = { spec: { runtime: { memory: 4_096 } } };
  const profile = { name: 'memory', fleetIds: [locked], defaults, lockedFields: [field] };
  expect(await api.call('POST', '/api/v1/profiles', { body: profile })).toMatchObject({ status: 201 });
  const given = manifest('hugo', {}, { pack: 'hugo' });
  const spec = { ...given.spec, runtime: { engine: given.spec.runtime.engine } };
  const made = { fleetId: locked, manifest: { ...given, spec } };
  const bot = idOf(await api.call('POST', '/api/v1/bot-instances', { body: made }));
  const pack = { name: 'hugo', targetTags: { pack: 'hugo' }, rules: rules.slice(0, 1) };
  const { body } = await api.call('POST', '/api/v1/policy-packs', { body: { ...pack, isActive: false } });
  for (const dryRun of [true, false]) {
    expect(await fix(idOf({ body }), { botInstanceId: bot, dryRun })).toMatchObject({
      status: 409,
      body: { code: 'policy.nothing-to-fix', errors: [{ path: field, code: 'config.locked' }] },
    });
  }
  expect(await versionOf(bot)).toBe(1);
});

test('is for who may propose, of bots and packs that there are', async () => {
  const { bot, pack } = await setUp('finn', { team: 'a' });
  const made = await api.call('POST', '/api/v1/api-keys', { body: { name: 'v', role: 'VIEWER' } });
  const key = z.string().parse(made.body['key']);
  const path = `/api/v1/policy-packs/${pack}/fix`;
  expect((await api.call('POST', path, { key, body: { botInstanceId: bot } })).status).toBe(403);
  expect((await fix(pack, { botInstanceId: pack })).status).toBe(404);
  expect((await fix('builtin-nothing', { botInstanceId: bot })).status).toBe(404);
});
