// Policy packs over the API: a workspace makes its own, every proposal is judged by them, and what they find is listed.
import { randomUUID } from 'node:crypto';
import { rows } from '@molthub/policy-service/rule-cases';
import { until, withNats, withPostgres } from '@molthub/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
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

type Body = Readonly<Record<string, unknown>>;
const idOf = (answer: { readonly body: Body }) => z.string().parse(answer.body['id']);
const itemsOf = (answer: { readonly body: Body }) =>
  z.array(z.record(z.string(), z.unknown())).parse(answer.body['items']);
const manifest = (name: string, more: { readonly labels?: Body; readonly spec?: Body } = {}) => ({
  apiVersion: 'molthub/v1',
  kind: 'MoltbotInstance',
  metadata: { name, ...(more.labels ? { labels: more.labels } : {}) },
  spec: { runtime: { engine: 'simulated' }, target: { kind: 'simulated' }, ...more.spec },
});
const createBot = (name: string, more: Parameters<typeof manifest>[1] = {}) =>
  api.call('POST', '/api/v1/bot-instances', { body: { fleetId, manifest: manifest(name, more) } });
const createPack = (name: string, rules: readonly Body[], more: Body = {}) =>
  api.call('POST', '/api/v1/policy-packs', { body: { name, rules, ...more } });
const keyOf = async (role: string, more: Body = {}): Promise<string> => {
  const answer = await api.call('POST', '/api/v1/api-keys', { body: { name: role, role, ...more } });
  return z.string().parse(answer.body['key']);
};
const named = { id: 'team', type: 'required_field', config: { field: 'metadata.labels.team' } };
const onlyFor = (name: string) => ({ targetTags: { pack: name } });

describe('packs that come with Molthub', () => {
  test('are listed first, and can be read one by one', async () => {
    const ours = idOf(await createPack('aaa', [named], { priority: 1_000, ...onlyFor('aaa') }));
    const listed = itemsOf(await api.call('GET', '/api/v1/policy-packs'));
    expect(listed.slice(0, 6).map((pack) => pack['id'])).toEqual([
      'builtin-production-guardrails',
      'builtin-openclaw-production-hardening',
      'builtin-openclaw-channel-safety',
      'builtin-openclaw-security-audit',
      'builtin-openclaw-security-baseline',
      'builtin-security-baseline',
    ]);
    expect(listed.slice(6).map((pack) => pack['id'])).toContain(ours);
    const first = await api.call('GET', '/api/v1/policy-packs?limit=2');
    const next = await api.call('GET', `/api/v1/policy-packs?limit=2&cursor=${String(first.body['nextCursor'])}`);
    expect(itemsOf(next).map((pack) => pack['id'])).toEqual(listed.slice(2, 4).map((pack) => pack['id']));
    const one = await api.call('GET', '/api/v1/policy-packs/builtin-security-baseline');
    expect(one).toMatchObject({ status: 200, body: { isBuiltin: true, isEnforced: true, version: '1.0.0' } });
  });
  test('cannot be changed or deleted', async () => {
    const path = '/api/v1/policy-packs/builtin-security-baseline';
    const refused = {
      status: 409,
      body: { code: 'policy.pack-builtin', detail: expect.stringContaining('comes with') },
    };
    expect(await api.call('PATCH', path, { body: { isActive: false } })).toMatchObject(refused);
    expect(await api.call('DELETE', path)).toMatchObject(refused);
  });
});

