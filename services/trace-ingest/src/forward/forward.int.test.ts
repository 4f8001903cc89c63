// What is stored is forwarded: to a backend that takes it, puts it off, refuses it, or is away.
import { ChangeFleetTelemetry, FleetTelemetry } from '@molthub/contracts';
import { createPool, inTransaction } from '@molthub/event-store';
import { type RunningService } from '@molthub/service';
import { startTestService } from '@molthub/service/testing';
import { until, withNats, withPostgres } from '@molthub/testing';
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest';
import { backendOf, traceService } from '../service.ts';
import { asJson, captured, jsonOf, jsonSpan, newBot, tokenOf, withTelemetry } from '../testing.ts';
import { expireOutbox, tellWaiting } from './outbox.ts';
import { openReceiver, spansIn } from './testing.ts';

const receiver = await openReceiver();
afterAll(() => receiver.close());
const postgres = withPostgres();
const nats = withNats();
const backend = backendOf(`${receiver.url}/otlp`, 'api-key=kept%20secret');
const forward = { lookEveryMs: 20, pauseMs: 50, pauseMsMax: 200, timeoutMs: 5_000 };
const telemetry = withTelemetry(postgres, nats, { backend, forward });
beforeEach(() => {
  receiver.received.length = 0;
  receiver.answer = () => ({});
});

const trace = (): RunningService => telemetry.running().trace;
const waiting = () =>
  trace().runtime.reads<{ spans: number; refusal: string | null }>(
    'select spans, refusal from forward_batches order by id',
  );
const counted = async (result: string): Promise<number> => {
  const text = await trace().runtime.metrics.text();
  return Number(new RegExp(`^molthub_forward_spans_total\\{result="${result}"\\} (\\d+)`, 'm').exec(text)?.[1] ?? 0);
};
const bodies = () => receiver.received.map(({ body }) => body);
const nothingWaits = () => until(async () => (await waiting()).length === 0, { what: 'everything to be forwarded' });
const send = async (...spans: readonly object[]) =>
  expect(await telemetry.post(await tokenOf(newBot()), jsonOf(...spans), asJson)).toMatchObject({ status: 200 });
afterEach(async () => {
  await trace().runtime.write((sql) => sql('delete from forward_batches'));
});

test('what a bot sent arrives, once, with everything that it said', async () => {
  const bot = newBot();
  const turn = captured('turn2-tool-loop');
  const before = await counted('sent');
  await telemetry.sendTurn(bot, turn);
  await nothingWaits();
  expect(spansIn(bodies())).toEqual(spansIn(turn));
  expect(receiver.received[0]).toMatchObject({ path: '/otlp/v1/traces', headers: { 'api-key': 'kept secret' } });
  await telemetry.sendTurn(bot, turn);
  await send(jsonSpan());
  await nothingWaits();
  const arrived = bodies().reduce((sum, body) => sum + spansIn([body]).size, 0);
  expect(arrived).toBe(spansIn(turn).size + 1);
  expect((await counted('sent')) - before).toBe(arrived);
});

test('503 is waited for as long as it says, and everything arrives', async () => {
  receiver.answer = ({ atMs }) =>
    atMs < (receiver.received[0]?.atMs ?? 0) + 1_000 ? { status: 503, headers: { 'retry-after': '1' } } : {};
  const spans = [jsonSpan(), jsonSpan()];
  await send(...spans);
  await nothingWaits();
  expect(receiver.received).toHaveLength(2);
  const [first, second] = receiver.received;
  expect((second?.atMs ?? 0) - (first?.atMs ?? 0)).toBeGreaterThanOrEqual(1_000);
});

test('a backend that is away for a while gets everything, in the order in which it came', async () => {
  receiver.answer = () => ({ status: 502 });
  const names = Array.from({ length: 20 }, (_, i) => `span ${i}.`);
  for (const name of names) await send(jsonSpan({ name }));
  await until(() => receiver.received.length > 2, { what: 'it to be tried' });
  expect(await waiting()).toHaveLength(20);
  expect(await tellWaiting(trace().runtime.reads)).toMatch(/^20 spans wait to be forwarded, for \d+ s$/);
  expect(await trace().runtime.metrics.text()).toMatch(/^molthub_forward_waiting_spans\{state="waiting"\} 20$/m);
  receiver.received.length = 0;
  receiver.answer = () => ({});
  await nothingWaits();
  const text = Buffer.concat(bodies()).toString();
  const places = names.map((name) => text.indexOf(name));
  expect(places).toEqual(places.toSorted((a, b) => a - b));
  expect(places).not.toContain(-1);
});

