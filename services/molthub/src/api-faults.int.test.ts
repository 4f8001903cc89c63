// What callers are told while a server is away or they ask too much, and that nothing acknowledged is lost by it.
import { until, withNats, withPostgres } from '@molthub/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ApiUnderTest, openApi } from './api-under-test.ts';

const postgres = withPostgres();
const nats = withNats();
let api: ApiUnderTest;
beforeAll(async () => {
  api = await openApi(
    { postgres, nats },
    { names: ['config', 'gateway'], door: { rate: { failuresPerMinute: 20, requestsPerMinute: 2_000 } } },
  );
});
afterAll(() => api.close());

const create = (name: string, headers: Record<string, string>) =>
  api.call('POST', '/api/v1/fleets', { body: { name, environment: 'dev' }, headers });

test('without Postgres every request is 503 with Retry-After; the same key carries it out afterwards, once', async () => {
  await postgres.stopHard();
  const headers = { 'idempotency-key': 'no-postgres', prefer: 'wait=1' };
  for (const answer of [await create('no-postgres', headers), await api.call('GET', '/api/v1/fleets')]) {
    expect(answer).toMatchObject({ status: 503, body: { code: 'gateway.unavailable' } });
    expect(answer.headers.get('retry-after')).toBe('5');
    expect(answer.text).not.toMatch(/ECONNREFUSED|127\.0\.0\.1|stack/);
  }
  expect((await api.call('GET', '/livez', { key: null })).status).toBe(200);
  await postgres.start();
  const created = await until(
    async () => {
      const answer = await create('no-postgres', headers);
      return answer.status === 201 ? answer : undefined;
    },
    { what: 'the fleet', timeoutMs: 30_000 },
  );
  expect((await create('no-postgres', headers)).body).toEqual(created.body);
  expect((await api.call('GET', '/api/v1/fleets?name=no-postgres')).body).toMatchObject({ total: 1 });
});

test('without NATS a change is taken on with 202 and carried out when NATS is back; reads go on', async () => {
  await nats.stopHard();
  const accepted = await create('no-nats', { prefer: 'wait=1' });
  expect(accepted.status).toBe(202);
  expect((await api.call('GET', '/api/v1/fleets')).status).toBe(200);
  await nats.start();
  const location = accepted.headers.get('location') ?? '';
  await until(async () => (await api.call('GET', location)).body['status'] === 'DONE', {
    what: 'its end',
    timeoutMs: 60_000,
  });
  expect((await api.call('GET', '/api/v1/fleets?name=no-nats')).body).toMatchObject({ total: 1 });
});

describe('sec-031: who asks too much is told 429 with Retry-After', () => {
  test('an address past its wrong keys in a minute, whatever it says it is; a right key still gets in from there', async () => {
    const statuses: number[] = [];
    for (let n = 0; n < 25; n += 1) {
      const headers = { 'x-forwarded-for': `10.0.1.${n}`, 'x-real-ip': `10.0.1.${n}`, forwarded: `for=10.0.1.${n}` };
      const key = `mh_${n.toString(16).padStart(16, '0')}_${'A'.repeat(43)}`;
      statuses.push((await api.call('GET', '/api/v1/fleets', { key, headers })).status);
    }
    expect(statuses.slice(0, 20)).toEqual(Array.from({ length: 20 }, () => 401));
    expect(statuses.slice(20)).toEqual(Array.from({ length: 5 }, () => 429));
    expect((await api.call('GET', '/api/v1/fleets')).status).toBe(200);
  });

  test('a key past its requests in a minute, however it varies the rest', async () => {
    const limited = await until(
      async () => {
        const headers = { 'x-forwarded-for': `10.0.0.${Math.floor(Math.random() * 250)}` };
        const answers = await Promise.all(
          Array.from({ length: 100 }, () => api.call('GET', '/api/v1/openapi.json?nosuch=1', { headers })),
        );
        return answers.find(({ status }) => status === 429);
      },
      { what: 'the limit', timeoutMs: 60_000, everyMs: 1 },
    );
    expect(limited.body).toMatchObject({ code: 'gateway.rate-limited' });
    expect(Number(limited.headers.get('retry-after'))).toBeGreaterThan(0);
  });
});
