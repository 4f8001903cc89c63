// What the bus may do to messages (again, late, of an unknown kind), and what services make of it.
import { randomUUID } from 'node:crypto';
import { eventStream, eventSubject, fromMessage, toMessage } from '@molthub/bus';
import { CreateFleet, dropParked, retryParked, UpdateFleet } from '@molthub/contracts';
import { dice } from '@molthub/event-store/order-harness';
import { newEvent } from '@molthub/event-store/testing';
import { until, withNats, withPostgres } from '@molthub/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sampleConfig, sampleHealth } from './sample-services.ts';
import type { RunningService } from './start.ts';
import { openTestCaller, startTestService, type TestCaller, testCommand } from './testing.ts';

const postgres = withPostgres();
const nats = withNats();

let urls: { databaseUrl: string; natsUrl: string };
let config: RunningService;
let health: RunningService;
let caller: TestCaller;
let poison = '';
const startHealth = () =>
  startTestService(
    sampleHealth((fleetId) => fleetId === poison),
    urls,
  );
beforeAll(async () => {
  urls = { databaseUrl: (await postgres.createDatabase()).url, natsUrl: nats.url };
  config = await startTestService(sampleConfig, urls);
  health = await startHealth();
  caller = await openTestCaller(nats.url);
});
afterAll(async () => {
  await caller.close();
  await Promise.all([config.stop(), health.stop()]);
});

const newFleet = async (changes = 0, tags: Record<string, string> = {}): Promise<string> => {
  const fleetId = randomUUID();
  await caller.send(CreateFleet, { fleetId, name: `f-${fleetId}`, environment: 'dev', description: '', tags });
  for (let i = 0; i < changes; i += 1) await change(fleetId);
  return fleetId;
};
const change = (fleetId: string) => caller.send(UpdateFleet, { fleetId, description: 'changed' });

type Counted = { readonly reaction: number; readonly listener: number };
const countedOf = async (fleetId: string): Promise<Counted> => {
  const [row] = await health.log.reads<{ reaction: number | null; listener: number | null }>(
    `select (select changes from fleets where fleet_id = $1) as reaction,
       (select times from seen where fleet_id = $1) as listener`,
    [fleetId],
  );
  return { reaction: row?.reaction ?? 0, listener: row?.listener ?? 0 };
};
const untilCounted = (fleetId: string, times: number, what = 'the counts') =>
  until(
    async () => {
      const { reaction, listener } = await countedOf(fleetId);
      return reaction === times && listener === times;
    },
    { what, timeoutMs: 20_000 },
  );
const parkedOf = (fleetId: string) =>
  health.log.reads<{ id: string; consumer: string; type: string }>(
    'select id, consumer, type from parked where key = $1 order by ordinal',
    [`fleet-${fleetId}`],
  );

/** Both readers have read all that the bus holds now. */
const untilRead = async () => {
  const manager = await caller.bus.manager();
  const { state } = await manager.streams.info(eventStream('config'));
  await until(
    async () => {
      const rows = await health.log.reads<{ sequence: string }>('select sequence::text as sequence from checkpoints');
      return rows.length === 2 && rows.every((row) => Number(row.sequence) >= state.last_seq);
    },
    { what: 'the readers', timeoutMs: 20_000 },
  );
};

test('messages that come again, shuffled among the streams, change nothing', async () => {
  const fleets = await Promise.all(Array.from({ length: 10 }, () => newFleet(3)));
  await Promise.all(fleets.map((fleetId) => untilCounted(fleetId, 4)));
  const manager = await caller.bus.manager();
  const { state } = await manager.streams.info(eventStream('config'));
  const random = dice(1);
  for (let i = 0; i < 200; i += 1) {
    const seq = state.first_seq + random.below(state.messages);
    const message = await manager.streams.getMessage(eventStream('config'), { seq });
    if (!message) continue;
    // Made anew without the id by which the bus would drop it.
    const { headers, body } = toMessage(fromMessage(message.header, message.data));
    await caller.bus.js.publish(message.subject, body, { headers });
  }
  expect((await manager.streams.info(eventStream('config'))).state.messages).toBe(state.messages + 200);
  await untilRead();
  expect(await Promise.all(fleets.map(countedOf))).toEqual(fleets.map(() => ({ reaction: 4, listener: 4 })));
});