test('one span that the backend refuses is kept and told, and the others arrive', async () => {
  receiver.answer = () => ({ status: 503 });
  const before = await counted('refused');
  for (const name of ['a', 'b', 'poison', 'c', 'd']) await send(jsonSpan({ name }));
  receiver.answer = ({ body }) =>
    body.includes('poison') ? { status: 400, headers: { 'content-type': 'text/plain' }, body: 'no poison' } : {};
  await until(async () => (await waiting()).length === 1, { what: 'the others to be forwarded' });
  await until(async () => (await waiting())[0]?.refusal === '400 no poison', { what: 'it to be told' });
  expect((await counted('refused')) - before).toBe(1);
  expect(await tellWaiting(trace().runtime.reads)).toBe('all is forwarded; the backend refused 1');
  expect(await trace().runtime.metrics.text()).toMatch(/^molthub_forward_waiting_spans\{state="refused"\} 1$/m);
});

test('spans that the backend leaves out are counted, and not sent again', async () => {
  const [sent, rejected] = [await counted('sent'), await counted('rejected')];
  receiver.answer = () => ({
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ partialSuccess: { rejectedSpans: 2, errorMessage: 'too old' } }),
  });
  await send(jsonSpan(), jsonSpan(), jsonSpan());
  await nothingWaits();
  expect(receiver.received).toHaveLength(1);
  await until(async () => (await counted('rejected')) - rejected === 2, { what: 'it to be counted' });
  expect((await counted('sent')) - sent).toBe(1);
});

test('what is committed late is not passed over', async () => {
  const pool = createPool({ url: postgres.url, schema: 'trace', name: 'late', onError: () => undefined });
  receiver.answer = () => ({ status: 503 });
  await send(jsonSpan({ name: 'late' }));
  const [row] = await trace().runtime.reads<{ id: string; body: Buffer; bytes: number }>(
    'select id, body, bytes from forward_batches',
  );
  await trace().runtime.write((sql) => sql('delete from forward_batches'));
  await inTransaction(pool, async (sql) => {
    await sql(
      `insert into forward_batches (id, spans, bytes, body, expires_at) overriding system value
       values ($1, 1, $2, $3, now() + interval '1 day')`,
      [row?.id, row?.bytes, row?.body],
    );
    receiver.answer = () => ({});
    receiver.received.length = 0;
    await send(jsonSpan({ name: 'sooner' }));
    await nothingWaits();
    expect(bodies().some((body) => body.includes('sooner'))).toBe(true);
    expect(bodies().some((body) => body.includes('late'))).toBe(false);
  });
  await until(() => bodies().some((body) => body.includes('late')), { what: 'what was committed late' });
  await pool.end();
});

test('of two processes one forwards', async () => {
  const urls = { databaseUrl: postgres.url, natsUrl: nats.url };
  const other = await startTestService(traceService({ backend, forward }), urls);
  const spans = Array.from({ length: 40 }, () => jsonSpan());
  for (const span of spans) await send(span);
  await nothingWaits();
  expect(bodies().reduce((sum, body) => sum + spansIn([body]).size, 0)).toBe(spans.length);
  await other.stop();
});

test('content is forwarded where its fleet keeps any, and waits no longer than it is kept', async () => {
  receiver.answer = () => ({ status: 503 });
  const attributes = [{ key: 'gen_ai.input.messages', value: { stringValue: 'recipe' } }];
  /** Answers a span of a fleet with these settings, once they hold. */
  const spanUnder = async (retention: object, days: number) => {
    const bot = newBot();
    const data = { fleetId: bot.fleetId ?? '', settings: FleetTelemetry.parse({ retention }) };
    await trace().runtime.execute(ChangeFleetTelemetry, data, { workspace: 'default' });
    let span = jsonSpan();
    const holds = async () => {
      span = jsonSpan({ attributes });
      expect(await telemetry.post(await tokenOf(bot), jsonOf(span), asJson)).toMatchObject({ status: 200 });
      const [row] = await trace().runtime.reads<{ days: number }>(
        'select extract(day from expires_at - stored_at)::int as days from forward_batches order by id desc limit 1',
      );
      return row?.days === days;
    };
    await until(holds, { what: 'the settings to hold' });
    return span;
  };
  const [kept, none] = [await spanUnder({ contentDays: 2 }, 2), await spanUnder({ contentDays: 0, okDays: 5 }, 5)];
  receiver.received.length = 0;
  receiver.answer = () => ({});
  await nothingWaits();
  const forwarded = spansIn(bodies());
  const said = ({ traceId, spanId }: typeof kept) => {
    const [trace64, span64] = [traceId, spanId].map((id) => Buffer.from(id, 'hex').toString('base64'));
    return JSON.stringify(forwarded.get(`${trace64} ${span64}`));
  };
  expect(said(kept)).toContain('recipe');
  expect(said(none)).toContain('openclaw.run');
  expect(said(none)).not.toContain('recipe');
});

test('what waited for too long is dropped, and counted', async () => {
  receiver.answer = () => ({ status: 503 });
  await send(jsonSpan());
  await send(jsonSpan(), jsonSpan());
  await expireOutbox(trace().runtime, Date.now() + 6.9 * 86_400_000);
  expect(await waiting()).toHaveLength(2);
  await expireOutbox(trace().runtime, Date.now() + 7.1 * 86_400_000);
  expect(await waiting()).toHaveLength(0);
  expect(await counted('expired')).toBe(3);
});
