// Who may do what, asked of every route there is.
import { randomUUID } from 'node:crypto';
import { request } from 'node:http';
import { allows, type Permission, permissions, type Role, roles } from '@molthub/contracts';
import { until, withNats, withPostgres } from '@molthub/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type ApiUnderTest, openApi } from './api-under-test.ts';

const postgres = withPostgres();
const nats = withNats();
let api: ApiUnderTest;
const keys = new Map<string, string>();
let fleetId = '';
let otherFleetId = '';
let botId = '';
let operations: readonly Operation[] = [];

type Operation = { readonly method: string; readonly path: string; readonly permission: string | undefined };
const Document = z.object({
  paths: z.record(
    z.string(),
    z.record(z.string(), z.object({ 'x-molthub-permission': z.string().optional() }).loose()),
  ),
});

const makeKey = async (body: Record<string, unknown>): Promise<string> => {
  const made = await api.call('POST', '/api/v1/api-keys', { body: { name: 'test', ...body } });
  expect(made.status, made.text).toBe(201);
  return z.string().parse(made.body['key']);
};
const keyOf = (role: string): string => keys.get(role) ?? '';
const idOf = (answer: { body: Readonly<Record<string, unknown>>; text: string }) =>
  z.uuid(answer.text).parse(answer.body['id']);
const manifest = (name: string) => ({
  apiVersion: 'molthub/v1',
  kind: 'MoltbotInstance',
  metadata: { name },
  spec: { runtime: { engine: 'simulated' }, target: { kind: 'simulated' }, config: {} },
});
const fleet = async (name: string) =>
  idOf(await api.call('POST', '/api/v1/fleets', { body: { name, environment: 'dev' } }));

beforeAll(async () => {
  api = await openApi({ postgres, nats }, { door: { rate: { failuresPerMinute: 1_000_000 } } });
  const { paths } = Document.parse((await api.call('GET', '/api/v1/openapi.json')).body);
  operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      method: method.toUpperCase(),
      path,
      permission: operation['x-molthub-permission'],
    })),
  );
  for (const role of roles) keys.set(role, await makeKey({ role }));
  fleetId = await fleet('mine');
  otherFleetId = await fleet('other');
  const bot = await api.call('POST', '/api/v1/bot-instances', { body: { fleetId, manifest: manifest('anna') } });
  botId = idOf(bot);
  const acme = await api.call('POST', '/api/v1/workspaces', { body: { slug: 'acme', name: 'Acme' } });
  keys.set('acme', await makeKey({ role: 'OWNER', workspaceId: idOf(acme) }));
});
afterAll(() => api.close());

/** A path with every parameter filled: ids with `id`, the others with something of their form. */
const filled = (path: string, id: string): string =>
  path
    .replaceAll('{id}', id)
    .replaceAll('{botInstanceId}', id)
    .replaceAll('{version}', '1')
    .replaceAll('{traceId}', 'a'.repeat(32))
    .replaceAll('{spanId}', 'b'.repeat(16))
    .replaceAll('{name}', 'config.nosuch')
    .replaceAll('{service}', 'nosuch')
    .concat(path.endsWith('/diff') ? '?from=1&to=1' : '');

const isPermission = (name: string | undefined): name is Permission => name !== undefined && name in permissions;
const send = (operation: Operation, id: string, key: string | null, headers: Record<string, string> = {}) =>
  api.call(operation.method, filled(operation.path, id), { key, headers });

test('sec-001, sec-003: every route × role is allowed or denied as the table says', async () => {
  const decided: [string, Role, boolean][] = [];
  const expected: [string, Role, boolean][] = [];
  for (const operation of operations) {
    const { permission } = operation;
    if (!isPermission(permission) || /\/(?:events\/stream|traces\/tail)$/.test(operation.path)) continue;
    for (const role of roles) {
      const { status } = await send(operation, randomUUID(), keyOf(role));
      const name = `${operation.method} ${operation.path}`;
      decided.push([name, role, status !== 403]);
      expected.push([name, role, allows(role, [], permission)]);
      expect(status, name).not.toBe(401);
      expect(status, name).toBeLessThan(500);
    }
  }
  expect(decided).toEqual(expected);
  expect(decided.length).toBeGreaterThan(200);
});

