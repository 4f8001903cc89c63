// What each user of the embedded bus can do with its own credentials, and what it cannot.
import { type Bus, createCommander, openBus, readEvents, takeCommands, toMessage } from '@molthub/bus';
import { type Recorded, type ServiceName, services } from '@molthub/contracts';
import { until, withNats } from '@molthub/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { busUsers } from './bus-users.ts';

const nats = withNats({ users: busUsers.map((user) => ({ ...user, password: 'test' })) });
const buses = new Map<string, Bus>();
const busOf = (user: ServiceName | 'operator'): Bus => {
  const bus = buses.get(user);
  if (!bus) throw new Error(`${user} is not connected.`);
  return bus;
};

beforeAll(async () => {
  for (const { name } of busUsers) {
    const url = nats.url.replace('nats://', `nats://${name}:test@`);
    buses.set(name, await openBus({ url, name, onStatus: () => undefined }));
  }
});
afterAll(async () => {
  for (const bus of buses.values()) await bus.close();
});

const eventOf = (service: ServiceName): Recorded => ({
  id: '00000000-0000-4000-8000-000000000001',
  type: `${service}.thing.happened.v1`,
  data: {},
  workspace: 'default',
  actor: { kind: 'service', id: 'test', name: 'test' },
  correlationId: 'c',
  causationId: null,
  stream: 'thing-1',
  version: 1,
  time: '2026-01-01T00:00:00.000Z',
  log: { epoch: 1, tx: 1n, position: 1n },
});

const say = (bus: Bus, service: ServiceName) => {
  const { headers, body } = toMessage(eventOf(service));
  return bus.js.publish(`evt.default.${service}.thing.happened.v1`, body, { headers, timeout: 1_000 });
};

/** The type of the first event that a service reads of another's, making the stream where it is the first. */
const firstEvent = async (bus: Bus, source: ServiceName, types: readonly string[] | undefined) => {
  const stop = new AbortController();
  const parts = { bus, source, types, checkpoint: undefined, batchMax: 10, signal: stop.signal } as const;
  for await (const [first] of readEvents(parts)) {
    stop.abort();
    return first?.event?.type;
  }
  return undefined;
};

const command = (service: ServiceName, id: string) => ({
  id,
  type: `${service}.thing.do.v1`,
  data: {},
  workspace: 'default',
  actor: { kind: 'user', id: 'test', name: 'Test' } as const,
  correlationId: id,
  causationId: null,
  time: '2026-01-01T00:00:00.000Z',
  records: true,
});

const take = (service: ServiceName) => {
  const stop = new AbortController();
  const taking = takeCommands({
    bus: busOf(service),
    service,
    signal: stop.signal,
    handle: async () => ({ kind: 'outcome', outcome: { status: 'DONE', result: {} } }),
    onMalformed: () => undefined,
    onFault: () => undefined,
  });
  return { taking, stop };
};

describe.each(services)('%s', (service) => {
  test('says its events, reads those of all services, and makes its own stream again', async () => {
    const bus = busOf(service);
    const reading = services.map((source) => firstEvent(bus, source, undefined));
    const filtered = firstEvent(bus, service, [`${service}.thing.happened.v1`, `${service}.other.happened.v1`]);
    await until(async () => (await say(bus, service)).stream === `EVT_${service.toUpperCase()}`, { what: 'its event' });
    for (const source of services) await until(() => say(busOf(source), source), { what: 'the event of another' });
    expect(await Promise.all(reading)).toEqual(services.map((source) => `${source}.thing.happened.v1`));
    expect(await filtered).toBe(`${service}.thing.happened.v1`);
    const manager = await bus.manager();
    const stream = `EVT_${service.toUpperCase()}`;
    expect((await manager.streams.getMessage(stream, { seq: 1 }))?.header.get('ce-id')).toBe(eventOf(service).id);
    expect(await manager.streams.delete(stream)).toBe(true);
  });

  test('takes its commands from the gateway, whoever was there first, and tells their outcome', async () => {
    const commander = createCommander(busOf('gateway'), 'test');
    const id = `00000000-0000-4000-8000-00000000000${services.indexOf(service)}`;
    const answer = commander.request(command(service, id), { timeoutMs: 10_000 });
    const { taking, stop } = take(service);
    expect(await answer).toMatchObject({ status: 'DONE' });
    const manager = await busOf(service).manager();
    const info = () => manager.consumers.info(`CMD_${service.toUpperCase()}`, 'worker');
    await until(async () => (await info()).num_ack_pending === 0, { what: 'the acknowledgement' });
    stop.abort();
    await taking;
    commander.close();
  });

  test("does nothing to another's streams, and takes none of its commands", async () => {
    const other = service === 'config' ? 'POLICY' : 'CONFIG';
    const bus = busOf(service);
    const manager = await bus.manager();
    const durable = { durable_name: 'worker' };
    const attempts: Readonly<Record<string, () => Promise<unknown>>> = {
      'purge events': () => manager.streams.purge(`EVT_${other}`),
      'purge commands': () => manager.streams.purge(`CMD_${other}`),
      'delete events': () => manager.streams.delete(`EVT_${other}`),
      'delete commands': () => manager.streams.delete(`CMD_${other}`),
      'delete an event': () => manager.streams.deleteMessage(`EVT_${other}`, 1),
      'see commands': () => manager.streams.getMessage(`CMD_${other}`, { seq: 1 }),
      'consume commands': () => manager.consumers.add(`CMD_${other}`, durable),
      'take commands': () => request(bus, `$JS.API.CONSUMER.MSG.NEXT.CMD_${other}.worker`),
      'take from the worker': () => manager.consumers.delete(`CMD_${other}`, 'worker'),
      'acknowledge commands': () => request(bus, `$JS.ACK.CMD_${other}.worker.1.1.1.1.0`),
      'make a stream of its own': () => manager.streams.add({ name: 'MINE', subjects: ['mine'] }),
    };
    for (const [name, attempt] of Object.entries(attempts)) {
      await expect(attempt(), name).rejects.toThrow('Permissions Violation for Publish');
    }
  });
});

test('nobody sees the answers to others, or the commands that they take', async () => {
  const seen: string[] = [];
  for (const bus of buses.values()) {
    const callback = (error: Error | null, message: { readonly subject: string }) => {
      if (!error) seen.push(message.subject);
    };
    bus.connection.subscribe('_INBOX.>', { callback });
    await bus.connection.flush();
  }
  const commander = createCommander(busOf('gateway'), 'inboxes');
  const { taking, stop } = take('config');
  const id = '00000000-0000-4000-8000-0000000000ff';
  expect(await commander.request(command('config', id), { timeoutMs: 10_000 })).toMatchObject({ status: 'DONE' });
  stop.abort();
  await taking;
  commander.close();
  busOf('operator').connection.publish('$JS.API.INFO', '', { reply: '_INBOX.its-own' });
  await until(() => seen.length > 0, { what: 'the answer to the operator' });
  expect(seen).toEqual(['_INBOX.its-own']);
});

test.each(services)('nobody else may listen where the answers to %s arrive', async (service) => {
  for (const [other, bus] of buses) {
    if (other === service) continue;
    const refused = Promise.withResolvers<unknown>();
    bus.connection.subscribe(`_INBOX_${service}.>`, { callback: (error) => refused.resolve(error) });
    expect(String(await refused.promise), other).toContain('Permissions Violation for Subscription');
  }
});

const request = (bus: Bus, subject: string) => bus.connection.request(subject, '', { timeout: 1_000 });
