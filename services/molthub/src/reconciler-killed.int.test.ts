// Two reconcilers, each a process of its own, while the real rollout moves bots in waves: whichever of them leads, is
// killed or freezes, each bot gets each version once, none is left out or in between, and the change set goes on.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startTestProcess, type TestProcess } from '@molthub/service/testing';
import { until, withNats, withPostgres } from '@molthub/testing';
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { type ApiUnderTest, openApi } from './api-under-test.ts';

const servers = { postgres: withPostgres(), nats: withNats() };
const leaseDurations = { lengthMs: 3_000, renewEveryMs: 900, tryEveryMs: 200 };
const count = 8;
vi.setConfig({ testTimeout: 240_000, hookTimeout: 120_000 });
let api: ApiUnderTest;
let home = '';
let database: Client;
let replicas: TestProcess[] = [];
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'molthub-replicas-'));
  // Migrated by one that is gone before the replicas come.
  api = await openApi(servers);
  await api.stop('reconciler');
  database = new Client({ connectionString: api.databaseUrlOf('reconciler') });
  await database.connect();
});
afterEach(async () => {
  for (const replica of replicas) replica.thaw();
  await Promise.all(replicas.map((replica) => replica.kill()));
  replicas = [];
});
afterAll(async () => {
  await database.end();
  await api.close();
  await rm(home, { recursive: true, force: true });
});

const ok = async (method: string, path: string, body?: unknown, status = 200) => {
  const answer = await api.call(method, `/api/v1${path}`, body === undefined ? {} : { body });
  expect(answer.status, `${method} ${path}: ${answer.text}`).toBe(status);
  return answer.body;
};
const lease = "select holder::text, expires_at > now() as held from reconciler.leases where name = 'job:reconcile'";
const leader = async () => {
  const [row] = (await database.query<{ holder: string; held: boolean }>(lease)).rows;
  return row?.held === true ? row.holder : '';
};
const start = async () => {
  const databaseUrl = api.databaseUrlOf('reconciler');
  const script = join(import.meta.dirname, 'reconciler-replica.ts');
  const replica = await startTestProcess(script, { databaseUrl, natsUrl: servers.nats.url, home, leaseDurations });
  replicas.push(replica);
  return replica;
};
/** The first that is started leads. */
const twoReplicas = async () => {
  await until(async () => (await leader()) === '', { what: 'the lease of the test before to end', timeoutMs: 20_000 });
  const first = await start();
  const holder = await until(leader, { what: 'it to lead', timeoutMs: 20_000 });
  await start();
  return { first, holder };
};
const otherLeads = (than: string) =>
  until(async () => !['', than].includes(await leader()), { what: 'the other one to lead', timeoutMs: 30_000 });

const manifestOf = (name: string, latencyMs: number) => ({
  apiVersion: 'molthub/v1',
  kind: 'MoltbotInstance',
  metadata: { name },
  spec: {
    runtime: { engine: 'simulated' },
    target: { kind: 'simulated' },
    // Long enough to be in the middle of when its process ends.
    config: { simulation: { latencyMs, applyMs: 200 } },
    healthCheck: { kind: 'engine', intervalS: 5, failuresMax: 1 },
  },
});
const Bots = z.object({
  items: z.array(z.object({ id: z.uuid(), name: z.string(), status: z.string(), observedHash: z.string().nullable() })),
});
const botsOf = async (fleetId: string) =>
  Bots.parse(await ok('GET', `/bot-instances?fleetId=${fleetId}&limit=100`)).items;