describe('sec-012: without a good key every route is 401, before anything else is looked at', () => {
  const attempts: [string, Record<string, string>][] = [
    ['nothing', {}],
    ['garbage', { authorization: 'Bearer nothing' }],
    ['empty', { authorization: 'Bearer ' }],
    ['Bearer alone', { authorization: 'Bearer' }],
    ['Basic', { authorization: `Basic ${Buffer.from('admin:admin').toString('base64')}` }],
    ['an unsigned token', { authorization: 'Bearer eyJhbGciOiJub25lIn0.eyJyb2xlIjoiT1dORVIifQ.' }],
    ['a cookie', { cookie: 'session=x' }],
  ];
  test.each(attempts)('%s', async (_, headers) => {
    const closed = operations.filter(({ path }) => /^\/(?:api|jaeger)\//.test(path));
    for (const operation of [...closed, { method: 'GET', path: '/api/v1/nosuch', permission: undefined }]) {
      const answer = await send(operation, 'not-an-id', null, headers);
      expect(answer.status, `${operation.method} ${operation.path}`).toBe(401);
      expect(answer.body).toMatchObject({ code: 'gateway.unauthenticated' });
      expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer/);
    }
  });

  test('lower case, a key in the query, a right prefix with a wrong secret', async () => {
    expect(
      (await api.call('GET', '/api/v1/fleets', { key: null, headers: { authorization: `bearer ${api.adminKey}` } }))
        .status,
    ).toBe(401);
    expect((await api.call('GET', `/api/v1/fleets?key=${api.adminKey}`, { key: null })).status).toBe(401);
    expect(
      (await api.call('GET', '/api/v1/fleets', { key: `${api.adminKey.slice(0, 20)}${'A'.repeat(43)}` })).status,
    ).toBe(401);
  });

  test('an ingest token opens no door here', async () => {
    const made = await api.call('POST', `/api/v1/bot-instances/${botId}/ingest-token`);
    expect((await api.call('GET', '/api/v1/fleets', { key: z.string().parse(made.body['token']) })).status).toBe(401);
  });
});

test('sec-001: another workspace’s thing is 404 on every route, byte for byte as one that never was', async () => {
  for (const path of ['/fleets', '/bot-instances', '/change-sets', '/api-keys', '/audit', '/events']) {
    const { text } = await api.call('GET', `/api/v1${path}?limit=500`, { key: keyOf('acme') });
    expect(text, path).not.toContain(fleetId);
    expect(text, path).not.toContain(botId);
  }
  const headers = { 'x-correlation-id': 'tenant' };
  const ofThings = operations.filter(({ path }) => /\{(id|botInstanceId)\}/.test(path));
  expect(ofThings.length).toBeGreaterThan(30);
  for (const operation of ofThings) {
    for (const id of [fleetId, botId]) {
      const foreign = await send(operation, id, keyOf('acme'), headers);
      const random = await send(operation, randomUUID(), keyOf('acme'), headers);
      const name = `${operation.method} ${operation.path}`;
      expect([foreign.status, foreign.text], name).toEqual([random.status, random.text]);
      expect([404, 400, 405], name).toContain(foreign.status);
    }
  }
  expect((await api.call('GET', `/api/v1/bot-instances/${botId}`)).body).toMatchObject({ name: 'anna' });
});

test('sec-004: what concerns the whole installation is closed to the owners of other workspaces', async () => {
  for (const [method, path] of [
    ['GET', '/projections'],
    ['POST', '/projections/config.config/rebuild'],
    ['DELETE', '/projections/config.config/rebuild'],
    ['POST', '/bus/config/republish'],
    ['POST', '/workspaces'],
  ] as const) {
    expect((await api.call(method, `/api/v1${path}`, { key: keyOf('acme') })).status, path).toBe(403);
  }
});

/** The status of a request whose path is sent exactly as it is written; `fetch` would tidy it up first. */
const rawStatus = (method: string, path: string, key: string): Promise<number> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(api.url());
    const sent = request({ hostname, port, method, path, headers: { authorization: `Bearer ${key}` } }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    sent.on('error', reject);
    sent.end();
  });

