import { randomUUID } from 'node:crypto';
import { withPostgres } from '@molthub/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Log } from './log.ts';
import { inTransaction } from './pool.ts';
import { named, newEvent, openTestLog } from './testing.ts';
import type { Sql } from './sql.ts';
import type { ExpectedVersion } from './unit.ts';

const postgres = withPostgres();
let log: Log;
let close: () => Promise<void>;
beforeAll(async () => {
  ({ log, close } = await openTestLog((await postgres.createDatabase()).url));
});
afterAll(() => close());

const append = (stream: string, expected: ExpectedVersion, ...types: string[]) =>
  log.commit({ streams: [{ stream, expected, events: types.map((type) => newEvent(type)) }] });

test('an append numbers the events of its stream without gaps', async () => {
  const stream = randomUUID();
  await append(stream, 'none', 'a', 'b');
  await append(stream, 2, 'c');
  expect((await log.readStream(stream)).map((e) => [e.version, e.type])).toEqual([
    [1, 'a'],
    [2, 'b'],
    [3, 'c'],
  ]);
});

test.each<[ExpectedVersion, boolean, string, string]>([
  ['none', false, 'committed', 'a stream that must not exist does not'],
  ['none', true, 'conflict', 'a stream that must not exist does'],
  ['exists', false, 'conflict', 'a stream that must exist does not'],
  ['exists', true, 'committed', 'a stream that must exist does'],
  ['any', false, 'committed', 'any version is fine for a new stream'],
  ['any', true, 'committed', 'any version is fine for an old stream'],
  [1, true, 'committed', 'the exact version is there'],
  [2, true, 'conflict', 'the exact version is not there yet'],
  [0, true, 'conflict', 'the exact version has passed'],
])('expecting %s of a stream (exists: %s) answers %s: %s', async (expected, exists, status) => {
  const stream = randomUUID();
  if (exists) await append(stream, 'none', 'first');
  expect((await append(stream, expected, 'next')).status).toBe(status);
  expect(await log.readStream(stream)).toHaveLength((exists ? 1 : 0) + (status === 'committed' ? 1 : 0));
});

test('appending to any version never conflicts, however many writers there are', async () => {
  const stream = randomUUID();
  const results = await Promise.all(Array.from({ length: 200 }, () => append(stream, 'any', 'x')));
  expect(new Set(results.map((r) => r.status))).toEqual(new Set(['committed']));
  expect((await log.readStream(stream)).map((e) => e.version)).toEqual(Array.from({ length: 200 }, (_, i) => i + 1));
});

test('a unit of several streams is taken whole or not at all', async () => {
  const [one, two] = [randomUUID(), randomUUID()];
  await append(two, 'none', 'there');
  const unit = (expected: ExpectedVersion) =>
    log.commit({
      streams: [
        { stream: one, expected: 'none', events: [newEvent('left')] },
        { stream: two, expected, events: [newEvent('right')] },
      ],
    });
  expect((await unit('none')).status).toBe('conflict');
  expect(await log.readStream(one)).toHaveLength(0);
  expect((await unit(1)).status).toBe('committed');
  expect(await log.readStream(one)).toHaveLength(1);
});

test('a stream without events is only checked', async () => {
  const [checked, written] = [randomUUID(), randomUUID()];
  await append(checked, 'none', 'there');
  const unit = (expected: number) =>
    log.commit({
      streams: [
        { stream: checked, expected, events: [] },
        { stream: written, expected: 'any', events: [newEvent('x')] },
      ],
    });
  expect((await unit(2)).status).toBe('conflict');
  expect((await unit(1)).status).toBe('committed');
  expect(await log.readStream(checked)).toHaveLength(1);
});

test('the same event id again is a repeat and writes nothing', async () => {
  const stream = randomUUID();
  const event = newEvent('once');
  const unit = { streams: [{ stream, expected: 'any' as const, events: [event] }] };
  expect((await log.commit(unit)).status).toBe('committed');
  expect((await log.commit(unit)).status).toBe('repeat');
  expect(await log.readStream(stream)).toHaveLength(1);
});

test('one unit in conflict does not touch the others of its transaction', async () => {
  const streams = Array.from({ length: 20 }, () => randomUUID());
  const results = await Promise.all(streams.map((stream, i) => append(stream, i === 7 ? 5 : 'none', 'x')));
  expect(results.map((r) => r.status)).toEqual(streams.map((_, i) => (i === 7 ? 'conflict' : 'committed')));
});

