import type { Recorded } from '@molthub/contracts';
import { until, withNats } from '@molthub/testing';
import { expect, test } from 'vitest';
import { toMessage } from './cloud-event.ts';
import { openBus } from './connect.ts';
import { readEvents } from './reader.ts';
import { deleteEventStream, ensureEventStream } from './stream.ts';
import { eventSubject } from './subject.ts';

const nats = withNats();

const event = (version: number): Recorded => ({
  id: `00000000-0000-4000-8000-00000000000${version}`,
  type: 'config.fleet.deleted.v1',
  data: { fleetId: '00000000-0000-4000-8000-000000000000' },
  workspace: 'default',
  actor: { kind: 'service', id: 'test', name: 'test' },
  correlationId: 'c',
  causationId: null,
  stream: 'fleet-1',
  version,
  time: '2026-01-01T00:00:00.000Z',
  log: { epoch: 1, tx: BigInt(version), position: BigInt(version) },
});

test.each([true, false])(
  'a stream that is made again under a reader is read from its start (was read: %s)',
  async (wasRead) => {
    await withBus(wasRead);
  },
);

const withBus = async (wasRead: boolean) => {
  const bus = await openBus({ url: nats.url, name: 'test', onStatus: () => undefined });
  const seen: number[] = [];
  const stop = new AbortController();
  let opened = 0;
  const reading = (async () => {
    while (!stop.signal.aborted) {
      try {
        opened += 1;
        const batches = readEvents({
          bus,
          source: 'config',
          types: ['config.fleet.deleted.v1'],
          checkpoint: undefined,
          batchMax: 10,
          signal: stop.signal,
        });
        for await (const batch of batches) for (const one of batch) seen.push(one.event?.version ?? 0);
      } catch (error) {
        // The stream is away for a moment; the loop above is what a service does about it.
        if (!(error instanceof Error)) throw error;
      }
    }
  })();
  const publish = async (version: number) => {
    const { headers, body } = toMessage(event(version));
    await bus.js.publish(eventSubject('default', 'config.fleet.deleted.v1'), body, { headers });
  };
  await ensureEventStream(bus, 'config');
  if (wasRead) {
    await publish(1);
    await until(() => seen.includes(1), { what: 'the first event' });
  } else {
    const manager = await bus.manager();
    const consumers = async () => (await manager.streams.info('EVT_CONFIG')).state.consumer_count;
    await until(async () => (await consumers()) > 0, { what: 'the consumer' });
  }
  await deleteEventStream(bus, 'config');
  await ensureEventStream(bus, 'config');
  await publish(2);
  await until(() => seen.includes(2), { what: 'the first event of the new stream', timeoutMs: 20_000 });
  await publish(3);
  await until(() => seen.includes(3), { what: 'the second event of the new stream', timeoutMs: 20_000 });
  expect(opened).toBeGreaterThan(1);
  stop.abort();
  await reading;
  await deleteEventStream(bus, 'config');
  await bus.close();
};

test('a checkpoint counts only in the stream and at the event that it was made of', async () => {
  const bus = await openBus({ url: nats.url, name: 'test', onStatus: () => undefined });
  const { created } = await ensureEventStream(bus, 'config');
  for (const version of [1, 2, 3]) {
    const { headers, body } = toMessage(event(version));
    await bus.js.publish(eventSubject('default', 'config.fleet.deleted.v1'), body, { headers });
  }
  const at = { streamCreated: created, sequence: 2, eventId: event(2).id };
  const readFrom = async (checkpoint: Parameters<typeof readEvents>[0]['checkpoint']) => {
    const stop = new AbortController();
    const parts = { bus, source: 'config', types: undefined, checkpoint, batchMax: 10, signal: stop.signal } as const;
    for await (const [first] of readEvents(parts)) {
      stop.abort();
      return first?.sequence;
    }
    return undefined;
  };
  expect(await readFrom(at)).toBe(3);
  expect(await readFrom(undefined)).toBe(1);
  expect(await readFrom({ ...at, eventId: event(1).id }), 'a bus that lost its tail and was filled again').toBe(1);
  expect(await readFrom({ ...at, streamCreated: '2020-01-01T00:00:00Z' }), 'another stream').toBe(1);
  expect(await readFrom({ ...at, sequence: 9 }), 'a stream that is shorter').toBe(1);
  await deleteEventStream(bus, 'config');
  await bus.close();
});

test('a reader that gathers takes what came one by one together, in order', async () => {
  const bus = await openBus({ url: nats.url, name: 'test', onStatus: () => undefined });
  const stop = new AbortController();
  const batches: number[][] = [];
  await deleteEventStream(bus, 'config');
  const reading = (async () => {
    const read = { bus, source: 'config', types: undefined, checkpoint: undefined, batchMax: 100 } as const;
    for await (const batch of readEvents({ ...read, gatherMs: 500, signal: stop.signal })) {
      batches.push(batch.map((one) => one.event?.version ?? 0));
    }
  })();
  await until(async () => (await ensureEventStream(bus, 'config')).state.consumer_count === 1, { what: 'the reader' });
  for (let version = 1; version <= 9; version += 1) {
    const { headers, body } = toMessage(event(version));
    await bus.js.publish(eventSubject('default', 'config.fleet.deleted.v1'), body, { headers });
  }
  await until(() => batches.flat().length === 9, { what: 'all events' });
  expect(batches.flat()).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(batches.length).toBeLessThan(5);
  stop.abort();
  await reading;
  await bus.close();
});
