import { until, withNats, withPostgres } from '@molthub/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type ApiUnderTest, openApi } from './api-under-test.ts';

const postgres = withPostgres();
const nats = withNats();
let api: ApiUnderTest;
beforeAll(async () => {
  api = await openApi({ postgres, nats }, { names: ['config', 'audit', 'gateway'] });
});
afterAll(() => api.close());

const Page = z.object({
  items: z.array(z.record(z.string(), z.unknown())),
  nextCursor: z.string().nullable(),
  total: z.int(),
});
const create = (name: string, headers: Record<string, string> = {}) =>
  api.call('POST', '/api/v1/fleets', { body: { name, environment: 'dev' }, headers });
const idOf = (answer: { body: Readonly<Record<string, unknown>> }) => z.uuid().parse(answer.body['id']);

describe('a fleet over the API', () => {
  test('is created, read back, changed and deleted, each answer being what a GET then shows', async () => {
    const created = await create('first');
    expect(created).toMatchObject({
      status: 201,
      body: { name: 'first', environment: 'dev', status: 'ACTIVE', version: 1 },
    });
    const path = `/api/v1/fleets/${idOf(created)}`;
    expect(created.headers.get('location')).toBe(path);
    expect(created.headers.get('etag')).toBe('"1"');
    expect((await api.call('GET', path)).body).toEqual(created.body);
    const changed = await api.call('PATCH', path, { body: { description: 'quiet' }, headers: { 'if-match': '"1"' } });
    expect(changed).toMatchObject({ status: 200, body: { description: 'quiet', version: 2 } });
    expect(changed.headers.get('etag')).toBe('"2"');
    expect(await api.call('PATCH', `${path}/status`, { body: { status: 'PAUSED' } })).toMatchObject({
      body: { status: 'PAUSED' },
    });
    expect(await api.call('DELETE', path, { headers: { 'if-match': '"2"' } })).toMatchObject({ status: 412 });
    expect((await api.call('DELETE', path)).status).toBe(204);
    expect(await api.call('GET', path)).toMatchObject({ status: 404, body: { code: 'gateway.not-found' } });
  });

  test('a wrong If-Match is 412 and changes nothing; a malformed one is 400', async () => {
    const path = `/api/v1/fleets/${idOf(await create('careful'))}`;
    const patch = (ifMatch: string) =>
      api.call('PATCH', path, { body: { description: 'x' }, headers: { 'if-match': ifMatch } });
    expect(await patch('"7"')).toMatchObject({ status: 412, body: { code: 'config.version-mismatch' } });
    expect(await patch('7')).toMatchObject({ status: 400, body: { code: 'gateway.invalid-if-match' } });
    expect(await api.call('GET', path)).toMatchObject({ body: { description: '', version: 1 } });
  });

  test('a rule that says no is 409 with its code; a taken name stays taken', async () => {
    await create('taken');
    expect(await create('taken')).toMatchObject({ status: 409, body: { code: 'config.fleet-name-taken' } });
  });
});