test('a command that is sent again takes effect once, however often and whenever', async () => {
  const fleetId = await newFleet();
  const id = randomUUID();
  const again = () => caller.send(UpdateFleet, { fleetId, description: 'once' }, { id });
  const outcomes = [...(await Promise.all([again(), again(), again()])), await again()];
  await config.log.reads('delete from commands where command_id = $1', [id]);
  outcomes.push(await again());
  expect(outcomes.map((outcome) => outcome?.status)).toEqual(Array(5).fill('DONE'));
  expect(await config.log.readStream(`fleet-${fleetId}`)).toHaveLength(2);
});

test('a reader that lost its checkpoint reads everything again, and changes nothing', async () => {
  const fleetId = await newFleet(3);
  await untilCounted(fleetId, 4);
  await health.stop();
  await config.log.reads('delete from health.checkpoints');
  health = await startHealth();
  await untilRead();
  expect(await countedOf(fleetId)).toEqual({ reaction: 4, listener: 4 });
});

test('an event of a major version that nobody knows yet parks its key, and only that', async () => {
  const [held, free] = [await newFleet(), await newFleet()];
  const unknown = newEvent('config.fleet.updated.v2', { fleetId: held, something: 'new' });
  await config.log.commit({ streams: [{ stream: `fleet-${held}`, expected: 'any', events: [unknown] }] });
  await change(held);
  await change(free);
  await untilCounted(free, 2);
  await until(async () => (await parkedOf(held)).length === 4, { what: 'two events parked by two consumers' });
  expect(await countedOf(held)).toEqual({ reaction: 1, listener: 1 });
  for (const consumer of ['health:config', 'health-seen:config']) {
    const [first, second] = (await parkedOf(held)).filter((row) => row.consumer === consumer);
    expect([first?.type, second?.type]).toEqual(['config.fleet.updated.v2', 'config.fleet.updated.v1']);
    expect(await caller.send(dropParked('health'), { parkedId: second?.id ?? '', reason: '' })).toMatchObject({
      status: 'REFUSED',
      code: 'health.parked-behind',
    });
    expect(await caller.send(retryParked('health'), { parkedId: first?.id ?? '' })).toMatchObject({
      status: 'REFUSED',
      code: 'health.parked-failed-again',
    });
    expect((await parkedOf(held)).filter((row) => row.consumer === consumer)).toHaveLength(2);
    expect(await caller.send(dropParked('health'), { parkedId: first?.id ?? '', reason: '' })).toMatchObject({
      status: 'DONE',
    });
  }
  expect(await countedOf(held)).toEqual({ reaction: 2, listener: 2 });
  expect(await parkedOf(held)).toEqual([]);
});

test('a drop is told and recorded as done, also where the next event of the key fails again', async () => {
  const held = await newFleet();
  const unknown = () => newEvent('config.fleet.updated.v2', { fleetId: held, something: 'new' });
  const streams = [{ stream: `fleet-${held}`, expected: 'any' as const, events: [unknown(), unknown()] }];
  await config.log.commit({ streams });
  const [first] = await until(async () => ((await parkedOf(held)).length === 4 ? parkedOf(held) : undefined), {
    what: 'two events parked by two consumers',
  });
  const id = randomUUID();
  const drop = () => caller.send(dropParked('health'), { parkedId: first?.id ?? '', reason: 'of no use' }, { id });
  const dropped = { status: 'DONE', result: { dropped: first?.id } };
  expect(await drop()).toMatchObject({
    ...dropped,
    result: { ...dropped.result, done: 0, failed: expect.stringContaining('not known') },
  });
  await health.log.reads('delete from commands where command_id = $1', [id]);
  expect(await drop()).toMatchObject(dropped);
  expect((await health.log.readStream(`operation-${id}`)).map((event) => event.data)).toMatchObject([
    { operation: 'health.parked.drop.v1', result: { dropped: first?.id } },
  ]);
  expect(await parkedOf(held)).toHaveLength(3);
});

