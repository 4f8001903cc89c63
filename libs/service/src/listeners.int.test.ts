import type { Delivered } from '@molthub/bus';
import { FleetUpdated, type Recorded } from '@molthub/contracts';
import { type Log, migrate } from '@molthub/event-store';
import { newEvent, openTestLog } from '@molthub/event-store/testing';
import { createLogger } from '@molthub/telemetry';
import { withPostgres } from '@molthub/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Listener } from './definition.ts';
import { listeningOf } from './listeners.ts';
import { sampleHealth } from './sample-services.ts';

const postgres = withPostgres();
const fleetId = '7f9b2c1e-0d5a-4c8f-9a57-3f1f6f0f7c11';
let log: Log;
let close: () => Promise<void>;
beforeEach(async () => {
  ({ log, close } = await openTestLog((await postgres.createDatabase()).url, { schema: 'health' }));
  await migrate(log.pool, 'health', sampleHealth().migrations);
  await log.reads(`insert into leases (name, holder, epoch, expires_at) values ('reader', 'test', 1, now())`);
});
afterEach(() => close());

const place = {
  lease: { name: 'reader', holder: 'test', epoch: 1n },
  checkpoint: { reader: 'reader', streamCreated: 'then', sequence: 1, eventId: '1' },
};
const delivered = (version: number, data: unknown = { fleetId }): Delivered => ({
  sequence: version,
  streamCreated: 'then',
  eventId: String(version),
  pending: 0,
  event: {
    ...newEvent(FleetUpdated.type, data),
    stream: `fleet-${fleetId}`,
    version,
    log: { epoch: 1, tx: 1n, position: BigInt(version) },
  },
});
const listening = (on: Log, more: Partial<Listener> = {}) => {
  const [listener] = sampleHealth().listeners;
  if (!listener) throw new Error('The sample service has no listener.');
  const parts = { service: 'health', log: on, logger: createLogger('test', 'silent') } as const;
  return listeningOf(parts, { ...listener, ...more }, 'config');
};
const times = async () => (await log.reads<{ times: number }>('select times from seen'))[0]?.times;

test('a batch whose commit went through but was not answered is not applied again', async () => {
  let isAnswered = false;
  const unanswering: Log = {
    ...log,
    commit: async (unit) => {
      const result = await log.commit(unit);
      if (isAnswered) return result;
      isAnswered = true;
      throw new Error('Connection terminated unexpectedly');
    },
  };
  const reading = listening(unanswering);
  const batch = [delivered(1), delivered(2)];
  await expect(reading.process(batch, place)).rejects.toThrow('Connection terminated');
  await reading.process(batch, place);
  expect(await times()).toBe(2);
});

test('what can be read is applied before a later event of its stream is parked', async () => {
  let commits = 0;
  const failing: Log = {
    ...log,
    commit: async (unit) => {
      commits += 1;
      if (commits > 1) throw new Error('the process was killed after its first commit');
      return log.commit(unit);
    },
  };
  const batch = [delivered(1), delivered(2, { fleetId: 'no id' })];
  await expect(listening(failing).process(batch, place)).rejects.toThrow('was killed');
  await listening(log).process(batch, place);
  expect(await times()).toBe(1);
  expect(await log.reads('select type from parked')).toEqual([{ type: FleetUpdated.type }]);
});

test('where repeats are dropped by the tables, only what was parked is marked, and it is not parked twice', async () => {
  const seen = new Set<string>();
  const dropping = {
    dropsRepeats: true,
    apply: async (events: readonly Recorded[]) => {
      for (const { id } of events) seen.add(id);
    },
  };
  const batch = [delivered(1), delivered(2, { fleetId: 'no id' })];
  await listening(log, dropping).process([delivered(1)], place);
  expect(await log.reads('select version from consumed')).toEqual([]);
  await listening(log, dropping).process(batch, place);
  // Another reader begins again at the first event, as after the loss of the bus, when the parked one was dropped.
  await log.reads('delete from parked');
  await listening(log, dropping).process(batch, place);
  expect(await log.reads('select type from parked')).toEqual([]);
  expect(await log.reads('select version from consumed')).toEqual([{ version: 2 }]);
  expect(seen.size).toBe(2);
});
