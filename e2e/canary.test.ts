// Three real OpenClaw bots, one of them the canary: a change that is well moves all, one that hangs moves back.
import { until } from '@molthub/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { getBot, isConverged, makeBot, makeFleet, openclawManifest, untilBot, untilGone } from './src/bots.ts';
import { type Molthub, prepareMolthub } from './src/molthub.ts';
import { type Bot, Fleet } from './src/shapes.ts';

const version = '2026.9.6';
const names = ['ada', 'ben', 'cleo'] as const;

let molthub: Molthub;
let fleetId = '';
let bots: Bot[] = [];
beforeAll(async () => {
  molthub = await prepareMolthub({ MOLTHUB_PROBE_INTERVAL_MS: '5000' });
  await molthub.start();
  fleetId = Fleet.parse(await makeFleet(molthub, 'canary')).id;
  const made: Bot[] = [];
  for (const name of names) {
    const bot = await makeBot(molthub, fleetId, openclawManifest(name, version, { logging: { level: 'info' } }));
    made.push(bot);
  }
  bots = await Promise.all(
    made.map(({ id }) => untilBot(molthub, id, 'healthy', (b) => isConverged(b) && b.health === 'HEALTHY', 600_000)),
  );
  const release = { mode: 'manual', strategy: { kind: 'ALL' } };
  expect((await molthub.call('PATCH', `/fleets/${fleetId}`, { release })).status).toBe(200);
}, 900_000);
afterAll(async () => {
  const pids = await Promise.all(bots.map(async ({ id }) => (await getBot(molthub, id)).target.endpoint?.pid));
  for (const { id } of bots) await molthub.call('DELETE', `/bot-instances/${id}`);
  for (const pid of pids) if (pid) await untilGone(pid);
  await molthub.stop();
  await molthub.remove();
}, 180_000);

const ChangeSet = z.object({
  id: z.uuid(),
  waves: z.array(z.object({ botInstanceIds: z.array(z.uuid()) })),
});
const Status = z.object({ status: z.string(), currentWave: z.int().nullable(), message: z.string() });

/** Publishes a level for all three, plans one canary before the rest, and starts. */
const roll = async (level: string, bakeSeconds: number) => {
  for (const [index, { id }] of bots.entries()) {
    const manifest = openclawManifest(names[index] ?? '', version, { logging: { level } });
    expect((await molthub.call('POST', `/bot-instances/${id}/manifests`, { manifest })).status).toBe(201);
  }
  const strategy = { kind: 'CANARY', canary: { count: 1 }, steps: [100], bakeSeconds };
  const created = await molthub.call('POST', '/change-sets', { name: level, targets: { fleetId }, strategy });
  expect(created.status, JSON.stringify(created.body)).toBe(201);
  const changeSet = ChangeSet.parse(created.body);
  const [canaryId = ''] = changeSet.waves[0]?.botInstanceIds ?? [];
  expect(changeSet.waves.map(({ botInstanceIds }) => botInstanceIds.length)).toEqual([1, 2]);
  expect((await molthub.call('POST', `/change-sets/${changeSet.id}/start`, {})).status).toBe(200);
  return { id: changeSet.id, canaryId };
};
const statusOf = async (id: string) => Status.parse((await molthub.call('GET', `/change-sets/${id}/status`)).body);
const hasStatus = (id: string, status: string) =>
  until(async () => (await statusOf(id)).status === status && statusOf(id), {
    what: `change set ${id} to be ${status}`,
    timeoutMs: 240_000,
  });
const observed = async () =>
  new Map(await Promise.all(bots.map(async ({ id }) => [id, (await getBot(molthub, id)).observedHash] as const)));

test('a real canary moves first, and the others once it has baked', async () => {
  const before = await observed();
  const { id, canaryId } = await roll('debug', 10);
  await until(async () => (await observed()).get(canaryId) !== before.get(canaryId), {
    what: 'the canary to run what is new',
    timeoutMs: 120_000,
  });
  const others = bots.map((bot) => bot.id).filter((botId) => botId !== canaryId);
  const while0 = await observed();
  if ((await statusOf(id)).currentWave === 0) {
    expect(others.map((botId) => while0.get(botId))).toEqual(others.map((botId) => before.get(botId)));
  }
  await hasStatus(id, 'SUCCEEDED');
  const after = await observed();
  expect(bots.filter((bot) => after.get(bot.id) === before.get(bot.id))).toEqual([]);
}, 400_000);

test('a real canary that hangs goes back by itself, and the others never change', async () => {
  const before = await observed();
  const { id, canaryId } = await roll('trace', 600);
  await until(async () => (await observed()).get(canaryId) !== before.get(canaryId), {
    what: 'the canary to run what is new',
    timeoutMs: 120_000,
  });
  const pid = (await getBot(molthub, canaryId)).target.endpoint?.pid ?? 0;
  expect(pid).toBeGreaterThan(0);
  process.kill(pid, 'SIGSTOP');
  const { message } = await hasStatus(id, 'ROLLED_BACK');
  expect(message).toBe('1 bot restored');
  expect(await observed()).toEqual(before);
}, 400_000);
