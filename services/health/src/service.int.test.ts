// Health on real servers: a reconciler whose events the tests say, a simulator that answers as a simulator does, and a
// bot that hangs.
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer, type Server as HttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  BotAssigned,
  BotConverged,
  BotDestroyed,
  BotStarted,
  BotStopped,
  type EventDefinition,
  type FactOf,
  type HealthCheck,
  type HealthStatus,
  rebuildProjection,
} from '@molthub/contracts';
import { newEvent } from '@molthub/event-store/testing';
import { openTestCaller, silentService, startTestService } from '@molthub/service/testing';
import type { RunningService } from '@molthub/service';
import { until, withNats, withPostgres } from '@molthub/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { health } from './service.ts';

const postgres = withPostgres();
const nats = withNats();

const probeIntervalMs = 1_000;
let urls: { databaseUrl: string; natsUrl: string };
let home: string;
let reconciler: RunningService;
let service: RunningService;
let simulator: HttpServer;
let hanging: Server;
const held = new Set<Socket>();
/** What the simulator says of each of its bots. */
const answers = new Map<string, HealthStatus>();
let requests = 0;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'molthub-health-'));
  simulator = createHttpServer((request, response) => {
    requests += 1;
    request.setEncoding('utf8');
    let text = '';
    request.on('data', (chunk: string) => {
      text += chunk;
    });
    request.on('end', () => {
      const { ids } = z.object({ ids: z.array(z.string()) }).parse(JSON.parse(text));
      response.end(
        JSON.stringify(
          ids.map((id) => ({ id, status: answers.get(id) ?? 'UNKNOWN', latencyMs: 1, detail: 'simulated' })),
        ),
      );
    });
  });
  hanging = createServer((socket) => held.add(socket));
  await Promise.all(
    [simulator, hanging].map((server) => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))),
  );
  urls = { databaseUrl: (await postgres.createDatabase()).url, natsUrl: nats.url };
  reconciler = await startTestService(silentService('reconciler'), urls);
  service = await startTestService(health({ home, probeIntervalMs }), urls);
});
afterAll(async () => {
  await Promise.all([reconciler.stop(), service.stop()]);
  for (const socket of held) socket.destroy();
  simulator.closeAllConnections();
  simulator.close();
  hanging.close();
  await rm(home, { recursive: true, force: true });
});

const portOf = (server: Server | HttpServer) => z.custom<AddressInfo>(() => true).parse(server.address()).port;
const say = async <D extends EventDefinition>(botId: string, definition: D, data: FactOf<D>['data']) => {
  await reconciler.log.commit({
    streams: [{ stream: `bot-${botId}`, expected: 'any', events: [newEvent(definition.type, data)] }],
  });
};
const resolved = {
  apiVersion: 'molthub/v1',
  kind: 'MoltbotInstance',
  metadata: { name: 'bot' },
  spec: { runtime: { engine: 'simulated' }, target: { kind: 'simulated' }, config: {} },
} as const;
const hash = `sha256:${'a'.repeat(64)}`;
type Bot = { readonly botId: string; readonly fleetId: string; readonly simulated: boolean };
const assign = ({ botId, fleetId, simulated }: Bot, healthCheck?: HealthCheck) =>
  say(botId, BotAssigned, {
    botId,
    fleetId,
    botName: 'bot',
    fleetStatus: 'ACTIVE',
    environment: 'dev',
    changeSetId: randomUUID(),
    version: 1,
    generation: 1,
    hash,
    resolved: healthCheck ? { ...resolved, spec: { ...resolved.spec, healthCheck } } : resolved,
    target: simulated ? 'simulated' : 'local',
    simulated,
  });
const nextHash = `sha256:${'b'.repeat(64)}`;
const converge = (
  { botId, fleetId, simulated }: Bot,
  url: string,
  tokenReference: string | null = null,
  ofHash = hash,
) =>
  say(botId, BotConverged, {
    botId,
    fleetId,
    changeSetId: randomUUID(),
    version: 1,
    generation: 1,
    hash: ofHash,
    endpoint: { url, pid: null },
    tokenReference,
    target: simulated ? 'simulated' : 'local',
    applied: 'started',
    steps: [],
    simulated,
  });
const simulatedUrl = (botId: string) => `http://127.0.0.1:${portOf(simulator)}/bots/${botId}`;
const simulatedBot = async (fleetId: string, status: HealthStatus): Promise<Bot> => {
  const bot = { botId: randomUUID(), fleetId, simulated: true };
  answers.set(bot.botId, status);
  await assign(bot);
  await converge(bot, simulatedUrl(bot.botId));
  return bot;
};

const healthOf = async (botId: string) =>
  (
    await service.log.reads<{ status: string; detail: string; hash: string | null; probed_at: Date; changed_at: Date }>(
      'select * from health_read.bots where bot_id = $1',
      [botId],
    )
  )[0];
const isNow = (botId: string, status: HealthStatus, timeoutMs = 10_000) =>
  until(async () => (await healthOf(botId))?.status === status && healthOf(botId), {
    what: `bot ${botId} to be ${status}`,
    timeoutMs,
  });