test.each([
  '//fleets',
  '/./fleets',
  '/%2e/fleets',
  '/x/../fleets',
  '/fleets/',
  '/fleets;x',
  '/Fleets',
  '/fleets%2F',
  '\\fleets',
  '/fleets%00',
])('sec-006: %j is no route, or is decided on as the route that it is', async (path) => {
  expect([400, 404]).toContain(await rawStatus('GET', `/api/v1${path}`, keyOf('VIEWER')));
  expect([403, 404]).toContain(await rawStatus('POST', `/api/v1${path}`, keyOf('VIEWER')));
  expect(await rawStatus('GET', `/api/v1${path}`, 'nothing')).toBe(401);
});

describe('sec-005: a key for one fleet', () => {
  let key = '';
  beforeAll(async () => {
    key = await makeKey({ role: 'ADMIN', fleetIds: [otherFleetId] });
  });

  test('sees and changes that fleet only', async () => {
    const listed = z.object({ items: z.array(z.object({ id: z.uuid() })) });
    const seen = async (path: string) =>
      listed.parse((await api.call('GET', `/api/v1${path}`, { key })).body).items.map((i) => i.id);
    expect(await seen('/fleets')).toEqual([otherFleetId]);
    expect(await seen('/bot-instances')).toEqual([]);
    expect(await api.call('GET', '/api/v1/bot-instances/dashboard', { key })).toMatchObject({ body: { total: 0 } });
    expect((await api.call('GET', `/api/v1/fleets/${otherFleetId}`, { key })).status).toBe(200);
    for (const [method, path, body] of [
      ['GET', `/fleets/${fleetId}`, undefined],
      ['PATCH', `/fleets/${fleetId}`, { description: 'x' }],
      ['GET', `/bot-instances/${botId}`, undefined],
      ['POST', `/bot-instances/${botId}/restart`, undefined],
      ['DELETE', `/bot-instances/${botId}`, undefined],
      ['POST', '/bot-instances', { fleetId, manifest: manifest('intruder') }],
      ['POST', '/change-sets', { name: 'x', targets: { botInstanceIds: [botId] } }],
      ['POST', '/fleets', { name: 'a-third', environment: 'dev' }],
      ['GET', '/audit', undefined],
      ['GET', '/events', undefined],
      ['GET', '/profiles', undefined],
      ['GET', `/profiles/${fleetId}`, undefined],
      ['GET', '/overlays', undefined],
      ['GET', `/overlays/${fleetId}`, undefined],
    ] as const) {
      expect((await api.call(method, `/api/v1${path}`, { key, body })).status, `${method} ${path}`).toBe(403);
    }
  });

  test('makes no key that reaches further', async () => {
    const make = (body: Record<string, unknown>) =>
      api.call('POST', '/api/v1/api-keys', { key, body: { name: 'x', role: 'VIEWER', ...body } });
    expect((await make({})).status).toBe(403);
    expect((await make({ fleetIds: [fleetId] })).status).toBe(403);
    expect((await make({ fleetIds: [otherFleetId] })).status).toBe(201);
  });
});

test('nobody makes or revokes a key above their own', async () => {
  const make = (key: string, body: Record<string, unknown>) =>
    api.call('POST', '/api/v1/api-keys', { key, body: { name: 'x', ...body } });
  expect((await make(keyOf('ADMIN'), { role: 'OWNER' })).status).toBe(403);
  expect((await make(keyOf('ADMIN'), { role: 'ADMIN' })).status).toBe(201);
  const narrow = await makeKey({ role: 'OWNER', scopes: ['api-key:create', 'fleet:read'] });
  expect((await make(narrow, { role: 'OWNER' })).status).toBe(403);
  expect((await make(narrow, { role: 'VIEWER', scopes: ['fleet:read'] })).status).toBe(201);
  const Listed = z.object({ items: z.array(z.object({ id: z.uuid(), role: z.string() })) });
  const owner = Listed.parse((await api.call('GET', '/api/v1/api-keys?role=OWNER')).body).items[0];
  expect((await api.call('DELETE', `/api/v1/api-keys/${owner?.id}`, { key: keyOf('ADMIN') })).status).toBe(403);
});

