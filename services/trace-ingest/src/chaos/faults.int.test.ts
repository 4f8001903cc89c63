// Faults under load, with senders that retry as OTLP says: no acknowledged span is lost, none is there twice, and what is
// counted is what is stored. bench/chaos/traces.ts does the same with a million, and with a disk that is really full.
import { until, withNats, withPostgres } from '@molthub/testing';
import { afterEach, expect, test, vi } from 'vitest';
import { problemsOf } from './check.ts';
import { openTrace, type OpenTrace } from './open-trace.ts';
import { type Load, sendAll } from './senders.ts';
import type { TraceArguments } from './trace-process.ts';

const postgres = withPostgres();
const nats = withNats();
vi.setConfig({ testTimeout: 300_000 });

const spans = 100_000;
let opened: OpenTrace | null = null;
afterEach(async () => {
  await opened?.close();
  opened = null;
});

/** A database of its own, with the process in front of it that bots' tokens are good for. */
const open = async (limits: Partial<TraceArguments> = {}) => {
  const { url: databaseUrl } = await postgres.createDatabase();
  opened = await openTrace({ databaseUrl, natsUrl: nats.url, ...limits });
  const load: Load = { ...opened.load, spans, spansPerRequest: 250, inFlight: 8 };
  return { ...opened, load };
};

/** Calls each of `strikes` once, when about an equal share of the spans was taken. */
const striking = (strikes: readonly (() => Promise<void>)[]) => {
  const struck: Promise<void>[] = [];
  return {
    onAnswer: (acknowledged: number) => {
      const strike = strikes[struck.length];
      if (strike && acknowledged >= (spans * (struck.length + 1)) / (strikes.length + 1)) struck.push(strike());
    },
    ended: () => Promise.all(struck),
  };
};

const expectWhole = async (reads: Parameters<typeof problemsOf>[0], sent: Awaited<ReturnType<typeof sendAll>>) => {
  expect(sent.refused, JSON.stringify(sent.answers)).toEqual([]);
  expect(sent.acknowledged).toBe(spans);
  expect(sent.withoutRetryAfter).toBe(0);
  expect(await problemsOf(reads, spans)).toEqual([]);
};

test('trace-ingest is killed while it stores', async () => {
  const { reads, load, restart } = await open();
  const { onAnswer, ended } = striking([restart, restart]);
  const sent = await sendAll({ ...load, onAnswer });
  await ended();
  expect(sent.answers['none']).toBeGreaterThan(0);
  await expectWhole(reads, sent);
  // The check itself finds one span that is missing, in the spans and in all that was counted.
  await reads('delete from span_rows where span_id = 2');
  expect((await problemsOf(reads, spans)).length).toBeGreaterThan(5);
});

test('Postgres is killed while it commits', async () => {
  const { reads, load } = await open();
  const { onAnswer, ended } = striking([() => postgres.kill(), () => postgres.kill()]);
  const sent = await sendAll({ ...load, onAnswer });
  await ended();
  expect(sent.answers[503]).toBeGreaterThan(0);
  await expectWhole(reads, sent);
});

test('Postgres says that its disk is full, until it is not', async () => {
  const { reads, load } = await open();
  await reads(`create function full_disk() returns trigger language plpgsql as $$
    begin raise exception 'could not extend file: No space left on device' using errcode = 'disk_full'; end $$`);
  const fill = async () => {
    await reads('create trigger full_disk before insert on traces for each row execute function full_disk()');
  };
  const { onAnswer, ended } = striking([fill]);
  let putOff = 0;
  const sending = sendAll({ ...load, onAnswer, onPutOff: () => void (putOff += 1) });
  const count = () => reads('select count(*) as n from span_rows');
  await until(() => putOff >= 8, { what: 'a full disk', timeoutMs: 120_000 });
  const before = await count();
  await until(() => putOff >= 40, { what: 'all to be put off', timeoutMs: 60_000 });
  expect(await count()).toEqual(before);
  await reads('drop trigger full_disk on traces');
  const sent = await sending;
  await ended();
  expect(sent.answers[503]).toBeGreaterThan(0);
  await expectWhole(reads, sent);
});

/** What the process has before anybody sends, and twice what waits in its queue and its bodies. */
const memoryMax = 450 * 1024 * 1024;

test('more comes than can be stored: it is put off, and memory stays bounded', async () => {
  const { reads, load, process } = await open({ bytesMax: 4 * 1024 * 1024, bodiesBytesMax: 8 * 1024 * 1024 });
  const sent = await sendAll({ ...load, inFlight: 96 });
  expect(sent.answers[503]).toBeGreaterThan(0);
  expect(await process().peakBytes()).toBeLessThan(memoryMax);
  await expectWhole(reads, sent);
});
