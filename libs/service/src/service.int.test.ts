// The running parts together on real servers: two small services made of real contracts.
import { randomUUID } from 'node:crypto';
import { CreateFleet, FleetCreated, FleetHealthChanged, ReportFleet } from '@molthub/contracts';
import { Rejected } from '@molthub/decider';
import { projection, when } from '@molthub/event-store';
import { until, withNats, withPostgres } from '@molthub/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { aggregate, asIs, intend, on, type ServiceDefinition } from './definition.ts';
import type { RunningService } from './start.ts';
import { openTestCaller, startTestService, type TestCaller } from './testing.ts';

const postgres = withPostgres();
const nats = withNats();

const fleets = aggregate({
  category: 'fleet',
  commands: [CreateFleet],
  events: [FleetCreated],
  id: (command) => command.data.fleetId,
  prepare: asIs,
  decider: {
    initial: { exists: false },
    decide: (command, state) => {
      if (state.exists) return [];
      if (command.data.name === 'forbidden') throw new Rejected('config.forbidden', 'Choose another name.');
      const { fleetId, name, description, environment, tags } = command.data;
      const release = { mode: 'auto', strategy: { kind: 'ALL' } } as const;
      return [{ type: FleetCreated.type, data: { fleetId, name, description, environment, tags, release } }];
    },
    evolve: () => ({ exists: true }),
  },
});

const config: ServiceDefinition = {
  name: 'config',
  migrations: [],
  aggregates: [fleets],
  projections: [
    projection({
      name: 'fleets',
      revision: 1,
      tables: 'create table fleets (id uuid primary key, name text not null, constraint fleets_name unique (name))',
      views: { fleets: 'select id, name from fleets' },
      handlers: [
        when(FleetCreated, (event, sql) =>
          sql('insert into fleets (id, name) values ($1, $2)', [event.data.fleetId, event.data.name]),
        ),
      ],
      rejects: { fleets_name: () => new Rejected('config.fleet-name-taken', 'Choose a name that is free.') },
    }),
  ],
  reactions: [],
  listeners: [],
  queries: [],
  jobs: [],
};

const counts = { healthy: 0, degraded: 0, unhealthy: 0, unknown: 1 };
let poison = '';
const health: ServiceDefinition = {
  name: 'health',
  migrations: [
    { name: '0001-seen', sql: 'create table seen (fleet_id uuid primary key, times integer not null default 1)' },
  ],
  aggregates: [
    aggregate({
      category: 'fleet',
      commands: [ReportFleet],
      events: [FleetHealthChanged],
      id: (command) => command.data.fleetId,
      prepare: asIs,
      decider: {
        initial: 0,
        decide: (command) => {
          if (command.data.fleetId === poison) throw new Error('poison');
          const { fleetId } = command.data;
          return [{ type: FleetHealthChanged.type, data: { fleetId, status: 'UNKNOWN' as const, counts } }];
        },
        evolve: (state) => state + 1,
      },
    }),
  ],
  projections: [
    projection({
      name: 'fleets',
      revision: 1,
      tables: 'create table fleets (fleet_id uuid primary key, changes integer not null)',
      views: { fleets: 'select fleet_id, changes from fleets' },
      handlers: [
        when(FleetHealthChanged, (event, sql) =>
          sql(
            `insert into fleets as f (fleet_id, changes) values ($1, 1)
             on conflict (fleet_id) do update set changes = f.changes + 1`,
            [event.data.fleetId],
          ),
        ),
      ],
    }),
  ],
  reactions: [on(FleetCreated, 'count', (event) => [intend(ReportFleet, { fleetId: event.data.fleetId, counts })])],
  listeners: [
    {
      name: 'seen',
      sources: ['config'],
      types: [FleetCreated.type],
      apply: async (events, sql) => {
        for (const event of events) {
          const { fleetId } = FleetCreated.data.parse(event.data);
          await sql(
            'insert into seen as s (fleet_id) values ($1) on conflict (fleet_id) do update set times = s.times + 1',
            [fleetId],
          );
        }
      },
    },
  ],
  queries: [],
  jobs: [],
};

let urls: { databaseUrl: string; natsUrl: string };
let running: RunningService[] = [];
let caller: TestCaller;
beforeAll(async () => {
  urls = { databaseUrl: (await postgres.createDatabase()).url, natsUrl: nats.url };
  running = [await startTestService(config, urls), await startTestService(health, urls)];
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
  const codes = results.map((r) => (r?.status === 'REFUSED' ? r.code : r?.status)).sort();
  expect(codes).toEqual(['DONE', 'DONE', 'DONE', 'config.fleet-name-taken']);
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
  const { retryParked } = await import('@molthub/contracts');
  expect(await caller.send(retryParked('health'), { parkedId: parked.id })).toEqual({
    status: 'DONE',
    result: { done: 1 },
  });
  expect(await changesOf(bad.fleetId)).toBe(1);
});

test('a rebuilt read model equals the one that served, and goes on from there', async () => {
  const { rebuildProjection } = await import('@molthub/contracts');
  const before = await running[0]?.log.reads('select id, name from fleets order by id');
  expect(await caller.send(rebuildProjection('config'), { name: 'fleets' })).toMatchObject({ status: 'DONE' });
  expect(await running[0]?.log.reads('select id, name from fleets order by id')).toEqual(before);
  await caller.send(CreateFleet, fleet('after-the-rebuild'));
  const rows = await running[0]?.log.reads('select name from config_read.fleets');
  expect(rows?.length).toBe((before?.length ?? 0) + 1);
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
