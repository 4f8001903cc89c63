// The record on real servers: complete, once, in place, and refused where it was tampered with.
import { randomUUID } from 'node:crypto';
import { Actor, BotStopped, FleetCreated, type Recorded, republishBus } from '@molthub/contracts';
import { newEvent } from '@molthub/event-store/testing';
import type { RunningService } from '@molthub/service';
import { openTestCaller, silentService, startTestService } from '@molthub/service/testing';
import { until, withNats, withPostgres } from '@molthub/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { leafOf } from './entry.ts';
import { append, emptyFrontier, rootOf } from './merkle.ts';
import { record } from './record.ts';
import { audit } from './service.ts';
import { frontierAt, lockFrontier } from './tree.ts';

const postgres = withPostgres();
const nats = withNats();

let urls: { databaseUrl: string; natsUrl: string };
let config: RunningService;
let reconciler: RunningService;
let service: RunningService;
beforeAll(async () => {
  urls = { databaseUrl: (await postgres.createDatabase()).url, natsUrl: nats.url };
  config = await startTestService(silentService('config'), urls);
  reconciler = await startTestService(silentService('reconciler'), urls);
  service = await startTestService(audit(), urls);
});
afterAll(async () => {
  await Promise.all([config, reconciler, service].map((running) => running.stop()));
});

const fleetCreated = (description = '') =>
  newEvent(FleetCreated.type, {
    fleetId: randomUUID(),
    name: 'support',
    description,
    environment: 'dev',
    tags: {},
    release: { mode: 'auto', strategy: { kind: 'ALL' } },
  });
const stopped = (botId: string) =>
  newEvent(BotStopped.type, { botId, fleetId: randomUUID(), steps: [], reason: 'asked' });
const say = (running: RunningService, stream: string, ...events: ReturnType<typeof newEvent>[]) =>
  running.log.commit({ streams: [{ stream, expected: 'any', events }] });

const count = async () => {
  const [row] = await service.log.reads<{ entries: number }>('select count(*)::int as entries from entries');
  return row?.entries ?? 0;
};
const hasEntries = (wanted: number) =>
  until(async () => (await count()) >= wanted, { what: `${wanted} entries`, timeoutMs: 30_000 });

const Row = z.object({
  sequence: z.coerce.number(),
  workspace: z.string(),
  id: z.string(),
  time: z.date(),
  actor: Actor,
  action: z.string(),
  outcome: z.enum(['ACCEPTED', 'REFUSED', 'DENIED']),
  resource_type: z.string(),
  resource_id: z.string(),
  diff: z.unknown(),
  correlation_id: z.string(),
  causation_id: z.string().nullable(),
  event_id: z.string(),
  source: z.string(),
  hash: z.string(),
});
const rows = async () =>
  z.array(Row).parse(await service.log.reads('select * from audit_read.entries order by sequence'));

/** Everything an auditor checks without the proofs: no gap, every leaf from its row alone, and the root of them all. */
const expectIntact = async () => {
  const entries = await rows();
  expect(entries.map(({ sequence }) => sequence)).toEqual(entries.map((_, at) => at));
  const leaves = entries.map((row) =>
    leafOf(
      {
        workspace: row.workspace,
        id: row.id,
        time: row.time.toISOString(),
        actor: row.actor,
        action: row.action,
        outcome: row.outcome,
        resource: { type: row.resource_type, id: row.resource_id },
        diff: row.diff,
        correlationId: row.correlation_id,
        causationId: row.causation_id,
        eventId: row.event_id,
        source: row.source,
      },
      row.sequence,
    ),
  );
  expect(leaves.map((leaf) => leaf.toString('hex'))).toEqual(entries.map(({ hash }) => hash));
  const stored = await service.runtime.write(lockFrontier);
  expect(rootOf(stored)).toEqual(rootOf(append(emptyFrontier, leaves).frontier));
  return leaves;
};

