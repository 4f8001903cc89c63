import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type AssignBot,
  type CommandOf,
  PauseBot,
  ReadBotLogs,
  type Recorded,
  type ResolvedManifest,
  RestartBot,
  ResumeBot,
  StartBot,
  StopBot,
  AssignBot as assignBot,
  DestroyBot as destroyBot,
  ReconcileBot as reconcileBot,
} from '@molthub/contracts';
import { fold } from '@molthub/decider';
import { newId } from '@molthub/identity';
import { openTestCaller, startTestService, type TestCaller } from '@molthub/service/testing';
import { until, withNats, withPostgres } from '@molthub/testing';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { BotFact } from './bot.ts';
import { botDecider, botEvents } from './decider.ts';
import { canonicalHash } from '@molthub/manifest';
import { reconcilerService, type ReconcilerSettings } from './service.ts';
import { targetsOf } from './target.ts';
import { simulatedManifest } from './target.conformance.ts';
import { createSimulatedTarget, type SimulatedTarget } from './targets/simulated.ts';

type Row = {
  bot_id: string;
  status: string;
  generation: number;
  observed_generation: number;
  observed_hash: string | null;
  desired_hash: string;
  drift_status: string;
  drift: unknown[];
  endpoint: { url: string } | null;
  last_error: { code: string } | null;
  version: number;
};

const postgres = withPostgres();
const nats = withNats();
let home = '';
let port = 0;
let target: SimulatedTarget | null = null;
let service: Awaited<ReturnType<typeof startTestService>>;
let caller: TestCaller;
let database: Client;

const settings = (): ReconcilerSettings => ({
  home,
  otlpUrl: null,
  machineEnv: {},
  pollMs: 200,
  openTargets: async (_runtime, signal) => {
    target = await createSimulatedTarget({ port, spans: null, signal });
    port = target.port;
    return targetsOf(target);
  },
});
const start = async () => {
  target = null;
  service = await startTestService(reconcilerService(settings()), { databaseUrl: postgres.url, natsUrl: nats.url });
};

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'molthub-reconciler-'));
  await start();
  caller = await openTestCaller(nats.url);
  database = new Client({ connectionString: postgres.url });
  await database.connect();
});
afterAll(async () => {
  await caller.close();
  await service.stop();
  await database.end();
  await rm(home, { recursive: true, force: true });
});

type Assignment = CommandOf<typeof AssignBot>['data'];
const fleetId = newId();
const assignment = (resolved: ResolvedManifest = simulatedManifest(), more: Partial<Assignment> = {}): Assignment => ({
  botId: newId(),
  botName: 'sim',
  fleetId,
  fleetStatus: 'ACTIVE',
  environment: 'dev',
  changeSetId: newId(),
  version: 1,
  generation: 1,
  hash: canonicalHash(resolved),
  resolved,
  target: 'simulated',
  simulated: true,
  ...more,
});
const assign = async (data: Assignment) => {
  expect(await caller.send(assignBot, data)).toMatchObject({ status: 'DONE' });
  return data;
};
const row = async (botId: string): Promise<Row | undefined> =>
  (await database.query<Row>('select * from reconciler_read.bots where bot_id = $1', [botId])).rows[0];
const reaches = (botId: string, status: string, more: (row: Row) => boolean = () => true) =>
  until(
    async () => {
      const found = await row(botId);
      return found?.status === status && more(found) ? found : null;
    },
    { what: `${botId} to be ${status}` },
  );
const history = async (botId: string) => (await service.log.readStream(`bot-${botId}`)).map((event) => event.type);
const running = async (resolved?: ResolvedManifest) => {
  const data = await assign(assignment(resolved));
  await reaches(data.botId, 'RUNNING');
  return data;
};
const simulated = (botId: string) => {
  const bot = target?.bots.get(botId);
  if (!bot) throw new Error('no such simulated bot');
  return bot;
};
const since = async (botId: string, type: string) =>
  until(async () => (await history(botId)).includes(type), { what: type });