test('a unit that fails in its own work fails alone', async () => {
  const good = Array.from({ length: 5 }, () => append(randomUUID(), 'none', 'x'));
  const stream = randomUUID();
  const bad = log.commit({
    streams: [{ stream, expected: 'none', events: [newEvent('x')] }],
    alongside: (sql) => sql('select 1 / 0'),
  });
  await expect(bad).rejects.toThrow('division by zero');
  expect((await Promise.all(good)).map((r) => r.status)).toEqual(Array(5).fill('committed'));
  expect(await log.readStream(stream)).toHaveLength(0);
});

test('what goes on after its transaction failed writes nothing any more', async () => {
  const late = Promise.withResolvers<unknown>();
  const write = (sql: Sql) =>
    sql(`insert into leases (name, holder, epoch, expires_at) values ('late', 'y', 1, now())`);
  const failed = log.commit({
    streams: [{ stream: randomUUID(), expected: 'none', events: [newEvent('x')] }],
    alongside: async (sql) => {
      // As a handler does that awaits between two statements while another one beside it fails.
      failed.catch(() => write(sql).then(late.resolve, late.reject));
      await sql('select 1 / 0');
    },
  });
  await expect(failed).rejects.toThrow('division by zero');
  await expect(late.promise).rejects.toThrow('has ended');
  expect(await log.reads(`select 1 from leases where name = 'late'`)).toEqual([]);
});

test.each([
  ['append', `(1, '{0}', '{s}', '{-1}', '{0}', '{}', '{}', '{}', '{}', '{}', '{}', '{}')`],
  ['append_one', `(1, 's', -1, 'default', '${randomUUID()}', 't', '{}', '{}', now())`],
])('an %s that is not the first write of its transaction is refused', async (name, parameters) => {
  await expect(
    inTransaction(log.pool, async (sql) => {
      await sql(`insert into leases (name, holder, epoch, expires_at) values ('x', 'y', 1, now())`);
      await sql(`select * from thing.${name}${parameters}`);
    }),
  ).rejects.toThrow('must be the first write');
});

const touched = async (id: string) =>
  (await log.reads('select 1 from commands where command_id = $1', [id])).length === 1;
const touch = (sql: Sql, id: string) =>
  sql(`insert into commands (command_id, workspace, type, status, outcome) values ($1, 'default', 't', 'DONE', '{}')`, [
    id,
  ]);

test.each([false, true])(
  'work that throws after its first statement commits nothing (sent at once: %s)',
  async (sendsAtOnce) => {
    const [stream, id] = [randomUUID(), randomUUID()];
    const alongside = async (sql: Sql) => {
      const sent = touch(sql, id);
      await Promise.resolve();
      await Promise.all([sent, Promise.reject(new Error('thrown by the work itself'))]);
    };
    const unit = { streams: [{ stream, expected: 'none' as const, events: [newEvent('x')] }], alongside, sendsAtOnce };
    await expect(log.commit(unit)).rejects.toThrow('thrown by the work itself');
    expect([await log.readStream(stream), await touched(id)]).toEqual([[], false]);
  },
);

test('a statement that fails among those sent with the commit takes all of them back', async () => {
  const [stream, id] = [randomUUID(), randomUUID()];
  const alongside = (sql: Sql) => Promise.all([touch(sql, id), sql('select 1/0'), touch(sql, randomUUID())]);
  const unit = { streams: [{ stream, expected: 'none' as const, events: [newEvent('x')] }], alongside };
  await expect(log.commit({ ...unit, sendsAtOnce: true })).rejects.toThrow('division by zero');
  expect([await log.readStream(stream), await touched(id)]).toEqual([[], false]);
  // The connection is as good as before.
  expect((await append(stream, 'none', 'x')).status).toBe('committed');
});

test('a statement that comes after the commit was sent is refused', async () => {
  const [first, second] = [randomUUID(), randomUUID()];
  const alongside = async (sql: Sql) => {
    await touch(sql, first);
    await touch(sql, second);
  };
  const late = log.commit({ streams: [], alongside, sendsAtOnce: true });
  await expect(late).rejects.toThrow('The transaction of this statement has ended');
  expect(await touched(second)).toBe(false);
  await log.commit({ streams: [], alongside: (sql) => touch(sql, second) });
  expect(await touched(second)).toBe(true);
});

