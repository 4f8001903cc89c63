// The process that forwards is killed after the backend took a request and before it was noted: it is sent again.
import { until, withNats, withPostgres } from '@molthub/testing';
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest';
import { type OpenTrace, openTrace } from '../chaos/open-trace.ts';
import { sendAll } from '../chaos/senders.ts';
import { openReceiver, spansIn } from './testing.ts';

const receiver = await openReceiver();
afterAll(() => receiver.close());
const postgres = withPostgres();
const nats = withNats();

let trace: OpenTrace | null = null;
const opened = async (forwardUrl?: string) => {
  const { url: databaseUrl } = await postgres.createDatabase();
  trace = await openTrace({ databaseUrl, natsUrl: nats.url, level: 'warn', ...(forwardUrl ? { forwardUrl } : {}) });
  return trace;
};
beforeEach(() => {
  receiver.received.length = 0;
  receiver.answer = () => ({});
});
afterEach(() => trace?.close());

const arrived = () => spansIn(receiver.received.map(({ body }) => body)).size;

test('nothing is lost, and it goes on where it was', async () => {
  const spans = 5_000;
  const { load, reads, process, restart } = await opened(receiver.url);
  // It takes the first requests, and no answer ever comes back.
  receiver.answer = () => null;
  const sent = await sendAll({ ...load, spans, spansPerRequest: 250, inFlight: 4 });
  expect(sent.acknowledged).toBe(spans);
  await until(() => receiver.received.length > 0, { what: 'the first request' });
  const first = [...receiver.received];
  receiver.received.length = 0;
  receiver.answer = () => ({});
  await restart();
  const waiting = () => reads('select id from forward_batches');
  await until(async () => (await waiting()).length === 0, { what: 'everything to be forwarded', timeoutMs: 60_000 });
  expect(arrived()).toBe(spans);
  const again = spansIn(receiver.received.map(({ body }) => body));
  for (const id of spansIn(first.map(({ body }) => body)).keys()) expect(again.has(id)).toBe(true);
  expect(process().words()).not.toContain('faltered');
});

test('what was refused is told once, and sent again when it is started anew', async () => {
  const spans = 1_000;
  const { load, reads, process, restart } = await opened(receiver.url);
  receiver.answer = () => ({ status: 401, headers: { 'content-type': 'text/plain' }, body: 'no such key' });
  await sendAll({ ...load, spans, spansPerRequest: 100, inFlight: 1 });
  const refused = () => reads('select id from forward_batches where refusal is not null');
  const all = () => reads('select id from forward_batches');
  const isRefused = async () => (await refused()).length === (await all()).length;
  await until(isRefused, { what: 'all to be refused' });
  expect(
    process()
      .words()
      .match(/refuses forwarded spans/g),
  ).toHaveLength(1);
  expect(process().words()).toContain('401 no such key');
  receiver.received.length = 0;
  receiver.answer = () => ({});
  await restart();
  await until(async () => (await all()).length === 0, { what: 'everything to be forwarded', timeoutMs: 60_000 });
  expect(arrived()).toBe(spans);
});

test('nothing is written for another backend where there is none', async () => {
  const { load, reads } = await opened();
  await sendAll({ ...load, spans: 100, spansPerRequest: 100, inFlight: 1 });
  expect(await reads("select nextval(pg_get_serial_sequence('forward_batches', 'id'))::int as id")).toEqual([
    { id: 1 },
  ]);
  expect(await reads("select name from leases where name = 'job:forward'")).toEqual([]);
  expect(receiver.received).toEqual([]);
});