describe('a pack of the workspace', () => {
  test('is created, read back, changed and deleted under If-Match, once per Idempotency-Key', async () => {
    const body = { name: 'life', rules: [named], ...onlyFor('life') };
    const headers = { 'idempotency-key': 'life' };
    const created = await api.call('POST', '/api/v1/policy-packs', { body, headers });
    expect(created).toMatchObject({
      status: 201,
      body: { name: 'life', version: '1', priority: 100, autoApply: true },
    });
    expect((await api.call('POST', '/api/v1/policy-packs', { body, headers })).body).toEqual(created.body);
    expect(created.headers.get('etag')).toBe('"1"');
    const path = `/api/v1/policy-packs/${idOf(created)}`;
    expect((await api.call('GET', path)).body).toEqual(created.body);
    const stale = await api.call('PATCH', path, { body: { priority: 5 }, headers: { 'if-match': '"9"' } });
    expect(stale).toMatchObject({ status: 412, body: { code: 'policy.version-mismatch' } });
    const changed = await api.call('PATCH', path, { body: { priority: 5 }, headers: { 'if-match': '"1"' } });
    expect(changed).toMatchObject({ status: 200, body: { priority: 5, version: '2' } });
    expect(await createPack('life', [named])).toMatchObject({ status: 409, body: { code: 'policy.pack-name-taken' } });
    expect((await api.call('DELETE', path, { headers: { 'if-match': '"2"' } })).status).toBe(204);
    expect(await api.call('GET', path)).toMatchObject({ status: 404 });
    expect(await api.call('PATCH', path, { body: { priority: 1 } })).toMatchObject({ status: 404 });
  });

  test('is read by viewers and written by administrators', async () => {
    const [viewer, operator] = [await keyOf('VIEWER'), await keyOf('OPERATOR')];
    const path = `/api/v1/policy-packs/${idOf(await createPack('rights', [named], onlyFor('rights')))}`;
    expect((await api.call('GET', path, { key: viewer })).status).toBe(200);
    expect((await api.call('GET', '/api/v1/policy/violations', { key: viewer })).status).toBe(200);
    for (const [method, body] of [
      ['PATCH', { priority: 1 }],
      ['DELETE', undefined],
    ] as const) {
      expect((await api.call(method, path, { key: operator, body })).status).toBe(403);
    }
    expect((await api.call('POST', `${path}/dry-run`, { key: viewer })).status).toBe(403);
    expect((await api.call('POST', `${path}/dry-run`, { key: operator })).status).toBe(200);
  });

  test('is refused with everything that is wrong with its rules', async () => {
    const answer = await createPack('wrong', [
      { id: 'a', type: 'require_moon_phase' },
      { id: 'b', type: 'custom_regex', config: { field: 'metadata.name', pattern: '(?=x)' } },
      { id: 'b', type: 'field_range', config: { field: 'spec.runtime.cpu', most: 3 } },
      { id: 'c', type: 'require_token_rotation', config: { maxAgeDays: 0 } },
      { id: 'd', type: 'cel', config: { expression: `${'!'.repeat(1_500)}true` } },
    ]);
    expect(answer).toMatchObject({ status: 400, body: { code: 'policy.pack-invalid' } });
    const errors = z.array(z.object({ path: z.string(), message: z.string() })).parse(answer.body['errors']);
    expect(errors.map(({ path }) => path)).toEqual([
      'rules.0.type',
      'rules.1.config.pattern',
      'rules.2.id',
      'rules.2.config.most',
      'rules.3.config.maxAgeDays',
      'rules.4.config.expression',
    ]);
    const unknown = await createPack('wrong', [{ ...named, actions: { lunch: 'deny' } }]);
    expect(unknown).toMatchObject({ status: 400 });
    const polluted = '{"name":"p","rules":[{"id":"a","type":"required_field","config":{"__proto__":{"x":1}}}]}';
    expect((await api.call('POST', '/api/v1/policy-packs', { body: polluted })).status).toBe(400);
  });

  test('denies bots and new versions, at every door, until it is switched off', async () => {
    const old = idOf(await createBot('old', { labels: { pack: 'denies' } }));
    const pack = idOf(await createPack('denies', [named], onlyFor('denies')));
    const denied = {
      status: 422,
      body: { code: 'policy.denied', errors: [{ path: 'metadata.labels.team', code: 'team' }] },
    };
    expect(await createBot('new', { labels: { pack: 'denies' } })).toMatchObject(denied);
    const update = (labels: Body) =>
      api.call('POST', `/api/v1/bot-instances/${old}/manifests`, { body: { manifest: manifest('old', { labels }) } });
    expect(await update({ pack: 'denies', more: '1' })).toMatchObject(denied);
    const body = { manifest: manifest('new', { labels: { pack: 'denies' } }) };
    expect(await api.call('POST', '/api/v1/manifests/validate', { body })).toMatchObject({
      status: 200,
      body: { valid: false, errors: [{ path: 'metadata.labels.team', code: 'team' }] },
    });
    const found = { valid: false, violations: [{ packId: pack, ruleId: 'team', action: 'deny' }] };
    expect(await api.call('POST', '/api/v1/policy-packs/evaluate', { body })).toMatchObject({ body: found });
    const byId = { body: { ...body, policyPackId: pack } };
    expect(await api.call('POST', '/api/v1/policy-packs/evaluate', byId)).toMatchObject({
      body: { ...found, packs: [{ id: pack, version: '1' }] },
    });
    expect(await createBot('other', { labels: { pack: 'another' } })).toMatchObject({ status: 201 });
    expect(await update({ pack: 'denies', team: 'support' })).toMatchObject({ status: 201 });
    expect(await api.call('PATCH', `/api/v1/policy-packs/${pack}`, { body: { isActive: false } })).toMatchObject({
      status: 200,
    });
    expect(await createBot('new', { labels: { pack: 'denies' } })).toMatchObject({ status: 201 });
  });

  test('whose rule cannot answer for a bot denies it', async () => {
    const loop = 'spec.config.list.all(a, spec.config.list.all(b, spec.config.list.all(c, true)))';
    await createPack('endless', [{ id: 'loop', type: 'cel', config: { expression: loop } }], onlyFor('endless'));
    const list = Array.from({ length: 200 }, (_, index) => index);
    const answer = await createBot('looped', { labels: { pack: 'endless' }, spec: { config: { list } } });
    expect(answer).toMatchObject({
      status: 422,
      body: { errors: [{ code: 'policy.rule-failed', message: expect.stringContaining('more work') }] },
    });
    const short = { labels: { pack: 'endless' }, spec: { config: { list: [1, 2] } } };
    expect(await createBot('short', short)).toMatchObject({ status: 201 });
  });

  test('is not there for another workspace, neither to be read nor to judge by', async () => {
    const workspace = await api.call('POST', '/api/v1/workspaces', { body: { slug: 'acme', name: 'Acme' } });
    const key = await keyOf('OWNER', { workspaceId: idOf(workspace) });
    const pack = idOf(await createPack('ours', [named], onlyFor('ours')));
    const path = `/api/v1/policy-packs/${pack}`;
    const theirs = async (method: string, at: string, body?: unknown) =>
      (await api.call(method, at, { key, ...(body === undefined ? {} : { body }) })).status;
    const given = manifest('x', { labels: { pack: 'ours' } });
    expect(await theirs('GET', path)).toBe(404);
    expect(await theirs('PATCH', path, { priority: 1 })).toBe(404);
    expect(await theirs('DELETE', path)).toBe(404);
    expect(await theirs('POST', `${path}/dry-run`)).toBe(404);
    expect(await theirs('POST', '/api/v1/policy-packs/evaluate', { manifest: given, policyPackId: pack })).toBe(404);
    const listed = itemsOf(await api.call('GET', '/api/v1/policy-packs', { key }));
    expect(listed.every((one) => one['isBuiltin'] === true)).toBe(true);
    const evaluated = await api.call('POST', '/api/v1/policy-packs/evaluate', { key, body: { manifest: given } });
    expect(evaluated).toMatchObject({ status: 200, body: { valid: true } });
    expect((await api.call('GET', path)).status).toBe(200);
  });
});

