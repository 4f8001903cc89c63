// Findings on real servers: bots that are unhealthy and bots that go down again and again, as a reconciler tells them.
import { randomUUID } from 'node:crypto';
import {
  BotConverged,
  BotDestroyed,
  BotStopped,
  type DriftClass,
  DriftHealed,
  type EventDefinition,
  ExamineBot,
  type FactOf,
  type FindingKind,
  rebuildProjection,
  RunawayFindingOpened,
} from '@molthub/contracts';
import { newEvent } from '@molthub/event-store/testing';
import type { RunningService } from '@molthub/service';
import { openTestCaller, silentService, startTestService } from '@molthub/service/testing';
import { until, withNats, withPostgres } from '@molthub/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { health } from '../service.ts';
import { defaultLimits } from './rules.ts';

const postgres = withPostgres();
const nats = withNats();
const sweep = { everyMs: 200, limits: { ...defaultLimits, unhealthyMs: 500 } };
let reconciler: RunningService;
let service: RunningService;

beforeAll(async () => {
  const urls = { databaseUrl: (await postgres.createDatabase()).url, natsUrl: nats.url };
  reconciler = await startTestService(silentService('reconciler'), urls);
  service = await startTestService(health({ home: '/', probeIntervalMs: 500, sweep }), urls);
});
afterAll(() => Promise.all([reconciler.stop(), service.stop()]));

const say = async <D extends EventDefinition>(botId: string, definition: D, data: FactOf<D>['data']) => {
  await reconciler.log.commit({
    streams: [{ stream: `bot-${botId}`, expected: 'any', events: [newEvent(definition.type, data)] }],
  });
};
/** Nothing listens there: a bot that converged to it is unhealthy. */
const endpoint = { url: 'ws://127.0.0.1:1', pid: null };
type Bot = { readonly botId: string; readonly fleetId: string };
const converged = async (): Promise<Bot> => {
  const bot = { botId: randomUUID(), fleetId: randomUUID() };
  await say(bot.botId, BotConverged, {
    ...bot,
    changeSetId: randomUUID(),
    version: 1,
    generation: 1,
    hash: `sha256:${'a'.repeat(64)}`,
    endpoint,
    tokenReference: null,
    target: 'local',
    applied: 'started',
    steps: [],
    simulated: false,
  });
  return bot;
};
const healed = (bot: Bot, drift: DriftClass) =>
  say(bot.botId, DriftHealed, {
    ...bot,
    generation: 1,
    classes: [drift],
    endpoint,
    tokenReference: null,
    steps: [],
    simulated: false,
  });
const findingsOf = (botId: string, kind: FindingKind) =>
  service.log.reads<{ id: string; evidence: Record<string, unknown>; closed: boolean }>(
    `select id, evidence, closed_at is not null as closed from health_read.findings where bot_id = $1 and kind = $2`,
    [botId, kind],
  );
const isFound = (botId: string, kind: FindingKind) =>
  until(async () => (await findingsOf(botId, kind))[0], { what: `a finding ${kind}`, timeoutMs: 20_000 });
const isClosed = (botId: string, kind: FindingKind) =>
  until(async () => (await findingsOf(botId, kind)).every(({ closed }) => closed), { what: `the end of ${kind}` });

test('a bot that stays unhealthy is a finding, once, until it is stopped', async () => {
  const bot = await converged();
  const found = await isFound(bot.botId, 'UNHEALTHY');
  expect(found.evidence).toMatchObject({
    hash: `sha256:${'a'.repeat(64)}`,
    detail: expect.stringContaining('ECONNREFUSED'),
  });
  await say(bot.botId, BotStopped, { ...bot, steps: [], reason: '' });
  await isClosed(bot.botId, 'UNHEALTHY');
  const rows = await findingsOf(bot.botId, 'UNHEALTHY');
  expect(rows).toHaveLength(1);
  expect(rows[0]?.evidence).toMatchObject({ reason: 'the bot is stopped' });
});

test('a bot that was brought back three times is restarting; one whose configuration was put right is not', async () => {
  const [loop, edited] = [await converged(), await converged()];
  for (let times = 0; times < 3; times += 1) {
    await healed(edited, 'config');
    await healed(loop, 'process');
  }
  expect((await isFound(loop.botId, 'RESTARTING')).evidence).toMatchObject({ times: 3, windowS: 600 });
  expect(await findingsOf(edited.botId, 'RESTARTING')).toEqual([]);
  await say(loop.botId, BotDestroyed, { ...loop, steps: [] });
  await isClosed(loop.botId, 'RESTARTING');
});

test('a bot is examined when somebody asks, and what it says is kept nowhere', async () => {
  const bot = await converged();
  await isFound(bot.botId, 'UNHEALTHY');
  const caller = await openTestCaller(nats.url);
  const ask = (botId: string) => caller.send(ExamineBot, { botId });
  expect(await ask(bot.botId)).toMatchObject({ status: 'DONE', result: { status: 'UNHEALTHY', version: null } });
  await say(bot.botId, BotStopped, { ...bot, steps: [], reason: '' });
  await isClosed(bot.botId, 'UNHEALTHY');
  const told = (await service.log.readStream(`bot-${bot.botId}`)).length;
  expect(await ask(bot.botId)).toMatchObject({
    status: 'DONE',
    result: { status: 'UNKNOWN', detail: 'Not asked: the bot is stopped.' },
  });
  expect(await ask(randomUUID())).toMatchObject({ status: 'REFUSED', code: 'health.bot-unknown' });
  await caller.close();
  expect(await service.log.readStream(`bot-${bot.botId}`)).toHaveLength(told);
});

test('a finding of the first release is shown, and closed with its bot', async () => {
  const bot = await converged();
  const findingId = randomUUID();
  await service.log.commit({
    streams: [
      {
        stream: `finding-${findingId}`,
        expected: 'any',
        events: [
          newEvent(RunawayFindingOpened.type, {
            ...bot,
            findingId,
            kind: 'RUNAWAY',
            severity: 'CRITICAL',
            title: 'A loop.',
            evidence: { calls: 41 },
            openedAt: new Date().toISOString(),
          }),
        ],
      },
    ],
  });
  expect(await findingsOf(bot.botId, 'RUNAWAY')).toMatchObject([{ id: findingId, closed: false }]);
  await say(bot.botId, BotDestroyed, { ...bot, steps: [] });
  await isClosed(bot.botId, 'RUNAWAY');
  expect(await findingsOf(bot.botId, 'RUNAWAY')).toMatchObject([{ evidence: { calls: 41, reason: 'destroyed' } }]);
});

test('findings are the fold of the log', async () => {
  const read = () => service.log.reads('select * from findings order by id');
  await service.log.idle();
  const before = await read();
  expect(before.length).toBeGreaterThan(0);
  const caller = await openTestCaller(nats.url);
  expect(await caller.send(rebuildProjection('health'), { name: 'findings' })).toMatchObject({ status: 'DONE' });
  await caller.close();
  expect(await read()).toEqual(before);
});