const changesOf = async (botId: string) =>
  (await service.log.readStream(`bot-${botId}`)).map(({ data }) => {
    const { from, to } = z.object({ from: z.string(), to: z.string() }).parse(data);
    return `${from} → ${to}`;
  });
const toldOf = async (botId: string) =>
  (await service.log.readStream(`bot-${botId}`)).map(({ data }) => {
    const { to, hash: of } = z.object({ to: z.string(), hash: z.string().nullable() }).parse(data);
    return [to, of];
  });
const countsOf = async (fleetId: string) =>
  (
    await service.log.reads<{ counts: unknown }>('select counts from health_read.fleets where fleet_id = $1', [fleetId])
  )[0]?.counts;
const counted = (fleetId: string, counts: Partial<Record<'healthy' | 'degraded' | 'unhealthy' | 'unknown', number>>) =>
  until(
    async () =>
      JSON.stringify(await countsOf(fleetId)) ===
      JSON.stringify({ healthy: 0, degraded: 0, unhealthy: 0, unknown: 0, ...counts }),
    { what: `fleet ${fleetId} to count ${JSON.stringify(counts)}` },
  );

test('a bot that converged is asked at once, and what does not change is no event', async () => {
  const bot = await simulatedBot(randomUUID(), 'HEALTHY');
  const first = await isNow(bot.botId, 'HEALTHY');
  await until(async () => ((await healthOf(bot.botId))?.probed_at ?? first.probed_at) > first.probed_at, {
    what: 'a later probe',
  });
  expect(await changesOf(bot.botId)).toEqual(['UNKNOWN → HEALTHY']);
});

test('many bots are asked with few requests, and their fleet is rolled up', async () => {
  const fleetId = randomUUID();
  const before = requests;
  const bots = await Promise.all(Array.from({ length: 300 }, () => simulatedBot(fleetId, 'HEALTHY')));
  await counted(fleetId, { healthy: 300 });
  expect(requests - before).toBeLessThan(150);
  const [sick] = bots;
  answers.set(sick?.botId ?? '', 'UNHEALTHY');
  await counted(fleetId, { healthy: 299, unhealthy: 1 });
  const told = await service.log.readStream(`fleet-${fleetId}`);
  expect(told.at(-1)?.data).toMatchObject({ status: 'UNHEALTHY' });
});

test('two bad answers in a row make a bot unhealthy, and a good one heals it', async () => {
  const bot = await simulatedBot(randomUUID(), 'HEALTHY');
  await isNow(bot.botId, 'HEALTHY');
  answers.set(bot.botId, 'UNHEALTHY');
  await isNow(bot.botId, 'UNHEALTHY');
  answers.set(bot.botId, 'HEALTHY');
  await isNow(bot.botId, 'HEALTHY');
  const stream = await service.log.readStream(`bot-${bot.botId}`);
  expect(stream[1]?.data).toMatchObject({ from: 'HEALTHY', to: 'UNHEALTHY', failures: 2, simulated: true, hash });
  expect(stream).toHaveLength(3);
  // To be found well at first is no change between well and unhealthy.
  const [row] = await service.log.reads('select flips from bots where bot_id = $1', [bot.botId]);
  expect(row).toEqual({ flips: stream.slice(1).map(({ time }) => new Date(time)) });
});

test('a bot that stays healthy on another configuration says so once, and its health has not changed since', async () => {
  const bot = await simulatedBot(randomUUID(), 'HEALTHY');
  const { botId } = bot;
  const { changed_at } = await isNow(botId, 'HEALTHY');
  await converge(bot, simulatedUrl(botId), null, nextHash);
  await until(async () => (await healthOf(botId))?.hash === nextHash, { what: 'the news of the next configuration' });
  const told = await healthOf(botId);
  await until(async () => ((await healthOf(botId))?.probed_at ?? new Date(0)) > (told?.probed_at ?? new Date()), {
    what: 'a later probe',
  });
  expect(await toldOf(botId)).toEqual([
    ['HEALTHY', hash],
    ['HEALTHY', nextHash],
  ]);
  expect((await healthOf(botId))?.changed_at).toEqual(changed_at);
});

test('a bot that is unhealthy on another configuration says which', async () => {
  const bot = await simulatedBot(randomUUID(), 'HEALTHY');
  const { botId } = bot;
  await isNow(botId, 'HEALTHY');
  answers.set(botId, 'UNHEALTHY');
  await converge(bot, simulatedUrl(botId), null, nextHash);
  await isNow(botId, 'UNHEALTHY');
  const stream = await service.log.readStream(`bot-${botId}`);
  expect(stream.at(-1)?.data).toMatchObject({ from: 'HEALTHY', to: 'UNHEALTHY', failures: 2, hash: nextHash });
});

