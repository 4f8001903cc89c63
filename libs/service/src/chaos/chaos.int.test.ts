// Faults under 200 commands a second: no acknowledged command is lost, none takes effect twice, every read model is the
// fold of its log, and the bus holds what the log holds.
import { rm } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { dice } from '@molthub/event-store/order-harness';
import { withNats, withPostgres } from '@molthub/testing';
import { afterEach, expect, test, vi } from 'vitest';
import { sampleHealth } from '../sample-services.ts';
import { copyLog, epochsOf } from './copy-log.ts';
import { type Load, type SentCommand, startLoad } from './load.ts';
import { type SampleProcess, startSampleProcess } from './sample-process.ts';
import { settle } from './settle.ts';

const postgres = withPostgres();
const otherPostgres = withPostgres();
const nats = withNats();
const leaseDurations = { lengthMs: 3_000, renewEveryMs: 900, tryEveryMs: 200 };

/** Each takes 5 to 20 s; a machine that is busy otherwise is given its time. */
vi.setConfig({ testTimeout: 300_000 });

let processes: SampleProcess[] = [];
afterEach(async () => {
  for (const one of processes) one.thaw();
  await Promise.all(processes.map((one) => one.kill()));
  processes = [];
});

const newUrls = async () => ({ databaseUrl: (await postgres.createDatabase()).url, natsUrl: nats.url });
type Urls = Awaited<ReturnType<typeof newUrls>>;

const started = async (urls: Urls): Promise<SampleProcess> => {
  const one = await startSampleProcess({ ...urls, leaseDurations });
  processes.push(one);
  return one;
};
const load = (): Promise<Load> => startLoad({ natsUrl: nats.url, perSecond: 200, fleets: 40, timeoutMs: 60_000 });

/** Random moments, told when a test fails: the time that commands run between two faults. */
const seed = Date.now() % 1_000_000;
const random = dice(seed);
const aWhile = (fromMs: number, toMs: number) => delay(fromMs + random.below(toMs - fromMs));

const expectWhole = async (urls: Urls, sent: readonly SentCommand[]) => {
  const found = await settle(urls, sent);
  expect(found.problems, `with the seed ${seed}`).toEqual([]);
  expect(sent.filter((command) => !command.acknowledged).map((command) => command.answer)).toEqual([]);
  expect(found.events).toBeGreaterThan(found.commands);
  return found;
};

test('killing nats-server at random moments loses nothing', async () => {
  const urls = await newUrls();
  await started(urls);
  const running = await load();
  for (let round = 0; round < 2; round += 1) {
    await aWhile(500, 1_500);
    await nats.kill();
  }
  await aWhile(1_500, 2_000);
  await expectWhole(urls, await running.stop());
});

test('killing Postgres at random moments loses nothing', async () => {
  const urls = await newUrls();
  await started(urls);
  const running = await load();
  for (let round = 0; round < 2; round += 1) {
    await aWhile(500, 1_500);
    await postgres.kill();
  }
  await aWhile(1_500, 2_000);
  await expectWhole(urls, await running.stop());
});

test('killing the services at random moments loses nothing', async () => {
  const urls = await newUrls();
  let services = await started(urls);
  const running = await load();
  for (let round = 0; round < 2; round += 1) {
    await aWhile(500, 1_500);
    await services.kill();
    services = await started(urls);
  }
  await aWhile(1_500, 2_000);
  await expectWhole(urls, await running.stop());
});

test('both servers may be stopped for a while', async () => {
  const urls = await newUrls();
  await started(urls);
  const running = await load();
  await aWhile(500, 1_500);
  await Promise.all([nats.stopHard(), postgres.stopHard()]);
  await delay(10_000);
  await Promise.all([nats.start(), postgres.start()]);
  await aWhile(1_500, 2_000);
  await expectWhole(urls, await running.stop());
});

test('the bus may lose everything it has', async () => {
  const urls = await newUrls();
  await started(urls);
  const running = await load();
  await aWhile(1_500, 2_500);
  await nats.stopHard();
  await rm(nats.storeDir, { recursive: true });
  await nats.start();
  await aWhile(1_500, 2_000);
  await expectWhole(urls, await running.stop());
});

test('the log copied into another cluster begins a new epoch and fills the bus again', async () => {
  const urls = await newUrls();
  const before = await started(urls);
  const running = await load();
  await aWhile(1_000, 2_000);
  const sent = await running.stop();
  await settle(urls, sent);
  await before.stop();
  const moved = { ...urls, databaseUrl: (await otherPostgres.createDatabase()).url };
  await copyLog(urls.databaseUrl, moved.databaseUrl, 'config', []);
  await copyLog(urls.databaseUrl, moved.databaseUrl, 'health', sampleHealth().migrations, ['seen']);
  await started(moved);
  const later = await load();
  await aWhile(1_000, 1_500);
  await expectWhole(moved, [...sent, ...(await later.stop())]);
  expect(await epochsOf(moved.databaseUrl, 'config')).toEqual([1, 2]);
});

test('two replicas share the commands, and a frozen one does no harm when it thaws', async () => {
  const urls = await newUrls();
  const leader = await started(urls);
  await started(urls);
  const running = await load();
  await aWhile(500, 1_000);
  leader.freeze();
  await delay(leaseDurations.lengthMs * 1.5);
  leader.thaw();
  await aWhile(1_500, 2_000);
  await expectWhole(urls, await running.stop());
});