describe('an idempotency key', () => {
  test('gives the same answer, byte for byte, and one fleet', async () => {
    const headers = { 'idempotency-key': 'once' };
    const [first, ...others] = await Promise.all(Array.from({ length: 8 }, () => create('once', headers)));
    expect(first?.status).toBe(201);
    for (const other of others) expect(other.body).toEqual(first?.body);
    expect((await create('once', headers)).text).toBe((await create('once', headers)).text);
    const listed = Page.parse((await api.call('GET', '/api/v1/fleets?name=once')).body);
    expect(listed.items.length).toBe(1);
  });

  test('gives the same answer after a crash before the answer was kept', async () => {
    const headers = { 'idempotency-key': 'crashed' };
    const first = await create('crashed', headers);
    await api.service('gateway').runtime.write((sql) => sql('update idempotency set answer = null'));
    expect(await create('crashed', headers)).toMatchObject({ status: 201, body: { id: idOf(first) } });
  });

  test('gives the same refusal again, also when the reason is gone', async () => {
    const fleet = idOf(await create('in-the-way'));
    const headers = { 'idempotency-key': 'refused' };
    expect((await create('in-the-way', headers)).status).toBe(409);
    await api.call('DELETE', `/api/v1/fleets/${fleet}`);
    expect(await create('in-the-way', headers)).toMatchObject({
      status: 409,
      body: { code: 'config.fleet-name-taken' },
    });
  });

  test('with another body is 409', async () => {
    await create('reused', { 'idempotency-key': 'reused' });
    expect(await create('reused-2', { 'idempotency-key': 'reused' })).toMatchObject({
      status: 409,
      body: { code: 'gateway.idempotency-key-reused' },
    });
  });

  test('of another key holder is another request', async () => {
    const made = await api.call('POST', '/api/v1/api-keys', { body: { name: 'second', role: 'ADMIN' } });
    const key = z.string().parse(made.body['key']);
    const headers = { 'idempotency-key': 'shared' };
    const one = await create('shared-1', headers);
    const two = await api.call('POST', '/api/v1/fleets', {
      key,
      headers,
      body: { name: 'shared-2', environment: 'dev' },
    });
    expect(two.status).toBe(201);
    expect(idOf(two)).not.toBe(idOf(one));
  });

  test('makes one API key, and shows the same secret again without having kept it', async () => {
    const make = () =>
      api.call('POST', '/api/v1/api-keys', {
        body: { name: 'k', role: 'VIEWER' },
        headers: { 'idempotency-key': 'key' },
      });
    const [first, second] = [await make(), await make()];
    expect(first.status).toBe(201);
    expect(second.body).toEqual(first.body);
    const kept = await api.service('gateway').runtime.reads('select answer::text from idempotency');
    expect(JSON.stringify(kept)).not.toContain(z.string().parse(first.body['key']).slice(-43));
  });
});

test('work that takes longer is 202, goes on by itself, and tells its end under its Location', async () => {
  await api.stop('config');
  const headers = { prefer: 'wait=0', 'idempotency-key': 'slow' };
  const accepted = await create('slow', headers);
  expect(accepted.status).toBe(202);
  const { operationId, resourceId } = z.object({ operationId: z.uuid(), resourceId: z.uuid() }).parse(accepted.body);
  const location = `/api/v1/operations/${operationId}`;
  expect(accepted.headers.get('location')).toBe(location);
  expect(await api.call('GET', location)).toMatchObject({ status: 200, body: { status: 'PENDING', resourceId } });
  await api.start('config');
  await until(async () => (await api.call('GET', location)).body['status'] === 'DONE', {
    what: 'the operation',
    timeoutMs: 30_000,
  });
  expect(await api.call('GET', `/api/v1/fleets/${resourceId}`)).toMatchObject({ status: 200, body: { name: 'slow' } });
  expect(await create('slow', headers)).toMatchObject({ status: 201, body: { id: resourceId } });
});

test("work for another workspace than the caller's own is followed by who asked for it", async () => {
  const body = { slug: 'followed', name: 'Followed' };
  const accepted = await api.call('POST', '/api/v1/workspaces', { body, headers: { prefer: 'wait=0' } });
  expect(accepted.status).toBe(202);
  const location = z.string().parse(accepted.headers.get('location'));
  await until(async () => (await api.call('GET', location)).body['status'] === 'DONE', {
    what: 'the operation',
    timeoutMs: 30_000,
  });
});

