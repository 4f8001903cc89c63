// Everything is killed in the middle of waves, and started again: no bot is touched twice, skipped or left in between.
import { until } from '@molthub/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { getBot, isConverged, makeBot, makeFleet, simulatedManifest, untilBot } from './src/bots.ts';
import { type Molthub, prepareMolthub } from './src/molthub.ts';
import { type Bot, Fleet } from './src/shapes.ts';

const count = 15;
let molthub: Molthub;
let fleetId = '';
let bots: Bot[] = [];
beforeAll(async () => {
  molthub = await prepareMolthub({ MOLTHUB_PROBE_INTERVAL_MS: '1000' });
  await molthub.start();
  fleetId = Fleet.parse(await makeFleet(molthub, 'killed')).id;
  const made: Bot[] = [];
  for (let index = 0; index < count; index += 1) {
    made.push(await makeBot(molthub, fleetId, simulatedManifest(`bot-${index}`)));
  }
  bots = await Promise.all(made.map(({ id }) => untilBot(molthub, id, 'converged', isConverged)));
  const release = { mode: 'manual', strategy: { kind: 'ALL' } };
  expect((await molthub.call('PATCH', `/fleets/${fleetId}`, { release })).status).toBe(200);
}, 300_000);
afterAll(async () => {
  await molthub.stop();
  await molthub.remove();
}, 120_000);

const Created = z.object({ id: z.uuid(), waves: z.array(z.object({ botInstanceIds: z.array(z.uuid()) })) });
const Status = z.object({ status: z.string(), currentWave: z.int().nullable() });
const Planned = z.object({
  items: z.array(
    z.object({ botInstanceId: z.uuid(), state: z.string(), after: z.object({ hash: z.string() }), wave: z.int() }),
  ),
});
const Events = z.object({
  items: z.array(z.object({ type: z.string(), stream: z.string(), data: z.record(z.string(), z.unknown()) })),
});

const get = async (path: string) => {
  const answer = await molthub.call('GET', path);
  expect(answer.status, JSON.stringify(answer.body)).toBe(200);
  return answer.body;
};

test('a change set that is killed with everything in three of its waves ends as planned', async () => {
  for (const [index, { id }] of bots.entries()) {
    const manifest = simulatedManifest(`bot-${index}`, { latencyMs: 9 });
    expect((await molthub.call('POST', `/bot-instances/${id}/manifests`, { manifest })).status).toBe(201);
  }
  const strategy = { kind: 'PERCENTAGE', steps: [20, 40, 60, 80, 100], bakeSeconds: 1 };
  const created = await molthub.call('POST', '/change-sets', { name: 'killed', targets: { fleetId }, strategy });
  expect(created.status, JSON.stringify(created.body)).toBe(201);
  const changeSet = Created.parse(created.body);
  expect(changeSet.waves.map(({ botInstanceIds }) => botInstanceIds.length)).toEqual([3, 3, 3, 3, 3]);
  expect((await molthub.call('POST', `/change-sets/${changeSet.id}/start`, {})).status).toBe(200);
  const status = async () => Status.parse(await get(`/change-sets/${changeSet.id}/status`));

  for (const wave of [0, 1, 3]) {
    await until(async () => ((await status()).currentWave ?? -1) >= wave, {
      what: `wave ${wave}`,
      timeoutMs: 120_000,
      everyMs: 20,
    });
    await molthub.kill();
    await molthub.start();
  }
  await until(async () => (await status()).status === 'SUCCEEDED', { what: 'it to succeed', timeoutMs: 180_000 });

  const { items: planned } = Planned.parse(await get(`/change-sets/${changeSet.id}/plan?limit=100`));
  expect(planned.map(({ state }) => state)).toEqual(Array.from({ length: count }, () => 'CONVERGED'));
  for (const { botInstanceId, after } of planned) {
    expect(await getBot(molthub, botInstanceId)).toMatchObject({ observedHash: after.hash, status: 'RUNNING' });
  }
  const { items: events } = Events.parse(await get(`/change-sets/${changeSet.id}/events?limit=500`));
  const released = events.filter(({ type }) => type === 'rollout.bot.released.v1');
  expect(new Set(released.map(({ data }) => data['botId'])).size).toBe(count);
  expect(released).toHaveLength(count);
  const course = events.filter(({ type }) => /wave\.(started|settled|passed)/.test(type));
  expect(course.map(({ type, data }) => `${String(data['wave'])} ${type.split('.')[2]}`)).toEqual(
    [0, 1, 2, 3, 4].flatMap((wave) => ['started', 'settled', 'passed'].map((step) => `${wave} ${step}`)),
  );
}, 600_000);
