import { randomUUID } from 'node:crypto';
import { logStart, type Recorded } from '@molthub/contracts';
import { createPool, inTransaction, migrate, readsOn } from '@molthub/event-store';
import { until, withPostgres } from '@molthub/testing';
import type { Pool } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { feedHead, feedListener, readFeed } from './feed.ts';
import { migrations } from './migrations.ts';

const keptDays = 7;
const feed = feedListener(keptDays);

const postgres = withPostgres();
let pool: Pool;
beforeAll(async () => {
  const { url } = await postgres.createDatabase();
  // The server ends with this file, and says so on connections that are closing.
  pool = createPool({ url, schema: 'gateway', name: 'test', onError: () => undefined });
  await migrate(pool, 'gateway', migrations);
});
afterAll(() => pool.end());

const event = (name: string): Recorded => ({
  id: randomUUID(),
  type: 'config.fleet.created.v1',
  stream: `fleet-${randomUUID()}`,
  version: 1,
  workspace: 'default',
  actor: { kind: 'service', id: 'test', name: 'test' },
  correlationId: 'test',
  causationId: null,
  time: new Date().toISOString(),
  log: logStart,
  data: { name },
});

const read = (after: string) =>
  readFeed(readsOn(pool), { workspace: 'default', after, pattern: undefined, limit: 100 });
const namesOf = (page: Awaited<ReturnType<typeof read>>) => page.items.map(({ event: e }) => JSON.stringify(e['data']));

test('a writer that commits late is never skipped by who reads meanwhile', async () => {
  const late = Promise.withResolvers<void>();
  const wrote = Promise.withResolvers<void>();
  const slow = inTransaction(pool, async (sql) => {
    await feed.apply([event('slow')], sql);
    wrote.resolve();
    await late.promise;
  });
  await wrote.promise;
  let isFastDone = false;
  const fast = inTransaction(pool, (sql) => feed.apply([event('fast')], sql)).then(() => {
    isFastDone = true;
  });
  const isWaiting = async () =>
    (await readsOn(pool)("select 1 from pg_locks where locktype = 'advisory' and not granted")).length > 0;
  await until(async () => isFastDone || (await isWaiting()), { what: 'the second writer to commit or to wait' });
  const first = await read('0');
  late.resolve();
  await Promise.all([slow, fast]);
  const second = await read(first.next);
  expect([...namesOf(first), ...namesOf(second)]).toEqual(['{"name":"slow"}', '{"name":"fast"}']);
});

test('an event that comes again is in the feed once', async () => {
  const { next } = await read('0');
  const again = event('again');
  for (let n = 0; n < 3; n += 1) await inTransaction(pool, (sql) => feed.apply([again], sql));
  expect(namesOf(await read(next))).toEqual(['{"name":"again"}']);
});

test('what is old enough to have been cut does not come back when the bus is filled again', async () => {
  const { next } = await read('0');
  const dayMs = 86_400_000;
  const aged = (name: string, days: number) => ({
    ...event(name),
    time: new Date(Date.now() - days * dayMs).toISOString(),
  });
  await inTransaction(pool, (sql) => feed.apply([aged('cut', keptDays + 0.01), aged('kept', keptDays - 0.01)], sql));
  expect(namesOf(await read(next))).toEqual(['{"name":"kept"}']);
});

test('a filter that leaves out everything still moves the cursor on', async () => {
  const page = await readFeed(readsOn(pool), { workspace: 'default', after: '0', pattern: '^nosuch$', limit: 10 });
  expect(page.items).toEqual([]);
  expect(BigInt(page.next)).toBeGreaterThan(0n);
  expect(page.more).toBe(false);
});

test('a cursor before the oldest kept row, or beyond the newest one, is refused instead of skipping in silence', async () => {
  const { next } = await read('0');
  await expect(read(String(BigInt(next) + 1n))).rejects.toMatchObject({ status: 410 });
  await readsOn(pool)('delete from feed');
  await readsOn(pool)('update feed_cut set seq = $1', [next]);
  await expect(read('0')).rejects.toMatchObject({ status: 410, code: 'gateway.cursor-expired' });
  expect((await read(next)).items).toEqual([]);
  const oldest = await readFeed(readsOn(pool), {
    workspace: 'default',
    after: undefined,
    pattern: undefined,
    limit: 1,
  });
  expect(oldest.next).toBe(next);
});

test('a page of large events ends early, and the next one goes on where it ended', async () => {
  const next = await feedHead(readsOn(pool));
  const large = Array.from({ length: 6 }, (_, n) => event(`${n} ${'x'.repeat(500_000)}`));
  await inTransaction(pool, (sql) => feed.apply(large, sql));
  const first = await read(next);
  expect(first).toMatchObject({ more: true });
  expect(first.items.length).toBe(5);
  const second = await read(first.next);
  expect([...first.items, ...second.items].map((item) => item.event['id'])).toEqual(large.map(({ id }) => id));
  expect(second.more).toBe(false);
});