/** A change set of eight bots in three waves, under way. */
const begin = async (name: string) => {
  const auto = { mode: 'auto', strategy: { kind: 'ALL' } };
  const fleet = await ok('POST', '/fleets', { name, environment: 'dev', release: auto }, 201);
  const fleetId = z.uuid().parse(fleet['id']);
  for (let index = 0; index < count; index += 1) {
    const manifest = manifestOf(`${name}-${index}`, 1);
    await ok('POST', '/bot-instances', { fleetId, manifest }, 201);
  }
  await until(async () => (await botsOf(fleetId)).filter(({ status }) => status === 'RUNNING').length === count, {
    what: 'its bots to run',
    timeoutMs: 60_000,
  });
  await ok('PATCH', `/fleets/${fleetId}`, { release: { ...auto, mode: 'manual' } });
  for (const bot of await botsOf(fleetId)) {
    await ok('POST', `/bot-instances/${bot.id}/manifests`, { manifest: manifestOf(bot.name, 2) }, 201);
  }
  const strategy = { kind: 'CANARY', canary: { count: 1 }, steps: [50, 100], maxParallel: 2, bakeSeconds: 1 };
  const made = await ok('POST', '/change-sets', { name, targets: { fleetId }, strategy, reason: '' }, 201);
  const id = z.uuid().parse(made['id']);
  await ok('POST', `/change-sets/${id}/start`, {});
  return { id, fleetId };
};
type ChangeSet = Awaited<ReturnType<typeof begin>>;

const Status = z.object({
  status: z.string(),
  message: z.string(),
  progress: z.object({ updated: z.int(), failed: z.int() }),
});
const statusOf = async ({ id }: ChangeSet) => Status.parse(await ok('GET', `/change-sets/${id}/status`));
const inTheMiddle = (changeSet: ChangeSet, updated: number) =>
  until(async () => (await statusOf(changeSet)).progress.updated >= updated, {
    what: `${updated} bots to have it`,
    timeoutMs: 90_000,
  });

const Planned = z.object({
  items: z.array(z.object({ botInstanceId: z.uuid(), state: z.string(), after: z.object({ hash: z.string() }) })),
});
const Timeline = z.object({ items: z.array(z.object({ type: z.string(), data: z.record(z.string(), z.unknown()) })) });

/** Every bot was assigned and converged once for the change set, and runs what was planned. */
const expectWhole = async (changeSet: ChangeSet) => {
  const ended = await until(
    async () => {
      const now = await statusOf(changeSet);
      return ['SUCCEEDED', 'FAILED', 'PAUSED', 'ROLLED_BACK', 'ABORTED'].includes(now.status) && now;
    },
    { what: 'it to end', timeoutMs: 120_000 },
  );
  expect(ended).toMatchObject({ status: 'SUCCEEDED', progress: { updated: count, failed: 0 } });
  const { items } = Planned.parse(await ok('GET', `/change-sets/${changeSet.id}/plan?limit=100`));
  expect(items.map(({ state }) => state)).toEqual(Array.from({ length: count }, () => 'CONVERGED'));
  const now = new Map((await botsOf(changeSet.fleetId)).map(({ id, observedHash }) => [id, observedHash]));
  for (const { botInstanceId, after } of items) {
    expect(now.get(botInstanceId)).toBe(after.hash);
    const timeline = Timeline.parse(await ok('GET', `/bot-instances/${botInstanceId}/events?limit=500`)).items;
    const ofIt = timeline.filter(({ data }) => data['changeSetId'] === changeSet.id);
    const said = ofIt.map(({ type }) => type).filter((type) => type.startsWith('reconciler.bot.'));
    expect(said, botInstanceId).toEqual(['reconciler.bot.assigned.v1', 'reconciler.bot.converged.v1']);
  }
};

test.each([1, 5])('a reconciler that is killed after %i bots is replaced', async (updated) => {
  const { first, holder } = await twoReplicas();
  const changeSet = await begin(`killed-${updated}`);
  await inTheMiddle(changeSet, updated);
  await first.kill();
  await otherLeads(holder);
  await expectWhole(changeSet);
});

test('a reconciler that freezes past its lease does no harm when it thaws', async () => {
  const { first, holder } = await twoReplicas();
  const changeSet = await begin('frozen');
  await inTheMiddle(changeSet, 2);
  first.freeze();
  await otherLeads(holder);
  await inTheMiddle(changeSet, 4);
  first.thaw();
  await expectWhole(changeSet);
});
