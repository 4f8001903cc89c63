// The running parts together on real servers: two small services made of real contracts.
import { randomUUID } from 'node:crypto';
import { eventSubject, toMessage } from '@molthub/bus';
import { CreateFleet, FleetCreated, rebuildProjection, retryParked, UpdateFleet } from '@molthub/contracts';
import type { Projection } from '@molthub/event-store';
import { cancelRebuild, rebuild } from '@molthub/projections';
import { until, withNats, withPostgres } from '@molthub/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sampleConfig, sampleHealth } from './sample-services.ts';
import type { RunningService } from './start.ts';
import { openTestCaller, startTestService, type TestCaller } from './testing.ts';

const postgres = withPostgres();
const nats = withNats();

let poison = '';
const health = sampleHealth((fleetId) => fleetId === poison);
let urls: { databaseUrl: string; natsUrl: string };
let running: RunningService[] = [];
let caller: TestCaller;
beforeAll(async () => {
  urls = { databaseUrl: (await postgres.createDatabase()).url, natsUrl: nats.url };
  running = [await startTestService(sampleConfig, urls), await startTestService(health, urls)];
  caller = await openTestCaller(nats.url);
});
afterAll(async () => {
  await caller.close();
  await Promise.all(running.map((service) => service.stop()));
});

const fleet = (name: string, fleetId: string = randomUUID()) => ({
  fleetId,
  name,
  environment: 'dev' as const,
  description: '',
  tags: {},
});
const config = (): RunningService => {
  const [service] = running;
  if (!service) throw new Error('No service runs.');
  return service;
};
const changesOf = async (fleetId: string) => {
  const rows = await running[1]?.log.reads<{ changes: number }>('select changes from fleets where fleet_id = $1', [
    fleetId,
  ]);
  return rows?.[0]?.changes;
};

test('a command is done once it is committed, and its reader sees it', async () => {
  const data = fleet('first');
  const outcome = await caller.send(CreateFleet, data);
  expect(outcome).toEqual({ status: 'DONE', result: { version: 1 } });
  const rows = await running[0]?.log.reads('select name from config_read.fleets where id = $1', [data.fleetId]);
  expect(rows).toEqual([{ name: 'first' }]);
});

test('a refusal is told with its code, and the same id gets the same outcome again', async () => {
  const id = randomUUID();
  const data = fleet('forbidden');
  const refused = await caller.send(CreateFleet, data, { id });
  expect(refused).toMatchObject({ status: 'REFUSED', code: 'config.forbidden' });
  expect(await caller.send(CreateFleet, data, { id })).toEqual(refused);
});

test('a taken name is refused by the read model, and only that command', async () => {
  const results = await Promise.all(
    ['twice', 'twice', 'other-a', 'other-b'].map((name) => caller.send(CreateFleet, fleet(name))),
  );
  expect(results.filter((r) => r?.status === 'DONE')).toHaveLength(3);
  expect(results.filter((r) => r?.status === 'REFUSED')).toMatchObject([{ code: 'config.fleet-name-taken' }]);
});

test("another service's reaction and listener see an event, each once", async () => {
  const data = fleet('watched');
  await caller.send(CreateFleet, data);
  await until(async () => (await changesOf(data.fleetId)) === 1, { what: 'the reaction' });
  await until(
    async () => (await running[1]?.log.reads('select 1 from seen where fleet_id = $1', [data.fleetId]))?.length === 1,
    { what: 'the listener' },
  );
});

test('a parked key holds back nothing else, and goes on after a retry', async () => {
  const bad = fleet('poisoned');
  poison = bad.fleetId;
  await caller.send(CreateFleet, bad);
  const good = fleet('after-the-poison');
  await caller.send(CreateFleet, good);
  await until(async () => (await changesOf(good.fleetId)) === 1, { what: 'the event after the poison' });
  const parked = await until(
    async () => {
      const rows = await running[1]?.log.reads<{ id: string; key: string }>('select id, key from parked');
      return rows?.find((row) => row.key === `fleet-${bad.fleetId}`);
    },
    { what: 'the parked key', timeoutMs: 20_000 },
  );
  poison = '';
  expect(await caller.send(retryParked('health'), { parkedId: parked.id })).toEqual({
    status: 'DONE',
    result: { done: 1, failed: null },
  });
  expect(await changesOf(bad.fleetId)).toBe(1);
});