test('the figures of every service are measured when they are asked for', async () => {
  const { text } = await api.call('GET', '/metrics', { key: null });
  for (const service of ['config', 'audit', 'gateway']) {
    expect(text).toContain(`molthub_parked{service="${service}"} 0`);
    expect(text).toMatch(new RegExp(`molthub_relay_lag_events{service="${service}"} \\d`));
  }
  expect(text).toMatch(/molthub_reader_lag_events{service="[^"]+",stream="EVT_CONFIG"} \d/);
});

describe('a list', () => {
  test('gives every row once over its pages, in its order, with the exact total', async () => {
    await Promise.all(Array.from({ length: 25 }, (_, n) => create(`page-${n}`)));
    for (const sort of ['name', '-name', 'createdAt', '-createdAt']) {
      const seen: string[] = [];
      let cursor: string | null = null;
      let total = 0;
      do {
        const next: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`;
        const page: z.infer<typeof Page> = Page.parse(
          (await api.call('GET', `/api/v1/fleets?limit=7&sort=${sort}${next}`)).body,
        );
        seen.push(...page.items.map((item) => String(item['name'])));
        cursor = page.nextCursor;
        total = page.total;
      } while (cursor !== null);
      expect(new Set(seen).size).toBe(seen.length);
      expect(seen.length).toBe(total);
    }
  });

  test('sec-058: refuses a cursor under another sort or filter, and what is no cursor', async () => {
    const page = Page.parse((await api.call('GET', '/api/v1/fleets?limit=1&sort=name')).body);
    const cursor = encodeURIComponent(page.nextCursor ?? '');
    for (const query of [
      `sort=-name&cursor=${cursor}`,
      `environment=dev&cursor=${cursor}`,
      `cursor=${cursor}x`,
      'cursor=x',
    ]) {
      expect(await api.call('GET', `/api/v1/fleets?limit=1&${query}`), query).toMatchObject({
        status: 400,
        body: { code: 'gateway.invalid-cursor' },
      });
    }
    for (const query of ['sort=(select pg_sleep(5))', "name=' or 1=1 --&name=x", 'limit=0', 'nosuch=1']) {
      expect((await api.call('GET', `/api/v1/fleets?${encodeURI(query)}`)).status, query).toBe(400);
    }
    expect(
      Page.parse((await api.call('GET', `/api/v1/fleets?name=${encodeURIComponent("' or 1=1 --")}`)).body).total,
    ).toBe(0);
  });
});

test('a refused request with a NUL in it is in the audit like any other', async () => {
  const headers = { 'x-correlation-id': 'nul-1' };
  expect((await api.call('GET', '/api/v1/fleets?a%00b=1', { headers })).status).toBe(400);
  const entry = await until(
    async () => Page.parse((await api.call('GET', '/api/v1/audit?correlationId=nul-1')).body).items[0],
    { what: 'the entry' },
  );
  expect(entry).toMatchObject({ outcome: 'REFUSED', diff: { errors: [{ path: 'a\ufffdb' }] } });
});

test('a refused request changes nothing and is in the audit with who, what and why', async () => {
  const headers = { 'x-correlation-id': 'refused-1' };
  const body = { name: 'colourful', environment: 'dev', colour: 'blue' };
  expect((await api.call('POST', '/api/v1/fleets', { body, headers })).status).toBe(400);
  const entry = await until(
    async () => Page.parse((await api.call('GET', '/api/v1/audit?correlationId=refused-1')).body).items[0],
    { what: 'the entry' },
  );
  expect(entry).toMatchObject({
    action: 'POST /api/v1/fleets',
    outcome: 'REFUSED',
    actor: { kind: 'api-key', name: 'admin' },
    diff: { code: 'gateway.invalid-request', errors: [{ path: 'colour' }], address: '127.0.0.1' },
  });
  expect(Page.parse((await api.call('GET', '/api/v1/fleets?name=colourful')).body).total).toBe(0);
  expect((await api.call('GET', `/api/v1/audit/${String(entry['id'])}`)).body).toEqual(entry);
});

test('a body of 1 MiB and a byte is 413, and in the audit', async () => {
  const headers = { 'x-correlation-id': 'large-1' };
  const body = `{"name":"${'a'.repeat(1024 * 1024)}"}`;
  expect(await api.call('POST', '/api/v1/fleets', { body, headers })).toMatchObject({ status: 413 });
  await until(async () => Page.parse((await api.call('GET', '/api/v1/audit?correlationId=large-1')).body).total === 1, {
    what: 'the entry',
  });
});

test('the document is the one in the repository, and the docs are a page without scripts', async () => {
  const served = await api.call('GET', '/api/v1/openapi.json');
  expect(served).toMatchObject({ status: 200, body: { openapi: '3.1.0' } });
  const docs = await api.call('GET', '/api/v1/docs');
  expect(docs.headers.get('content-type')).toMatch(/^text\/html/);
  expect(docs.text).toContain('/api/v1/fleets');
  expect(docs.text).not.toMatch(/<script|https?:\/\/(?!molthub)/);
});

test('what services publish but never started here is 503 with Retry-After, not an invention', async () => {
  const answer = await api.call('GET', '/api/v1/change-sets');
  expect(answer).toMatchObject({ status: 503, body: { code: 'gateway.unavailable' } });
  expect(answer.headers.get('retry-after')).toBe('5');
});
