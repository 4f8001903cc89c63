// Waivers over the API: some bots may break one rule for a while, and only those, only that rule, and only so long.
import { until, withNats, withPostgres } from '@molthub/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type ApiUnderTest, openApi } from './api-under-test.ts';

const postgres = withPostgres();
const nats = withNats();
let api: ApiUnderTest;
let fleetId: string;
let otherFleetId: string;
beforeAll(async () => {
  api = await openApi({ postgres, nats });
  fleetId = idOf(await api.call('POST', '/api/v1/fleets', { body: { name: 'support', environment: 'dev' } }));
  otherFleetId = idOf(await api.call('POST', '/api/v1/fleets', { body: { name: 'sales', environment: 'dev' } }));
});
afterAll(() => api.close());

type Body = Readonly<Record<string, unknown>>;
const idOf = (answer: { readonly body: Body }) => z.string().parse(answer.body['id']);
const itemsOf = (answer: { readonly body: Body }) =>
  z.array(z.record(z.string(), z.unknown())).parse(answer.body['items']);
const manifest = (name: string, pack: string, labels: Body = {}) => ({
  apiVersion: 'molthub/v1',
  kind: 'MoltbotInstance',
  metadata: { name, labels: { pack, ...labels } },
  spec: { runtime: { engine: 'simulated' }, target: { kind: 'simulated' } },
});
const createBot = (name: string, pack: string, more: { readonly fleet?: string; readonly labels?: Body } = {}) =>
  api.call('POST', '/api/v1/bot-instances', {
    body: { fleetId: more.fleet ?? fleetId, manifest: manifest(name, pack, more.labels) },
  });
const rule = { id: 'team', type: 'required_field', config: { field: 'metadata.labels.team' } };
const createPack = async (name: string, more: Body = {}) =>
  idOf(
    await api.call('POST', '/api/v1/policy-packs', {
      body: { name, rules: [rule, { ...rule, id: 'other' }], targetTags: { pack: name }, ...more },
    }),
  );
const inMs = (ms: number) => new Date(Date.now() + ms).toISOString();
const hour = 3_600_000;
const waive = (packId: string, more: Body = {}, ruleId = 'team') =>
  api.call('POST', '/api/v1/policy/waivers', {
    body: {
      name: `${packId} ${ruleId}`,
      packId,
      ruleId,
      scope: { fleetId },
      owner: 'Ada',
      reason: 'not yet',
      expiresAt: inMs(hour),
      ...more,
    },
  });
const evaluate = async (given: unknown, policyPackId: string) =>
  (await api.call('POST', '/api/v1/policy-packs/evaluate', { body: { manifest: given, policyPackId } })).body;
const deniedRules = (answer: { readonly body: Body }) =>
  z
    .array(z.object({ code: z.string() }))
    .parse(answer.body['errors'] ?? [])
    .map(({ code }) => code);

test('a waiver lets those of its fleet break its rule, and no other rule and no other fleet', async () => {
  const pack = await createPack('fleet');
  expect(deniedRules(await createBot('a', 'fleet'))).toEqual(['other', 'team']);
  const made = await waive(pack);
  expect(made).toMatchObject({
    status: 201,
    body: { packId: pack, ruleId: 'team', scope: { fleetId }, owner: 'Ada', status: 'ACTIVE', endedAt: null },
  });
  expect(made.headers.get('location')).toBe(`/api/v1/policy/waivers/${idOf(made)}`);
  expect(deniedRules(await createBot('b', 'fleet'))).toEqual(['other']);
  await waive(pack, {}, 'other');
  const bot = idOf(await createBot('c', 'fleet'));
  expect(deniedRules(await createBot('d', 'fleet', { fleet: otherFleetId }))).toEqual(['other', 'team']);
  const listed = itemsOf(await api.call('GET', `/api/v1/policy/violations?packId=${pack}&ruleId=team`));
  expect(listed).toMatchObject([
    { botInstanceId: bot, action: 'audit', overrideReason: null, waivedBy: { waiverId: idOf(made), owner: 'Ada' } },
  ]);
});

test('what keeps the rule has passed and was not waived; a draft says which is which, by the names of its bot', async () => {
  const pack = await createPack('drafts');
  const made = await waive(pack, {}, 'team');
  const draft = (name: string, labels: Body) => {
    const given = manifest(name, 'drafts', labels);
    return { ...given, metadata: { ...given.metadata, fleet: 'support' } };
  };
  const results = async (given: unknown) => (await evaluate(given, pack))['results'];
  const waived = { packId: pack, ruleId: 'team', result: 'waived', waivedBy: { waiverId: idOf(made) } };
  // Policy hears of fleets over the bus.
  await until(async () => JSON.stringify(await results(draft('x', {}))).includes('waived'), { what: 'the fleet' });
  expect(await results(draft('x', {}))).toMatchObject([waived, { ruleId: 'other', result: 'violated' }]);
  expect(await results(draft('x', { team: 'a' }))).toMatchObject([{ result: 'passed' }, { result: 'passed' }]);
  expect(await results(manifest('x', 'drafts'))).toMatchObject([{ result: 'violated' }, { result: 'violated' }]);
});

