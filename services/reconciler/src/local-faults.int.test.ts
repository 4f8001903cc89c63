// A real OpenClaw bot under the whole service: whatever is done to it behind Molthub's back is found, told and healed.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AssignBot, DestroyBot, type Recorded, type ResolvedManifest, StartBot, StopBot } from '@molthub/contracts';
import { newId } from '@molthub/identity';
import { canonicalHash } from '@molthub/manifest';
import { openTestCaller, startTestService, type TestCaller } from '@molthub/service/testing';
import { until, withNats, withPostgres } from '@molthub/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { reconcilerService } from './service.ts';
import { targetsOf } from './target.ts';
import { openLocalTarget } from './targets/local.ts';

const postgres = withPostgres();
const nats = withNats();
const botId = newId();
const fleetId = newId();
const runtimesDir = join(tmpdir(), 'molthub-test-runtimes');
const machineEnv = { PATH: process.env['PATH'], HOME: process.env['HOME'] };
let home = '';
let service: Awaited<ReturnType<typeof startTestService>>;
let caller: TestCaller;

const start = async () => {
  const openTargets: Parameters<typeof reconcilerService>[0]['openTargets'] = async (runtime) =>
    targetsOf(await openLocalTarget({ home, machineEnv, runtimesDir, hungAfterMs: 8_000 }, runtime.logger));
  const definition = reconcilerService({ home, otlpUrl: null, machineEnv, openTargets });
  service = await startTestService(definition, { databaseUrl: postgres.url, natsUrl: nats.url });
};
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'molthub-faults-'));
  await start();
  caller = await openTestCaller(nats.url);
});
afterAll(async () => {
  await caller.send(DestroyBot, { botId, fleetId, reason: '' });
  await happens('reconciler.bot.destroyed.v1', 0, 60_000);
  await caller.close();
  await service.stop();
  await rm(home, { recursive: true, force: true });
});

const log = (): Promise<readonly Recorded[]> => service.log.readStream(`bot-${botId}`);
const happens = async (type: string, after: number, timeoutMs: number) =>
  until(
    async () => {
      const since = (await log()).filter((event) => event.version > after);
      const found = since.find((event) => event.type === type);
      if (!found) throw new Error(`Instead: ${JSON.stringify(since.map(({ type, data }) => ({ type, data })))}`);
      return found;
    },
    { what: type, timeoutMs },
  );
const last = async () => (await log()).length;
const configFile = () => join(home, 'bots', botId, 'openclaw.json');
const WithEndpoint = z.object({ endpoint: z.object({ pid: z.int() }) });
const pid = async () => {
  const told = (await log()).map((event) => WithEndpoint.safeParse(event.data)).filter((parsed) => parsed.success);
  return told.at(-1)?.data?.endpoint.pid ?? 0;
};
const Drift = z.object({ items: z.array(z.object({ class: z.string(), path: z.string(), observed: z.json() })) });
const driftAfter = async (before: number, withinMs: number) =>
  Drift.parse((await happens('reconciler.drift.detected.v1', before, withinMs)).data).items;
const healed = (before: number) => happens('reconciler.drift.healed.v1', before, 100_000);
const assign = (version: number, config: ResolvedManifest['spec']['config']) => {
  const resolved: ResolvedManifest = {
    apiVersion: 'molthub/v1',
    kind: 'MoltbotInstance',
    metadata: { name: 'real' },
    spec: { runtime: { engine: 'openclaw', version: '2026.9.6' }, target: { kind: 'local' }, config },
  };
  const about = { botId, botName: 'real', fleetId, fleetStatus: 'ACTIVE', environment: 'dev' } as const;
  const released = { changeSetId: newId(), version, generation: version, hash: canonicalHash(resolved), resolved };
  return caller.send(AssignBot, { ...about, ...released, target: 'local', simulated: false });
};