test.each([
  ['__proto__ as a label', '{"name":"p","targetTags":{"__proto__":"x"},"rules":[]}', /__proto__/],
  [
    'constructor in a schema',
    '{"name":"p","rules":[{"id":"a","type":"t","config":{"constructor":{}}}]}',
    /constructor/,
  ],
  ['a number as text', '{"name":"p","priority":"5","rules":[{"id":"a","type":"cel"}]}', /priority/],
  ['a field that no pack has', '{"name":"p","colour":1,"rules":[{"id":"a","type":"cel"}]}', /colour/],
  ['a pattern instead of an id', '{"name":"p","rules":[{"id":"a.*","type":"cel"}]}', /rules\.0\.id/],
])('sec-052, sec-054: %s is refused, not dropped and not turned into something else', async (_, body, named) => {
  const answer = await api.call('POST', '/api/v1/policy-packs', { body });
  expect(answer.status).toBe(400);
  expect(JSON.stringify(answer.body)).toMatch(named);
});

test('the packs of a workspace have so many rules together, and no more', async () => {
  const rules = (count: number) => Array.from({ length: count }, (_, index) => ({ ...named, id: `rule-${index}` }));
  const made: string[] = [];
  for (let answer = await createPack('full-0', rules(100), onlyFor('none')); answer.status === 201; ) {
    made.push(idOf(answer));
    answer = await createPack(`full-${made.length}`, rules(100), onlyFor('none'));
    if (answer.status !== 201) expect(answer).toMatchObject({ status: 409, body: { code: 'policy.too-many-rules' } });
  }
  expect(made.length).toBe(4);
  const path = `/api/v1/policy-packs/${made[0] ?? ''}`;
  expect((await api.call('PATCH', path, { body: { rules: rules(99) } })).status).toBe(200);
  for (const id of made) expect((await api.call('DELETE', `/api/v1/policy-packs/${id}`)).status).toBe(204);
});