test('a waiver for one bot, or for labels, is for those', async () => {
  const pack = await createPack('scopes', { rules: [rule] });
  const bot = idOf(await createBot('e', 'scopes', { labels: { team: 'a' } }));
  expect((await waive(pack, { scope: { botInstanceId: bot } })).status).toBe(201);
  const selector = { selector: { pack: 'scopes', trial: 'yes' } };
  expect((await waive(pack, { name: 'trial', scope: selector })).status).toBe(201);
  const body = { manifest: manifest('e', 'scopes') };
  expect((await api.call('POST', `/api/v1/bot-instances/${bot}/manifests`, { body })).status).toBe(201);
  expect((await createBot('f', 'scopes')).status).toBe(422);
  expect((await createBot('g', 'scopes', { labels: { trial: 'yes' } })).status).toBe(201);
  const dry = await api.call('POST', `/api/v1/policy-packs/${pack}/dry-run`);
  expect(dry).toMatchObject({ status: 200, body: { counts: { denied: 0 } } });
});

describe('the end of a waiver', () => {
  test('comes by itself, and what it waived violates again', async () => {
    const pack = await createPack('ends', { rules: [rule] });
    // Long enough for a bot to be made meanwhile on a loaded machine.
    const made = idOf(await waive(pack, { expiresAt: inMs(5_000) }));
    expect((await createBot('h', 'ends')).status).toBe(201);
    const status = async () => (await api.call('GET', `/api/v1/policy/waivers/${made}`)).body['status'];
    await until(async () => (await status()) === 'EXPIRED', { what: 'the end of the waiver' });
    expect((await createBot('i', 'ends')).status).toBe(422);
    const events = await api
      .service('policy')
      .log.reads('select type from events where stream_id = $1 order by version', [`waiver-${made}`]);
    expect(events.map(({ type }) => type)).toEqual(['policy.waiver.created.v1', 'policy.waiver.expired.v1']);
    expect(await api.call('DELETE', `/api/v1/policy/waivers/${made}`)).toMatchObject({
      status: 409,
      body: { code: 'policy.waiver-ended' },
    });
  });

  test('comes before by whoever deletes it, under If-Match', async () => {
    const pack = await createPack('deleted', { rules: [rule] });
    const path = `/api/v1/policy/waivers/${idOf(await waive(pack))}`;
    expect((await createBot('j', 'deleted')).status).toBe(201);
    expect((await api.call('DELETE', path, { headers: { 'if-match': '"7"' } })).status).toBe(412);
    expect((await api.call('DELETE', path, { headers: { 'if-match': '"1"' } })).status).toBe(204);
    expect((await createBot('k', 'deleted')).status).toBe(422);
    expect((await api.call('GET', path)).body).toMatchObject({ status: 'DELETED', endedAt: expect.any(String) });
    // Its name is free again.
    expect((await waive(pack)).status).toBe(201);
  });
});

test('a waiver that is renewed takes the place of the one before in one step, or leaves it as it is', async () => {
  const pack = await createPack('renewed');
  const before = idOf(await waive(pack));
  const statusOf = async (id: string) => (await api.call('GET', `/api/v1/policy/waivers/${id}`)).body['status'];
  const tooLong = await waive(pack, { replaces: before, expiresAt: inMs(400 * 24 * hour) });
  expect(tooLong).toMatchObject({ status: 400, body: { errors: [{ path: 'expiresAt', code: 'too-late' }] } });
  expect(await statusOf(before)).toBe('ACTIVE');
  const renewed = await waive(pack, { replaces: before, reason: 'until Monday' });
  expect(renewed).toMatchObject({ status: 201, body: { reason: 'until Monday', status: 'ACTIVE' } });
  expect(await statusOf(before)).toBe('DELETED');
  expect(await waive(pack, { replaces: before })).toMatchObject({
    status: 400,
    body: { errors: [{ path: 'replaces' }] },
  });
  expect(await statusOf(idOf(renewed))).toBe('ACTIVE');
});

describe('an enforced pack', () => {
  test('is waived only where its rule allows exceptions', async () => {
    const lenient = { ...rule, id: 'lenient', allowOverride: true };
    const pack = await createPack('enforced', { isEnforced: true, rules: [rule, lenient] });
    expect(await waive(pack)).toMatchObject({ status: 409, body: { code: 'policy.waiver-not-allowed' } });
    expect((await waive(pack, {}, 'lenient')).status).toBe(201);
    expect(deniedRules(await createBot('l', 'enforced'))).toEqual(['team']);
    expect(await waive('builtin-security-baseline', {}, 'gateway-auth')).toMatchObject({ status: 409 });
  });
  test('that was not enforced when it was waived is waived no longer', async () => {
    const pack = await createPack('hardens', { rules: [rule] });
    expect((await waive(pack)).status).toBe(201);
    await api.call('PATCH', `/api/v1/policy-packs/${pack}`, { body: { isEnforced: true } });
    expect(deniedRules(await createBot('m', 'hardens'))).toEqual(['team']);
  });
});