test('a bot is installed, configured and started, and each step is told before what it came to', async () => {
  await assign(1, { logging: { level: 'info' } });
  const converged = await happens('reconciler.bot.converged.v1', 0, 300_000);
  expect(converged.data).toMatchObject({ applied: 'started', generation: 1, simulated: false });
  expect((await log()).map((event) => event.type)).toEqual([
    'reconciler.bot.assigned.v1',
    'reconciler.bot.started.v1',
    'reconciler.bot.converged.v1',
  ]);
  const started = (await log())[1]?.data;
  expect(started).toMatchObject({ steps: [{ name: 'install' }, { name: 'configure' }, { name: 'start' }] });
  expect(converged.data).toMatchObject({ steps: [] });
});

test('a change that the bot takes over hot keeps its process', async () => {
  const [before, process] = [await last(), await pid()];
  await assign(2, { logging: { level: 'debug' } });
  const converged = await happens('reconciler.bot.converged.v1', before, 60_000);
  expect(converged.data).toMatchObject({ applied: 'hot', endpoint: { pid: process } });
});

test('a hand edit is told within 5 s and undone', async () => {
  const before = await last();
  const config = z.looseObject({}).parse(JSON.parse(await readFile(configFile(), 'utf8')));
  await writeFile(configFile(), JSON.stringify({ ...config, logging: { level: 'trace' } }));
  const items = await driftAfter(before, 5_000);
  expect(items).toContainEqual({ class: 'config', path: 'spec.config.logging.level', observed: 'trace' });
  await healed(before);
  expect(await readFile(configFile(), 'utf8')).toContain('"debug"');
});

test('a broken file is told within 5 s and replaced', async () => {
  const before = await last();
  await writeFile(configFile(), '{ this is not');
  expect(await driftAfter(before, 5_000)).toMatchObject([{ class: 'config', path: 'spec.config' }]);
  await healed(before);
  expect(JSON.parse(await readFile(configFile(), 'utf8'))).toMatchObject({ logging: { level: 'debug' } });
});

test('a killed process is told within 5 s and started again', async () => {
  const [before, killed] = [await last(), await pid()];
  process.kill(killed, 'SIGKILL');
  expect(await driftAfter(before, 5_000)).toMatchObject([{ class: 'process', path: 'process' }]);
  await healed(before);
  expect(await pid()).not.toBe(killed);
});

test('a restart of Molthub touches no healthy bot, and one that was changed meanwhile is still found out', async () => {
  const [before, process] = [await last(), await pid()];
  await service.stop();
  await start();
  const config = z.looseObject({}).parse(JSON.parse(await readFile(configFile(), 'utf8')));
  await writeFile(configFile(), JSON.stringify({ ...config, logging: { level: 'warn' } }));
  await driftAfter(before, 10_000);
  await healed(before);
  const types = (await log()).slice(before).map((event) => event.type);
  expect(types).toEqual(['reconciler.drift.detected.v1', 'reconciler.drift.healed.v1']);
  expect(await pid()).toBe(process);
});

test('a hung process is told and started again', async () => {
  const [before, hung] = [await last(), await pid()];
  process.kill(hung, 'SIGSTOP');
  expect(await driftAfter(before, 25_000)).toMatchObject([{ class: 'process', observed: 'hung' }]);
  await healed(before);
  expect(await pid()).not.toBe(hung);
});

test('a stopped bot has no process, and starts with the state it had', async () => {
  const running = await pid();
  let before = await last();
  await caller.send(StopBot, { botId, reason: 'night' });
  await happens('reconciler.bot.stopped.v1', before, 60_000);
  // An adopted process that ended is noticed by the machine's init a moment later.
  await until(() => !isThere(running), { what: 'the process to be gone', timeoutMs: 5_000 });
  before = await last();
  await caller.send(StartBot, { botId, reason: 'day' });
  await happens('reconciler.bot.converged.v1', before, 100_000);
});

const isThere = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false;
    throw error;
  }
};