test('a message that is no event is parked once, however often it comes', async () => {
  const subject = eventSubject('default', 'config.fleet.created.v1');
  const parked = () =>
    health.log.reads<{ n: number }>('select count(*)::int as n from parked where key = $1', [subject]);
  const fleetId = await newFleet();
  await caller.bus.js.publish(subject, 'not json');
  const after = await newFleet();
  await untilCounted(after, 1, 'what comes after it');
  await until(async () => (await parked())[0]?.n === 2, { what: 'one row for each consumer' });
  await health.stop();
  await config.log.reads('delete from health.checkpoints');
  health = await startHealth();
  await untilRead();
  expect((await parked())[0]?.n).toBe(2);
  expect(await countedOf(fleetId)).toEqual({ reaction: 1, listener: 1 });
});

test('a key that is freed while its events keep coming strands none of them', async () => {
  const fleetId = await newFleet();
  await untilCounted(fleetId, 1);
  poison = fleetId;
  await change(fleetId);
  const [first] = await until(async () => ((await parkedOf(fleetId)).length > 0 ? parkedOf(fleetId) : undefined), {
    what: 'the poisoned event',
    timeoutMs: 20_000,
  });
  const changes = Promise.all(Array.from({ length: 150 }, () => change(fleetId)));
  await until(async () => (await parkedOf(fleetId)).length > 5, { what: 'events behind it' });
  poison = '';
  expect(await caller.send(retryParked('health'), { parkedId: first?.id ?? '' })).toMatchObject({ status: 'DONE' });
  await changes;
  await untilCounted(fleetId, 152);
  expect(await parkedOf(fleetId)).toEqual([]);
});

test('the trace and the correlation of a command go on to its event and to what follows from it elsewhere', async () => {
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
  const fleetId = randomUUID();
  const data = { fleetId, name: `f-${fleetId}`, environment: 'dev', description: '', tags: {} };
  const command = { ...testCommand(CreateFleet.type, data), traceparent };
  await caller.commander.request(command, { timeoutMs: 10_000 });
  await untilCounted(fleetId, 1);
  const [created] = await config.log.readStream(`fleet-${fleetId}`);
  const [counted] = await health.log.readStream(`fleet-${fleetId}`);
  expect(created).toMatchObject({ traceparent, correlationId: command.id, causationId: command.id });
  expect(counted).toMatchObject({ traceparent, correlationId: command.id, actor: command.actor });
});

test('a timer ends its fleet once when its time has come, also when nobody was there at that time', async () => {
  const soon = () => ({ 'ends-at': new Date(Date.now() + 800).toISOString() });
  const typesOf = async (id: string) => (await config.log.readStream(`fleet-${id}`)).map((event) => event.type);
  const [attended, missed] = [await newFleet(0, soon()), await newFleet(0, soon())];
  const ended = ['config.fleet.created.v1', 'config.fleet.deleted.v1'];
  await until(async () => (await typesOf(attended)).length === 2, { what: 'the first timer' });
  const another = await newFleet(0, soon());
  const passed = soon()['ends-at'];
  await config.stop();
  await until(
    async () => (await health.log.reads('select 1 where clock_timestamp() > $1::timestamptz', [passed])).length,
    { what: 'the time of the timer' },
  );
  config = await startTestService(sampleConfig, urls);
  await until(async () => (await typesOf(another)).length === 2, { what: 'the timer that was missed' });
  expect(await Promise.all([attended, missed, another].map(typesOf))).toEqual([ended, ended, ended]);
  expect(await config.log.reads('select * from timers')).toEqual([]);
});