describe('every rule type, over the API', () => {
  const openclaw = { runtime: { engine: 'openclaw', version: '2026.9.6' }, target: { kind: 'local' } };
  test.each(rows)('$type passes one manifest and denies another', async ({ type, config = {}, passes, fails, at }) => {
    const policyPackId = idOf(await createPack(type, [{ id: 'only', type, config }], { isActive: false }));
    const judged = async (parts: typeof passes) => {
      const given = manifest('anna', {
        labels: parts.labels ?? {},
        spec: { ...openclaw, config: parts.config ?? {}, ...parts.spec },
      });
      const body = { manifest: given, policyPackId };
      return (await api.call('POST', '/api/v1/policy-packs/evaluate', { body })).body;
    };
    expect(await judged(passes)).toMatchObject({ valid: true, violations: [], packs: [{ id: policyPackId }] });
    const denied = await judged(fails);
    expect(denied).toMatchObject({ valid: false });
    const found = z.array(z.object({ ruleId: z.string(), path: z.string() })).parse(denied['violations']);
    expect(found.map(({ path }) => path)).toContain(at);
    expect(new Set(found.map(({ ruleId }) => ruleId))).toEqual(new Set(['only']));
    expect((await api.call('DELETE', `/api/v1/policy-packs/${policyPackId}`)).status).toBe(204);
  });
});

test('a way back stays open, whatever a pack made since says of it; an enforced one denies it', async () => {
  const labels = { pack: 'back' };
  const bot = idOf(await createBot('bea', { labels }));
  const body = { manifest: manifest('bea', { labels: { ...labels, team: 'a' } }) };
  expect((await api.call('POST', `/api/v1/bot-instances/${bot}/manifests`, { body })).status).toBe(201);
  const pack = idOf(await createPack('back', [named], onlyFor('back')));
  const rollBack = (toVersion: number) =>
    api.call('POST', `/api/v1/bot-instances/${bot}/rollback`, { body: { toVersion } });
  expect(await rollBack(1)).toMatchObject({ status: 201, body: { version: 3 } });
  const listed = await api.call('GET', `/api/v1/policy/violations?packId=${pack}`);
  expect(itemsOf(listed)).toMatchObject([{ ruleId: 'team', action: 'warn' }]);
  await api.call('PATCH', `/api/v1/policy-packs/${pack}`, { body: { isEnforced: true } });
  expect(await rollBack(1)).toMatchObject({ status: 422, body: { errors: [{ code: 'team' }] } });
});

test('a bot may break a rule that allows it, with a reason, and that is listed', async () => {
  const rules = [{ ...named, allowOverride: true }];
  const packId = idOf(await createPack('lenient', rules, onlyFor('lenient')));
  const labels = { pack: 'lenient' };
  expect(await createBot('lea', { labels })).toMatchObject({ status: 422 });
  const policies = { overrides: [{ packId, ruleId: 'team', reason: 'belongs to nobody yet' }] };
  const bot = idOf(await createBot('lea', { labels, spec: { policies } }));
  const listed = await api.call('GET', `/api/v1/policy/violations?packId=${packId}`);
  expect(itemsOf(listed)).toMatchObject([
    { botInstanceId: bot, botName: 'lea', ruleId: 'team', action: 'audit', overrideReason: 'belongs to nobody yet' },
  ]);
});

