// Two replicas of rollout: whichever of them leads, is killed or freezes, each bot is released once and none is left out.
import { PauseChangeSet, ResumeChangeSet } from '@molthub/contracts';
import type { TestProcess } from '@molthub/service/testing';
import { until, withNats, withPostgres } from '@molthub/testing';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { type BotsUnderTest, type Fleet, openBots } from './bots-under-test.ts';
import { startReplica } from './replica-under-test.ts';

const postgres = withPostgres();
const nats = withNats();
const leaseDurations = { lengthMs: 3_000, renewEveryMs: 900, tryEveryMs: 200 };
vi.setConfig({ testTimeout: 120_000 });
let urls: { readonly databaseUrl: string; readonly natsUrl: string };
let world: BotsUnderTest;
let replicas: TestProcess[] = [];
/** Who led at the end of the test before. */
let lastHolder = '';
beforeAll(async () => {
  urls = { databaseUrl: (await postgres.createDatabase()).url, natsUrl: nats.url };
  world = await openBots(urls);
});
afterEach(async () => {
  for (const replica of replicas) replica.thaw();
  await Promise.all(replicas.map((replica) => replica.kill()));
  replicas = [];
  lastHolder = await leaderOf();
});
afterAll(() => world.stop());

const started = async (): Promise<TestProcess> => {
  const replica = await startReplica({ ...urls, sweepMs: 500, leaseDurations });
  replicas.push(replica);
  return replica;
};
const leaderOf = async () =>
  String((await world.rows("select holder from rollout.leases where name = 'job:advance'", []))[0]?.['holder'] ?? '');
/** The first that is started leads. */
const twoReplicas = async () => {
  const leader = await started();
  await until(async () => ![lastHolder, ''].includes(await leaderOf()), { what: 'it to lead', timeoutMs: 20_000 });
  await started();
  return { leader, holder: await leaderOf() };
};
const otherLeads = (than: string) =>
  until(async () => (await leaderOf()) !== than, { what: 'the other one to lead', timeoutMs: 30_000 });

const inWaves = { kind: 'CANARY' as const, canary: { count: 1 }, steps: [50, 100], maxParallel: 2, bakeSeconds: 1 };
const released = async (changeSetId: string) =>
  (await world.facts(changeSetId))
    .filter(({ type }) => type === 'rollout.bot.released.v1')
    .map(({ stream_id }) => stream_id);
/** Each bot once, each wave once and after the one before. */
const expectWhole = async (changeSetId: string, count: number) => {
  const all = await released(changeSetId);
  expect([all.length, new Set(all).size]).toEqual([count, count]);
  const course = (await world.facts(changeSetId)).map(({ type }) => String(type).replace(/^rollout\.|\.v1$/g, ''));
  expect(course.filter((type) => type.startsWith('wave.'))).toEqual(
    [0, 1, 2].flatMap(() => ['wave.started', 'wave.settled', 'wave.passed']),
  );
  expect(await world.row(changeSetId)).toMatchObject({ status: 'SUCCEEDED', updated: count, failed: 0, skipped: 0 });
};
const inTheMiddle = (fleet: Fleet, changeSetId: string, count: number) =>
  world.untilIt(`${count} bots to be released`, async () => {
    if ((await released(changeSetId)).length >= count) return true;
    await world.serve(fleet, changeSetId);
    return false;
  });

test('a leader that is killed in the middle of a wave is replaced, and the change set goes on to its end', async () => {
  const { leader, holder } = await twoReplicas();
  const fleet = await world.makeFleet(8);
  const changeSetId = await world.start(fleet, inWaves);
  await inTheMiddle(fleet, changeSetId, 2);
  await leader.kill();
  await otherLeads(holder);
  await world.untilStatus(fleet, changeSetId, 'SUCCEEDED');
  await expectWhole(changeSetId, 8);
});

test('a leader that freezes past its lease does no harm when it thaws', async () => {
  const { leader, holder } = await twoReplicas();
  const fleet = await world.makeFleet(8);
  const changeSetId = await world.start(fleet, inWaves);
  await inTheMiddle(fleet, changeSetId, 3);
  leader.freeze();
  await otherLeads(holder);
  await inTheMiddle(fleet, changeSetId, 5);
  leader.thaw();
  await world.untilStatus(fleet, changeSetId, 'SUCCEEDED');
  await expectWhole(changeSetId, 8);
});

test('what is paused while its leader is gone is released by nobody, and goes on when it is resumed', async () => {
  const { leader, holder } = await twoReplicas();
  const fleet = await world.makeFleet(8);
  const changeSetId = await world.start(fleet, inWaves);
  await inTheMiddle(fleet, changeSetId, 2);
  leader.freeze();
  expect(await world.caller.send(PauseChangeSet, { changeSetId, reason: '' })).toMatchObject({ status: 'DONE' });
  await otherLeads(holder);
  leader.thaw();
  await world.serve(fleet, changeSetId);
  await world.untilIt('those on their way to settle', async () =>
    (await world.bots(changeSetId)).every(({ state }) => state !== 'RELEASED'),
  );
  const pausedAt = (await world.facts(changeSetId)).findLastIndex(
    ({ type }) => type === 'rollout.change-set.paused.v1',
  );
  const since = (await world.facts(changeSetId)).slice(pausedAt).map(({ type }) => type);
  expect(since).not.toContain('rollout.bot.released.v1');
  expect(await world.caller.send(ResumeChangeSet, { changeSetId, reason: '' })).toMatchObject({ status: 'DONE' });
  await world.untilStatus(fleet, changeSetId, 'SUCCEEDED');
  await expectWhole(changeSetId, 8);
});
