// No reader skips an event or sees a stream out of order, whatever runs at the same time; and each guard is needed.
import { withPostgres } from '@molthub/testing';
import { expect, test } from 'vitest';
import { type OrderRun, runOrder } from './order-harness.ts';

const postgres = withPostgres();
/** Its transaction ids have four digits still. */
const unused = withPostgres();

const run = async (changes: Partial<OrderRun> = {}) =>
  runOrder({
    url: (await postgres.createDatabase()).url,
    schema: 'thing',
    events: 6_000,
    writers: 8,
    readers: 2,
    streams: 6,
    seed: 1,
    ...changes,
  });

test('100,000 events of concurrent transactions with rollbacks are read once and in the order of their streams', async () => {
  const found = await run({ events: 100_000, writers: 12, readers: 2, seed: Date.now() % 1_000_000 });
  expect(found).toMatchObject({ skipped: 0, inverted: 0, repeated: 0, broken: 0 });
  expect(found.events).toBeGreaterThanOrEqual(100_000);
  expect(found.rolledBack).toBeGreaterThan(0);
  expect(found.conflicts).toBeGreaterThan(0);
  expect([String(found.firstTx).length, String(found.lastTx).length], 'digits of the ids').toEqual([4, 5]);
}, 300_000);

test('without the locks, writers break each other', async () => {
  const many = /perform pg_advisory_xact_lock\(k\)[\s\S]*?as locks;/;
  const one = /locked := pg_advisory_xact_lock\(.*\n/;
  for (const lock of [many, one]) {
    const found = await run({ schemaText: (text) => text.replace(lock, '') });
    expect(found.broken, String(lock)).toBeGreaterThan(0);
  }
});

test('with the locks taken after the first write, streams are seen out of order', async () => {
  const found = await run({
    schemaText: (text) =>
      text
        .replaceAll(/if pg_current_xact_id_if_assigned\(\)[\s\S]*?end if;/g, '')
        .replaceAll(/(perform|locked :=) pg_advisory_xact_lock_shared/g, 'perform pg_current_xact_id();\n$&'),
  });
  expect(found.inverted).toBeGreaterThan(0);
});

test('without the horizon, readers skip events', async () => {
  const found = await run({
    readText: (text) => text.replace('or e.tx < pg_snapshot_xmin(pg_current_snapshot())', 'or true'),
  });
  expect(found.skipped).toBeGreaterThan(0);
});

test('ordered by the text of transaction ids, a reader skips events where the ids get a digit more', async () => {
  const found = await run({
    url: (await unused.createDatabase()).url,
    readText: (text) => text.replace('order by e.epoch, e.tx,', 'order by e.epoch, tx_text,'),
  });
  expect(found.skipped).toBeGreaterThan(0);
});