test('every event of every service is one leaf, also where two services name their streams alike', async () => {
  const before = await count();
  const botId = randomUUID();
  await Promise.all([
    ...Array.from({ length: 150 }, () => say(config, `fleet-${randomUUID()}`, fleetCreated(), fleetCreated())),
    ...Array.from({ length: 150 }, () => say(reconciler, `bot-${randomUUID()}`, stopped(randomUUID()))),
    say(config, `bot-${botId}`, fleetCreated(), fleetCreated(), fleetCreated()),
    say(reconciler, `bot-${botId}`, stopped(botId)),
  ]);
  await hasEntries(before + 454);
  expect(await count()).toBe(before + 454);
  await expectIntact();
});

test('a leaf can be computed again from its row, whatever numbers and texts the event held', async () => {
  const before = await count();
  const odd = { a: 1e21, b: 0.1, c: -0, d: 1e-7, e: 'ü\u2028\u{1F600}', f: [null, true, {}], '': 1, __proto__x: 2 };
  const { data } = fleetCreated();
  const event = newEvent(FleetCreated.type, { ...z.record(z.string(), z.unknown()).parse(data), odd });
  await say(config, `fleet-${randomUUID()}`, event);
  await hasEntries(before + 1);
  await expectIntact();
});

test('a secret never gets into the record', async () => {
  const before = await count();
  await say(config, `fleet-${randomUUID()}`, fleetCreated('the key is sk-abcdefghijklmnopqrstuvwxyz'));
  await hasEntries(before + 1);
  expect((await rows()).at(-1)?.diff).toMatchObject({ name: 'support', description: '[redacted]' });
});

test('an event that comes again, in the same batch or later, changes nothing', async () => {
  const before = await count();
  const events: Recorded[] = [fleetCreated(), fleetCreated()].map((event, at) => ({
    ...event,
    stream: `fleet-${randomUUID()}`,
    version: at + 1,
    log: { epoch: 1, tx: 1n, position: 1n },
  }));
  await service.runtime.write((sql) => record([...events, ...events], sql));
  await service.runtime.write((sql) => record(events, sql));
  expect(await count()).toBe(before + 2);
  await expectIntact();
});

test('what happened while audit was down is recorded later, and a bus sent again adds nothing', async () => {
  const before = await count();
  await service.stop();
  await Promise.all(
    Array.from({ length: 40 }, () => say(config, `fleet-${randomUUID()}`, fleetCreated(), fleetCreated())),
  );
  service = await startTestService(audit(), urls);
  await hasEntries(before + 80);
  const caller = await openTestCaller(nats.url);
  expect(await caller.send(republishBus('config'), { fromPosition: 0 })).toMatchObject({ status: 'DONE' });
  await caller.close();
  await say(config, `fleet-${randomUUID()}`, fleetCreated());
  // What was done to the bus is an entry too.
  await hasEntries(before + 82);
  expect(await count()).toBe(before + 82);
  await expectIntact();
});

test('the root of every earlier size can be had from what is stored', async () => {
  const events = Array.from(
    { length: 700 },
    (): Recorded => ({
      ...fleetCreated(),
      stream: `fleet-${randomUUID()}`,
      version: 1,
      log: { epoch: 1, tx: 1n, position: 1n },
    }),
  );
  await service.runtime.write((sql) => record(events, sql));
  const leaves = await expectIntact();
  for (const size of [0, 1, 255, 256, 257, 511, 512, 513, leaves.length]) {
    const frontier = await frontierAt(size, service.log.reads);
    expect(rootOf(frontier), String(size)).toEqual(rootOf(append(emptyFrontier, leaves.slice(0, size)).frontier));
  }
});

test('nothing is appended to a record that was changed behind our back', async () => {
  const before = await count();
  await service.stop();
  await config.log.reads(`update audit.entries set hash = decode(repeat('00', 32), 'hex') where sequence = $1`, [
    before - 1,
  ]);
  service = await startTestService(audit(), urls);
  const stream = `fleet-${randomUUID()}`;
  await say(config, stream, fleetCreated());
  const [parked] = await until(
    async () => {
      const found = await service.log.reads<{ error: string }>('select error from parked where key = $1', [stream]);
      return found.length > 0 && found;
    },
    { what: 'the event to be parked' },
  );
  expect(parked?.error).toMatch(/does not match its stored entries/);
  expect(await count()).toBe(before);
});