test('a bot whose manifest switches the check off is unknown and not asked, until another manifest says otherwise', async () => {
  const bot = await simulatedBot(randomUUID(), 'HEALTHY');
  await isNow(bot.botId, 'HEALTHY');
  await assign(bot, { kind: 'none' });
  expect((await isNow(bot.botId, 'UNKNOWN')).detail).toBe('Not asked: spec.healthCheck of its manifest is none.');
  await assign(bot);
  await isNow(bot.botId, 'HEALTHY');
});

test('a bot that bears more bad answers is unhealthy only after so many', async () => {
  const bot = await simulatedBot(randomUUID(), 'HEALTHY');
  await assign(bot, { kind: 'engine', failuresMax: 4 });
  await isNow(bot.botId, 'HEALTHY');
  answers.set(bot.botId, 'UNHEALTHY');
  await isNow(bot.botId, 'UNHEALTHY');
  const stream = await service.log.readStream(`bot-${bot.botId}`);
  expect(stream.at(-1)?.data).toMatchObject({ to: 'UNHEALTHY', failures: 4 });
});

test('a bot that is stopped is unknown and not asked; started again, it is', async () => {
  const bot = await simulatedBot(randomUUID(), 'HEALTHY');
  const { botId, fleetId } = bot;
  await isNow(botId, 'HEALTHY');
  await say(botId, BotStopped, { botId, fleetId, steps: [], reason: '' });
  expect((await isNow(botId, 'UNKNOWN')).detail).toBe('Not asked: the bot is stopped.');
  await say(botId, BotStarted, {
    botId,
    fleetId,
    generation: 1,
    endpoint: { url: simulatedUrl(botId), pid: null },
    adopted: false,
    node: null,
    steps: [],
    simulated: true,
  });
  await isNow(botId, 'HEALTHY');
});

test('a destroyed bot is gone from the view and from its fleet', async () => {
  const { botId, fleetId } = await simulatedBot(randomUUID(), 'HEALTHY');
  await counted(fleetId, { healthy: 1 });
  await say(botId, BotDestroyed, { botId, fleetId, steps: [] });
  await counted(fleetId, {});
  expect(await healthOf(botId)).toBeUndefined();
});

test('a hung bot, whose port is open and which never answers, is reported within two probes', async () => {
  await writeFile(join(home, 'token'), 'secret-of-the-bot\n', { mode: 0o600 });
  const bot = { botId: randomUUID(), fleetId: randomUUID(), simulated: false };
  await assign(bot);
  await converge(bot, `ws://127.0.0.1:${portOf(hanging)}`, 'token');
  const { detail } = await isNow(bot.botId, 'UNHEALTHY', 20_000);
  expect(detail).not.toContain('secret-of-the-bot');
  const [change] = await service.log.readStream(`bot-${bot.botId}`);
  expect(change?.data).toMatchObject({ from: 'UNKNOWN', failures: 2, simulated: false });
}, 40_000);

test('a bot whose token cannot be read is unknown, with the reason', async () => {
  const bot = { botId: randomUUID(), fleetId: randomUUID(), simulated: false };
  for (const reference of ['missing/token', '../outside']) {
    await assign(bot);
    await converge(bot, `ws://127.0.0.1:${portOf(hanging)}`, reference);
    await until(
      async () =>
        (
          await service.log.reads('select 1 from health_read.probes where bot_id = $1 and detail like $2', [
            bot.botId,
            reference === 'missing/token' ? '%cannot be read%' : '%leads out of the home%',
          ])
        ).length > 0,
      { what: `the reading for ${reference}` },
    );
  }
  expect(await changesOf(bot.botId)).toEqual([]);
});

test('after a restart everything is known again and nothing is told twice', async () => {
  const bot = await simulatedBot(randomUUID(), 'HEALTHY');
  const { probed_at } = await isNow(bot.botId, 'HEALTHY');
  const changing = await simulatedBot(randomUUID(), 'HEALTHY');
  await isNow(changing.botId, 'HEALTHY');
  await service.stop();
  await converge(changing, simulatedUrl(changing.botId), null, nextHash);
  service = await startTestService(health({ home, probeIntervalMs }), urls);
  await until(async () => ((await healthOf(bot.botId))?.probed_at ?? probed_at) > probed_at, {
    what: 'a probe after the restart',
    timeoutMs: 20_000,
  });
  expect(await changesOf(bot.botId)).toEqual(['UNKNOWN → HEALTHY']);
  await until(async () => (await toldOf(changing.botId)).length > 1, {
    what: 'news of the configuration of meanwhile',
  });
  expect(await toldOf(changing.botId)).toEqual([
    ['HEALTHY', hash],
    ['HEALTHY', nextHash],
  ]);
});

test('the read model equals the fold of the log', async () => {
  const read = () => service.log.reads('select bot_id, status, hash, changed_at, flips from bots order by bot_id');
  await service.log.idle();
  const before = await read();
  const caller = await openTestCaller(nats.url);
  expect(await caller.send(rebuildProjection('health'), { name: 'health' })).toMatchObject({ status: 'DONE' });
  await caller.close();
  expect(await read()).toEqual(before);
});
