import { messageParked, type Recorded } from '@molthub/contracts';
import type { Log } from '@molthub/event-store';
import { newEvent, openTestLog } from '@molthub/event-store/testing';
import { withPostgres } from '@molthub/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createParking } from './parking.ts';

const postgres = withPostgres();
const consumer = 'health:config';
let log: Log;
let close: () => Promise<void>;
beforeEach(async () => {
  ({ log, close } = await openTestLog((await postgres.createDatabase()).url));
});
afterEach(() => close());

const eventOf = (stream: string, version: number): Recorded => ({
  ...newEvent('config.fleet.updated.v1'),
  stream,
  version,
  log: { epoch: 1, tx: 1n, position: BigInt(version) },
});
const fault = { error: 'broken', attempts: 5, lease: undefined };
const rows = () => log.reads<{ key: string }>('select key from parked order by ordinal');

test('the first event of a key is told, those behind it are not', async () => {
  const parking = createParking('health', log, consumer);
  for (const version of [1, 2, 3]) expect(await parking.park({ event: eventOf('a', version), ...fault })).toBe(true);
  expect(await parking.park({ event: eventOf('b', 1), ...fault })).toBe(true);
  const told = await log.readLog({ epoch: 0, tx: 0n, position: 0n }, 10);
  expect(told.map((event) => event.type)).toEqual([messageParked('health').type, messageParked('health').type]);
  expect(await rows()).toHaveLength(4);
  expect((await log.consumed(consumer, ['a'])).get('a')).toBe(3);
});

test('a key whose parking was committed but not answered is known to be parked after the next look', async () => {
  const unanswered: Log = {
    ...log,
    commit: async (unit) => {
      await log.commit(unit);
      throw new Error('Connection terminated unexpectedly');
    },
  };
  const parking = createParking('health', unanswered, consumer);
  await expect(parking.park({ event: eventOf('a', 1), ...fault })).rejects.toThrow('Connection terminated');
  expect(parking.isAny()).toBe(true);
  await parking.load();
  expect(parking.isParked('a')).toBe(true);
});

test('an event is not parked behind a key that somebody has freed, nor counted as taken', async () => {
  const parking = createParking('health', log, consumer);
  await parking.park({ event: eventOf('a', 1), ...fault });
  await log.reads('delete from parked');
  expect(await parking.park({ event: eventOf('a', 2), ...fault })).toBe(false);
  expect(parking.isParked('a')).toBe(false);
  expect(await rows()).toEqual([]);
  expect((await log.consumed(consumer, ['a'])).get('a')).toBe(1);
});