test('a rule that has no answer is waived by nothing', async () => {
  const loop = 'spec.config.list.all(a, spec.config.list.all(b, spec.config.list.all(c, true)))';
  const pack = await createPack('endless', { rules: [{ id: 'loop', type: 'cel', config: { expression: loop } }] });
  expect((await waive(pack, {}, 'loop')).status).toBe(201);
  const given = manifest('n', 'endless');
  const list = Array.from({ length: 200 }, (_, index) => index);
  const body = { fleetId, manifest: { ...given, spec: { ...given.spec, config: { list } } } };
  expect(deniedRules(await api.call('POST', '/api/v1/bot-instances', { body }))).toEqual(['policy.rule-failed']);
});

describe('refused, naming field and fix', () => {
  test.each([
    ['an end in the past', { expiresAt: '2020-01-01T00:00:00Z' }, 400, 'expiresAt', /in the future/],
    ['an end too far away', { expiresAt: inMs(366 * 24 * hour) }, 400, 'expiresAt', /within 365 days/],
    ['no end', { expiresAt: undefined }, 400, 'expiresAt', /\w/],
    ['no owner', { owner: undefined }, 400, 'owner', /\w/],
    ['no reason', { reason: '' }, 400, 'reason', /\w/],
    ['all bots', { scope: { selector: {} } }, 400, 'scope', /\w/],
    ['two scopes', { scope: { fleetId: 'x', selector: { a: 'b' } } }, 400, 'scope', /\w/],
    ['a rule that the pack has not', { ruleId: 'nothing' }, 400, 'ruleId', /it has team, other/],
    ['a pack that there is not', { packId: 'builtin-nothing' }, 400, 'packId', /builtin-security-baseline/],
    ['a fleet that there is not', { scope: { fleetId: '5b7c1d0e-8f5d-4a7e-9a56-1f2a3b4c5d6e' } }, 404, '', /fleet/],
  ])('%s', async (what, more, status, path, message) => {
    const pack = await createPack(what);
    const answer = await waive(pack, more);
    expect(answer.status).toBe(status);
    const problems = z.array(z.object({ path: z.string() })).parse(answer.body['errors'] ?? []);
    if (path !== '') expect(problems.map((problem) => problem.path).join(' ')).toContain(path);
    expect(JSON.stringify(answer.body)).toMatch(message);
  });

  test('a name that is taken, a repeat is not', async () => {
    const pack = await createPack('names');
    const body = { name: 'one', packId: pack, ruleId: 'team', scope: { fleetId }, owner: 'a', reason: 'b' };
    const send = (key: string) =>
      api.call('POST', '/api/v1/policy/waivers', {
        body: { ...body, expiresAt: '2027-01-01T00:00:00.000Z' },
        headers: { 'idempotency-key': key },
      });
    const first = await send('waiver-1');
    expect(first.status).toBe(201);
    expect((await send('waiver-1')).body).toEqual(first.body);
    expect(await send('waiver-2')).toMatchObject({ status: 409, body: { code: 'policy.waiver-name-taken' } });
  });

  test('to whoever may not, and to other workspaces', async () => {
    const pack = await createPack('rights');
    const made = idOf(await waive(pack));
    const keyOf = async (role: string, more: Body = {}) => {
      const answer = await api.call('POST', '/api/v1/api-keys', { body: { name: role, role, ...more } });
      return z.string().parse(answer.body['key']);
    };
    const path = `/api/v1/policy/waivers/${made}`;
    const operator = await keyOf('OPERATOR');
    expect((await api.call('GET', path, { key: operator })).status).toBe(200);
    expect((await api.call('DELETE', path, { key: operator })).status).toBe(403);
    const workspace = await api.call('POST', '/api/v1/workspaces', { body: { slug: 'acme', name: 'Acme' } });
    const key = await keyOf('OWNER', { workspaceId: idOf(workspace) });
    expect((await api.call('GET', path, { key })).status).toBe(404);
    expect((await api.call('DELETE', path, { key })).status).toBe(404);
    expect(itemsOf(await api.call('GET', '/api/v1/policy/waivers', { key }))).toEqual([]);
    const audit = itemsOf(await api.call('GET', '/api/v1/audit?limit=500'));
    expect(audit.some(({ action }) => action === 'policy.waiver.created.v1')).toBe(true);
  });
});