test('the reader answers everything once, in order, in pages', async () => {
  const all = await log.readLog({ epoch: 0, tx: 0n, position: 0n }, 100_000);
  const paged: string[] = [];
  let after = { epoch: 0, tx: 0n, position: 0n };
  for (;;) {
    const page = await log.readLog(after, 7);
    const last = page.at(-1);
    if (!last) break;
    paged.push(...named(page));
    after = last.log;
  }
  expect(paged).toEqual(named(all));
});

test('a repair begins exactly as many events earlier as asked', async () => {
  const all = await log.readLog({ epoch: 0, tx: 0n, position: 0n }, 100_000);
  const at = all[50]?.log ?? { epoch: 0, tx: 0n, position: 0n };
  const from = await log.positionBefore(at, 10);
  expect((await log.readLog(from, 1))[0]?.id).toBe(all[41]?.id);
  expect(await log.positionBefore(at, 1_000)).toEqual({ epoch: 0, tx: 0n, position: 0n });
});

test('outcomes are stored with the events, and a concluded one never changes', async () => {
  const commandId = randomUUID();
  const conclude = (status: 'PENDING' | 'DONE', result: Record<string, unknown> = {}) =>
    log.commit({
      streams: [],
      outcomes: [
        { commandId, workspace: 'default', type: 't', outcome: status === 'DONE' ? { status, result } : { status } },
      ],
    });
  await conclude('PENDING');
  await conclude('DONE', { first: true });
  await conclude('DONE', { first: false });
  expect((await log.outcomes([commandId])).get(commandId)).toEqual({ status: 'DONE', result: { first: true } });
});

test('a mark of what was consumed never goes back', async () => {
  const mark = (version: number) => log.commit({ streams: [], consumed: [{ consumer: 'c', stream: 's', version }] });
  await mark(5);
  await mark(3);
  expect((await log.consumed('c', ['s'])).get('s')).toBe(5);
});

test('a timer that goes and one that is set may share a transaction', async () => {
  const [going, coming] = [randomUUID(), randomUUID()];
  const due = { at: '2030-01-01T00:00:00.000Z', commandType: 'c', data: {} };
  const timed = (stream: string, on: typeof due | null) =>
    log.commit({
      streams: [{ stream, expected: 'any', events: [newEvent('x')] }],
      timers: [{ stream, due: on, version: 1, workspace: 'default' }],
    });
  await timed(going, due);
  await Promise.all([timed(going, null), timed(coming, due)]);
  const left = await log.reads('select stream_id from timers where stream_id = any($1::text[])', [[going, coming]]);
  expect(left).toEqual([{ stream_id: coming }]);
});

test('marks, the place in the bus and the fence are one call, and a lost lease takes all of them back', async () => {
  await log.reads(`insert into leases (name, holder, epoch, expires_at) values ('reader', 'me', 2, now())`);
  const [stream, reader] = [randomUUID(), randomUUID()];
  const read = async (sequence: number, epoch: bigint) =>
    log.commit({
      streams: [],
      consumed: [{ consumer: 'c', stream, version: sequence }],
      checkpoint: { reader, streamCreated: 'then', sequence, eventId: String(sequence) },
      fence: { name: 'reader', holder: 'me', epoch },
    });
  await read(4, 2n);
  await read(5, 2n);
  await expect(read(6, 1n)).rejects.toThrow('the lease reader was lost');
  expect(await log.consumed('c', [stream])).toEqual(new Map([[stream, 5]]));
  const places = await log.reads('select sequence::int, event_id from checkpoints where reader = $1', [reader]);
  expect(places).toEqual([{ sequence: 5, event_id: '5' }]);
});

test('what is committed is not written again because a listener to commits fails', async () => {
  const forget = log.onCommitted(() => {
    throw new Error('The listener failed.');
  });
  let written = 0;
  const alongside = async () => {
    written += 1;
  };
  await Promise.allSettled([append(randomUUID(), 'none', 'a'), log.commit({ streams: [], alongside })]);
  forget();
  expect(written).toBe(1);
});