test('violations are those of the newest verdict on each bot that exists', async () => {
  const warns = { severity: 'WARNING', type: 'required_field' };
  const rules = ['a', 'b'].map((id) => ({ ...warns, id, config: { field: `metadata.labels.${id}` } }));
  const packId = idOf(await createPack('warning', rules, onlyFor('warning')));
  const bot = idOf(await createBot('wanda', { labels: { pack: 'warning' } }));
  const listed = async (more = '') =>
    itemsOf(await api.call('GET', `/api/v1/policy/violations?packId=${packId}${more}`)).map((one) => one['ruleId']);
  expect(await listed()).toEqual(['a', 'b']);
  expect(await listed('&action=deny')).toEqual([]);
  expect(await listed(`&botInstanceId=${bot}&ruleId=b&sort=-evaluatedAt`)).toEqual(['b']);
  const labels = { pack: 'warning', a: '1' };
  const body = { manifest: manifest('wanda', { labels }) };
  expect((await api.call('POST', `/api/v1/bot-instances/${bot}/manifests`, { body })).status).toBe(201);
  expect(await listed()).toEqual(['b']);
  expect((await api.call('DELETE', `/api/v1/bot-instances/${bot}`)).status).toBeLessThan(300);
  expect(await listed()).toEqual([]);
});

/** What the packs of other tests changed is looked at in the background: two rounds, so that one of them is whole. */
const swept = async () => {
  const { reads } = api.service('policy').log;
  for (let round = 0; round < 2; round += 1) {
    await reads('insert into to_sweep (bot_id) values ($1)', [randomUUID()]);
    await until(async () => (await reads('select 1 from to_sweep limit 1')).length === 0, {
      what: 'a round of sweeps',
    });
  }
};

test('read models built anew from the log are the same', async () => {
  const all = async () =>
    JSON.stringify([
      await api.service('policy').log.reads('select * from policy_read.packs order by id'),
      await api.service('policy').log.reads('select * from policy_read.violations order by id'),
      await api.service('policy').log.reads('select * from policy_read.waivers order by id'),
    ]);
  await swept();
  const before = await all();
  for (const name of ['packs', 'violations', 'waivers']) {
    expect((await api.call('POST', `/api/v1/projections/policy.${name}/rebuild`)).status).toBeLessThan(300);
  }
  await until(
    async () => {
      const listed = itemsOf(await api.call('GET', '/api/v1/projections'));
      const own = listed.filter((one) => one['service'] === 'policy');
      return own.length === 4 && own.every((one) => one['status'] === 'SERVING');
    },
    { what: 'the rebuilt read models' },
  );
  expect(await all()).toBe(before);
});

test('a dry run says who would break before a pack is switched on, and records nothing', async () => {
  const labels = { pack: 'dry' };
  const bots = [await createBot('dora', { labels }), await createBot('dirk', { labels: { ...labels, team: 'a' } })].map(
    idOf,
  );
  const packId = idOf(await createPack('dry', [named], { ...onlyFor('dry'), isActive: false }));
  const events = async () => (await api.service('policy').log.reads('select count(*)::int as n from events'))[0]?.['n'];
  const before = await events();
  const run = () => api.call('POST', `/api/v1/policy-packs/${packId}/dry-run`);
  // Published versions come over the bus.
  await until(async () => z.object({ targeted: z.int() }).parse((await run()).body['counts']).targeted === 2, {
    what: 'both bots',
  });
  expect(await run()).toMatchObject({
    status: 200,
    body: {
      packId,
      packVersion: '1',
      counts: { targeted: 2, denied: 1, warned: 0 },
      items: [{ botInstanceId: bots[0], name: 'dora', violations: [{ ruleId: 'team' }] }],
      isComplete: true,
    },
  });
  expect(await events()).toBe(before);
  expect(await api.call('POST', '/api/v1/policy-packs/builtin-nothing/dry-run')).toMatchObject({ status: 404 });
});

test('rules of two packs that no bot can satisfy are told, until one of them goes', async () => {
  const field = 'metadata.labels.quarrel';
  const wants = idOf(await createPack('wants', [{ id: 'a', type: 'required_field', config: { field } }], onlyFor('q')));
  const bans = idOf(await createPack('bans', [{ id: 'b', type: 'forbidden_field', config: { field } }]));
  const found = async () => {
    const answer = await api.call('GET', '/api/v1/policy-packs/conflicts', { key: await keyOf('VIEWER') });
    return itemsOf(answer).filter(({ path }) => path === field);
  };
  expect(await found()).toMatchObject([
    { kind: 'contradiction', rules: [{ ruleId: expect.stringMatching(/[ab]/) }, { ruleId: expect.anything() }] },
  ]);
  for (const id of [wants, bans]) await api.call('DELETE', `/api/v1/policy-packs/${id}`);
  expect(await found()).toEqual([]);
});