test('a key that ends makes none that ends later, or never', async () => {
  const at = (ms: number) => new Date(Date.now() + ms).toISOString();
  const expiresAt = at(60_000);
  const key = await makeKey({ role: 'OWNER', expiresAt });
  const make = (body: Record<string, unknown>) =>
    api.call('POST', '/api/v1/api-keys', { key, body: { name: 'x', role: 'VIEWER', ...body } });
  for (const beyond of [{}, { expiresAt: null }, { expiresAt: at(120_000) }]) {
    const refused = await make(beyond);
    expect(refused.status, refused.text).toBe(403);
    expect(refused.body).toMatchObject({
      code: 'gateway.forbidden',
      detail: `This key ends at ${expiresAt}; name an expiresAt that is not later.`,
      errors: [{ path: 'expiresAt', code: 'too-late', message: `must not be later than ${expiresAt}` }],
    });
  }
  for (const within of [expiresAt, at(30_000)]) expect((await make({ expiresAt: within })).status).toBe(201);
});

test('sec-020: a revoked key ends within a second, and an expired one at its time', async () => {
  const made = await api.call('POST', '/api/v1/api-keys', { body: { name: 'short', role: 'VIEWER' } });
  const key = z.string().parse(made.body['key']);
  expect((await api.call('GET', '/api/v1/fleets', { key })).status).toBe(200);
  expect((await api.call('DELETE', `/api/v1/api-keys/${idOf(made)}`)).status).toBe(204);
  await until(async () => (await api.call('GET', '/api/v1/fleets', { key })).status === 401, {
    what: 'the end',
    timeoutMs: 1_000,
  });
  const soon = await makeKey({ role: 'VIEWER', expiresAt: new Date(Date.now() + 500).toISOString() });
  await until(async () => (await api.call('GET', '/api/v1/fleets', { key: soon })).status === 401, {
    what: 'its expiry',
    timeoutMs: 3_000,
  });
});

test('what is done to the installation itself is in the record of its owner, and of nobody else', async () => {
  const headers = { 'x-correlation-id': 'rebuilt' };
  expect((await api.call('POST', '/api/v1/projections/config.config/rebuild', { headers })).status).toBe(200);
  const Page = z.object({ items: z.array(z.record(z.string(), z.unknown())) });
  const page = async (key?: string) =>
    Page.parse((await api.call('GET', '/api/v1/audit?correlationId=rebuilt', key ? { key } : {})).body).items;
  const [entry] = await until(async () => ((await page()).length > 0 ? page() : undefined), { what: 'the entry' });
  expect(entry).toMatchObject({ action: 'config.operation.performed.v1', diff: { result: { name: 'config' } } });
  expect((await api.call('GET', `/api/v1/audit/${String(entry?.['id'])}`)).body).toEqual(entry);
  for (const key of [keyOf('acme'), keyOf('ADMIN')]) {
    expect(await page(key)).toEqual([]);
    expect((await api.call('GET', `/api/v1/audit/${String(entry?.['id'])}`, { key })).status).toBe(404);
  }
});

test('a denied request is in the audit: 403 one by one, 401 by address', async () => {
  const headers = { 'x-correlation-id': 'denied-403' };
  await api.call('POST', '/api/v1/fleets', { key: keyOf('VIEWER'), headers, body: { name: 'x', environment: 'dev' } });
  const Page = z.object({ items: z.array(z.record(z.string(), z.unknown())) });
  const entry = await until(
    async () => Page.parse((await api.call('GET', '/api/v1/audit?correlationId=denied-403')).body).items[0],
    { what: 'the entry' },
  );
  expect(entry).toMatchObject({
    outcome: 'DENIED',
    actor: { kind: 'api-key' },
    diff: { status: 403, permission: 'fleet:create' },
  });
});

test("a bot's status and health are observed: setting them is 405 with the reason", async () => {
  for (const path of ['', '/status', '/health']) {
    const answer = await api.call('PATCH', `/api/v1/bot-instances/${botId}${path}`, { body: { status: 'RUNNING' } });
    expect(answer).toMatchObject({ status: 405, body: { code: 'gateway.observed-not-set' } });
    expect(answer.headers.has('allow')).toBe(true);
  }
});