describe('a simulated bot', () => {
  test('converges with two events, and its timeline tells each step without a gap', async () => {
    const { botId, hash } = await running();
    expect(await row(botId)).toMatchObject({
      status: 'RUNNING',
      observed_generation: 1,
      observed_hash: hash,
      drift_status: 'IN_SYNC',
      version: 2,
    });
    expect(await history(botId)).toEqual(['reconciler.bot.assigned.v1', 'reconciler.bot.converged.v1']);
    const timeline = await database.query<{ sequence: number; type: string; message: string }>(
      'select sequence, type, message from reconciler_read.timeline where bot_id = $1 order by sequence',
      [botId],
    );
    expect(timeline.rows.map((entry) => entry.sequence)).toEqual([1, 2, 3, 4, 5]);
    expect(timeline.rows.map((entry) => entry.type)).toEqual([
      'reconciler.bot.assigned.v1',
      'reconciler.step',
      'reconciler.step',
      'reconciler.step',
      'reconciler.bot.converged.v1',
    ]);
  });

  test('takes a newer version while it runs', async () => {
    const first = await running();
    const resolved = simulatedManifest({ latencyMs: 7 });
    await assign(assignment(resolved, { botId: first.botId, version: 2, generation: 2 }));
    await reaches(first.botId, 'RUNNING', (found) => found.observed_generation === 2);
    expect(simulated(first.botId).simulation.latencyMs).toBe(7);
  });

  test('that drifts is found out and healed', async () => {
    const { botId, hash } = await running();
    simulated(botId).selfEdits = 1;
    expect(await caller.send(reconcileBot, { botId, reason: '' })).toMatchObject({ status: 'DONE' });
    await since(botId, 'reconciler.drift.healed.v1');
    expect(await reaches(botId, 'RUNNING')).toMatchObject({ observed_hash: hash, drift: [], drift_status: 'IN_SYNC' });
    expect((await history(botId)).slice(-2)).toEqual(['reconciler.drift.detected.v1', 'reconciler.drift.healed.v1']);
  });

  test('that crashes is started again', async () => {
    const { botId } = await running(simulatedManifest({ crashEveryS: 0.2 }));
    await since(botId, 'reconciler.drift.healed.v1');
    const detected = (await service.log.readStream(`bot-${botId}`)).find(
      (e) => e.type === 'reconciler.drift.detected.v1',
    );
    expect(detected?.data).toMatchObject({ items: [{ class: 'process', observed: 'crashed' }], mode: 'heal' });
  });

  test('that cannot apply is an error that is tried once', async () => {
    const { botId } = await assign(assignment(simulatedManifest({ failApply: true })));
    const found = await reaches(botId, 'ERROR');
    expect(found?.last_error).toMatchObject({ code: 'reconciler.apply-refused', permanent: true });
    expect(await history(botId)).toEqual(['reconciler.bot.assigned.v1', 'reconciler.bot.failed.v1']);
  });

  test('is paused, resumed, stopped, started and restarted as asked', async () => {
    const { botId } = await running();
    const ask = async (
      definition: typeof PauseBot | typeof ResumeBot | typeof StopBot | typeof StartBot | typeof RestartBot,
    ) => expect(await caller.send(definition, { botId, reason: 'test' })).toMatchObject({ status: 'DONE' });
    await ask(PauseBot);
    await reaches(botId, 'PAUSED');
    expect(simulated(botId).channels).toBe('cut');
    expect(await caller.send(StartBot, { botId, reason: '' })).toMatchObject({
      status: 'REFUSED',
      code: 'reconciler.illegal-move',
    });
    await ask(ResumeBot);
    await reaches(botId, 'RUNNING');
    await ask(StopBot);
    await reaches(botId, 'STOPPED');
    expect(simulated(botId).process.is).toBe('down');
    await ask(StartBot);
    await reaches(botId, 'RUNNING');
    await ask(RestartBot);
    await reaches(botId, 'RUNNING');
    expect(simulated(botId).restarts).toBe(1);
  });

  test('shows its log', async () => {
    const { botId } = await running();
    const outcome = await caller.send(ReadBotLogs, { botId, lines: 1 });
    expect(outcome).toMatchObject({ status: 'DONE', result: { simulated: true } });
  });

  test('that is retired leaves no row, and its timeline stays', async () => {
    const { botId } = await running();
    await caller.send(destroyBot, { botId, fleetId, reason: '' });
    await until(async () => (await row(botId)) === undefined, { what: 'the row to go' });
    expect(target?.bots.has(botId)).toBe(false);
    expect((await history(botId)).at(-1)).toBe('reconciler.bot.destroyed.v1');
  });

  test('that is starting does not hold up a stop, is no failure, and is taken up by the next process', async () => {
    const { botId } = await assign(assignment(simulatedManifest({ startMs: 600_000 })));
    await until(() => target?.bots.has(botId), { what: 'the start to begin' });
    const began = performance.now();
    await service.stop();
    expect(performance.now() - began).toBeLessThan(10_000);
    await start();
    await until(() => target?.bots.has(botId), { what: 'the start to begin again' });
    expect(await history(botId)).toEqual(['reconciler.bot.assigned.v1']);
  });

  test('that is starting is stopped, and takes a newer version, at once when that is asked for', async () => {
    const slow = simulatedManifest({ startMs: 600_000 });
    const { botId } = await assign(assignment(slow));
    await until(() => target?.bots.has(botId), { what: 'the start to begin' });
    expect(await caller.send(StopBot, { botId, reason: 'never mind' })).toMatchObject({ status: 'DONE' });
    await reaches(botId, 'STOPPED');
    expect(await caller.send(StartBot, { botId, reason: '' })).toMatchObject({ status: 'DONE' });
    await assign(assignment(simulatedManifest(), { botId, version: 2, generation: 2 }));
    await reaches(botId, 'RUNNING', (found) => found.observed_generation === 2);
    const failed = (await service.log.readStream(`bot-${botId}`)).filter((e) => e.type === 'reconciler.bot.failed.v1');
    expect(failed.map((e) => e.data)).toMatchObject([{ error: { code: 'reconciler.bot-stopped' } }]);
  });

  test('whose row is damaged keeps no other bot from being looked after', async () => {
    const damaged = await running();
    const { botId } = await running();
    await database.query("update reconciler.bots set resolved = '{}' where bot_id = $1", [damaged.botId]);
    await service.stop();
    await start();
    await until(() => target?.bots.has(botId), { what: 'the sound bot to be adopted' });
    expect(target?.bots.has(damaged.botId)).toBe(false);
    await running();
  });

  test('is adopted by the next process without a word', async () => {
    const { botId } = await running();
    const before = await history(botId);
    await service.stop();
    await start();
    await until(() => target?.bots.has(botId), { what: 'the adopted bot' });
    const next = await running();
    expect(await history(botId)).toEqual(before);
    expect(await row(botId)).toMatchObject({ status: 'RUNNING', endpoint: { url: simulatedUrl(botId) } });
    expect((await history(next.botId)).length).toBe(2);
  });
});

const ofBots = new Set<string>(botEvents.map((event) => event.type));
const isFact = (event: Recorded): event is Recorded<BotFact> => ofBots.has(event.type);
const simulatedUrl = (botId: string) => `http://127.0.0.1:${port}/bots/${botId}`;

test('the rows equal the fold of the log', async () => {
  const rows = await database.query<Row & { wanted: string; restarts: number }>(
    'select *, (select wanted from reconciler.bots b where b.bot_id = v.bot_id) from reconciler_read.bots v',
  );
  expect(rows.rows.length).toBeGreaterThan(5);
  for (const found of rows.rows) {
    const events = await service.log.readStream(`bot-${found.bot_id}`);
    const state = fold(botDecider, events.filter(isFact));
    expect(state).toMatchObject({
      is: 'known',
      status: found.status,
      generation: found.generation,
      hash: found.desired_hash,
      endpoint: found.endpoint,
    });
  }
});