test('a rebuilt read model equals the one that served, and goes on from there', async () => {
  const before = await running[0]?.log.reads('select id, name from fleets order by id');
  expect(await caller.send(rebuildProjection('config'), { name: 'fleets' })).toMatchObject({ status: 'DONE' });
  expect(await running[0]?.log.reads('select id, name from fleets order by id')).toEqual(before);
  await caller.send(CreateFleet, fleet('after-the-rebuild'));
  const rows = await running[0]?.log.reads('select name from config_read.fleets');
  expect(rows?.length).toBe((before?.length ?? 0) + 1);
});

test('a second rebuild of a read model is refused while the first runs', async () => {
  const { log } = config();
  const gate = Promise.withResolvers<void>();
  const slow: Projection = {
    name: 'slow',
    revision: 1,
    tables: 'create table slow_fleets (id uuid primary key)',
    views: {},
    types: new Set([FleetCreated.type]),
    apply: () => gate.promise,
  };
  const { signal } = new AbortController();
  const first = rebuild(log, slow, { signal });
  const status = () => log.reads("select 1 from projections where name = 'slow' and status = 'REBUILDING'");
  await until(async () => (await status()).length === 1, { what: 'the first rebuild' });
  await expect(rebuild(log, slow, { signal })).rejects.toThrow('is being rebuilt already');
  gate.resolve();
  await first;
});

test('a rebuild can be cancelled until it switches; the old one goes on serving', async () => {
  const { log } = config();
  const gate = Promise.withResolvers<void>();
  const slow: Projection = {
    name: 'cancelled',
    revision: 1,
    tables: 'create table cancelled_fleets (id uuid primary key)',
    views: {},
    types: new Set([FleetCreated.type]),
    apply: () => gate.promise,
  };
  const row = async () =>
    (await log.reads("select status, generation from projections where name = 'cancelled'"))[0] ?? {};
  const shadows = () => log.reads("select 1 from pg_namespace where nspname = 'config__cancelled_2'");
  const { signal } = new AbortController();
  expect(await cancelRebuild(log, 'cancelled')).toBe(false);
  await rebuild(log, { ...slow, apply: async () => undefined }, { signal });
  const second = rebuild(log, slow, { signal });
  await until(async () => (await row())['status'] === 'REBUILDING', { what: 'the second rebuild' });
  expect(await cancelRebuild(log, 'cancelled')).toBe(true);
  gate.resolve();
  await expect(second).rejects.toThrow('was cancelled');
  expect(await row()).toEqual({ status: 'SERVING', generation: 1 });
  expect(await shadows()).toEqual([]);
});

test('a decision made of what another replica has changed since is made again, also a refusal', async () => {
  const replica = await startTestService(sampleConfig, urls);
  const data = fleet('of-two-replicas');
  const workspace = 'default';
  const update = { fleetId: data.fleetId, description: 'newer' };
  const missing = await replica.runtime.execute(UpdateFleet, update, { workspace });
  expect(missing).toMatchObject({ status: 'REFUSED', code: 'config.fleet-not-found' });
  await config().runtime.execute(CreateFleet, data, { workspace });
  expect(await replica.runtime.execute(UpdateFleet, update, { workspace })).toMatchObject({ status: 'DONE' });
  await replica.stop();
});

test('what cannot be read is parked even where its error quotes what Postgres does not store', async () => {
  const data = fleet('quoted');
  await caller.send(CreateFleet, data);
  const [event] = await config().log.readStream(`fleet-${data.fleetId}`);
  if (!event) throw new Error('The fleet has no event.');
  const { headers } = toMessage(event);
  await caller.bus.js.publish(eventSubject('default', FleetCreated.type), '\u0000', { headers });
  const parked = "select error from parked where type = 'undecodable'";
  await until(async () => (await running[1]?.log.reads(parked))?.length === 2, { what: 'one row for each reader' });
});

test('a restart of both servers loses nothing that was acknowledged', async () => {
  const sent: string[] = [];
  const some = async (prefix: string) => {
    const all = Array.from({ length: 40 }, (_, i) => fleet(`${prefix}-${i}`));
    const results = await Promise.all(all.map((data) => caller.send(CreateFleet, data, { timeoutMs: 30_000 })));
    results.forEach((r, i) => {
      if (r?.status === 'DONE') sent.push(all[i]?.fleetId ?? '');
    });
  };
  const one = some('before');
  await nats.kill();
  await one;
  const two = some('during');
  await postgres.kill();
  await two;
  expect(sent).toHaveLength(80);
  await until(
    async () => {
      const counted = await Promise.all(sent.map(changesOf));
      return counted.every((count) => count === 1);
    },
    { what: 'every reaction, once', timeoutMs: 30_000 },
  );
}, 90_000);
