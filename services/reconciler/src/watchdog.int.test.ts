// What the loop tells without being asked, on a real database and bus: mass drift, bots of which nothing comes, and marked
// things without a bot; and what becomes of drift that somebody decides about.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  AssignBot,
  DestroyBot,
  ReadObservedConfig,
  ReconcileBot,
  type ResolvedManifest,
  ResumeHealing,
  RevertDrift,
} from '@molthub/contracts';
import { newId } from '@molthub/identity';
import { canonicalHash } from '@molthub/manifest';
import { openTestCaller, startTestService, type TestCaller } from '@molthub/service/testing';
import { until, withNats, withPostgres } from '@molthub/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { reconcilerService } from './service.ts';
import { desiredBot, simulatedManifest } from './target.conformance.ts';
import { targetsOf } from './target.ts';
import { createSimulatedTarget, type SimulatedTarget } from './targets/simulated.ts';

const postgres = withPostgres();
const nats = withNats();
let home = '';
let target: SimulatedTarget | null = null;
let service: Awaited<ReturnType<typeof startTestService>>;
let caller: TestCaller;
let random = 0;

const start = async (healing: { readonly breakerHoldMs: number } = { breakerHoldMs: 600_000 }) => {
  target = null;
  service = await startTestService(
    reconcilerService({
      home,
      otlpUrl: null,
      machineEnv: {},
      pollMs: 200,
      watchMs: 200,
      stuckAfterMs: 2_000,
      healing: { breakerBotsMin: 3, ...healing },
      resyncMs: () => 500,
      openTargets: async (_runtime, signal) => {
        target = await createSimulatedTarget({ port: 0, spans: null, signal });
        return targetsOf(target);
      },
    }),
    { databaseUrl: postgres.url, natsUrl: nats.url },
  );
};
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'molthub-watchdog-'));
  await start();
  caller = await openTestCaller(nats.url);
});
afterAll(async () => {
  await caller.close();
  await service.stop();
  await rm(home, { recursive: true, force: true });
});

const make = async (fleetId: string, resolved: ResolvedManifest = simulatedManifest()) => {
  const botId = newId();
  const of = { botName: `sim-${(random += 1)}`, fleetStatus: 'ACTIVE', environment: 'dev' } as const;
  const released = { changeSetId: newId(), version: 1, generation: 1, hash: canonicalHash(resolved), resolved };
  const data = { botId, fleetId, ...of, ...released, target: 'simulated', simulated: true } as const;
  expect(await caller.send(AssignBot, data)).toMatchObject({ status: 'DONE' });
  return botId;
};
type Row = { readonly status: string; readonly drift_status: string; readonly last_error: { readonly code: string } };
const row = async (botId: string) =>
  (await service.runtime.reads<Row>('select * from reconciler_read.bots where bot_id = $1', [botId]))[0];
const is = (botId: string, field: 'status' | 'drift_status', value: string) =>
  until(async () => (await row(botId))?.[field] === value, { what: `${field} of ${botId} to be ${value}` });
const running = async (fleetId: string, resolved?: ResolvedManifest) => {
  const botId = await make(fleetId, resolved);
  await is(botId, 'status', 'RUNNING');
  return botId;
};
const types = async (stream: string) => (await service.log.readStream(stream)).map((event) => event.type);
const untilTold = (stream: string, type: string) =>
  until(async () => (await types(stream)).includes(type), { what: `${type} of ${stream}` });
const simulated = (botId: string) => {
  const bot = target?.bots.get(botId);
  if (!bot) throw new Error(`There is no simulated bot ${botId}.`);
  return bot;
};
const edit = (botId: string) => {
  simulated(botId).selfEdits += 1;
};
const edits = (botId: string) => simulated(botId).selfEdits;

test('mass drift is told, held over a restart of Molthub, and healed when a person says so', async () => {
  const fleetId = newId();
  const bots = [await running(fleetId), await running(fleetId), await running(fleetId)];
  for (const botId of bots) edit(botId);
  for (const botId of bots) await caller.send(ReconcileBot, { botId, reason: '' });
  await untilTold(`healing-${fleetId}`, 'reconciler.healing.held.v1');
  const [held] = await service.log.readStream(`healing-${fleetId}`);
  expect(held?.data).toMatchObject({ drifted: 3, bots: 3, shareMax: 0.5 });
  const kept = bots.filter((botId) => edits(botId) === 1);
  expect(kept.length).toBeGreaterThan(0);

  await service.stop();
  await start();
  const [late = ''] = bots;
  await until(() => target?.bots.has(late), { what: 'the bots to be adopted' });
  edit(late);
  await is(late, 'drift_status', 'DRIFTED');
  const other = await running(newId());
  edit(other);
  await untilTold(`bot-${other}`, 'reconciler.drift.healed.v1');
  expect(edits(late)).toBe(1);

  expect(await caller.send(ResumeHealing, { fleetId, reason: 'looked at it', isOver: false })).toMatchObject({
    status: 'DONE',
  });
  await is(late, 'drift_status', 'IN_SYNC');
  expect(edits(late)).toBe(0);
  expect(await types(`healing-${fleetId}`)).toEqual(['reconciler.healing.held.v1', 'reconciler.healing.resumed.v1']);
  expect(await caller.send(ResumeHealing, { fleetId, reason: '', isOver: false })).toMatchObject({
    status: 'REFUSED',
    code: 'reconciler.not-held',
  });
});

test('a hold ends by itself when the fleet came right', async () => {
  await service.stop();
  await start({ breakerHoldMs: 1_000 });
  const fleetId = newId();
  const bots = [await running(fleetId), await running(fleetId), await running(fleetId)];
  for (const botId of bots) edit(botId);
  for (const botId of bots) await caller.send(ReconcileBot, { botId, reason: '' });
  await untilTold(`healing-${fleetId}`, 'reconciler.healing.held.v1');
  for (const botId of bots) simulated(botId).selfEdits = 0;
  await untilTold(`healing-${fleetId}`, 'reconciler.healing.resumed.v1');
  expect((await service.log.readStream(`healing-${fleetId}`)).at(-1)?.data).toMatchObject({ isOver: true });
  expect(await service.runtime.reads('select * from reconciler_read.healing_holds')).toEqual([]);
});

test('drift in mode detect stays until it is reverted, and says meanwhile what accepting it would come to', async () => {
  const manifest = simulatedManifest();
  const botId = await running(newId(), { ...manifest, spec: { ...manifest.spec, drift: { mode: 'detect' } } });
  expect(await caller.send(ReadObservedConfig, { botId })).toMatchObject({ code: 'reconciler.not-drifted' });
  edit(botId);
  await is(botId, 'drift_status', 'DRIFTED');
  expect(await caller.send(ReadObservedConfig, { botId })).toMatchObject({
    status: 'DONE',
    result: { version: 1, patch: { selfEdits: 1 }, paths: ['selfEdits'], owner: 'bot' },
  });
  expect(await caller.send(RevertDrift, { botId, reason: 'no' })).toMatchObject({ status: 'DONE' });
  await is(botId, 'drift_status', 'IN_SYNC');
  expect(edits(botId)).toBe(0);
  expect((await types(`bot-${botId}`)).slice(-3)).toEqual([
    'reconciler.drift.detected.v1',
    'reconciler.drift.revert-accepted.v1',
    'reconciler.drift.healed.v1',
  ]);
});

test('a bot of which nothing is heard for too long is told as stuck once, with the step, and is still waited for', async () => {
  const botId = await make(newId(), simulatedManifest({ startMs: 6_000 }));
  await is(botId, 'status', 'ERROR');
  expect((await row(botId))?.last_error).toMatchObject({ code: 'reconciler.stuck', permanent: false });
  expect((await row(botId))?.last_error).toMatchObject({ message: expect.stringContaining('the step start') });
  await is(botId, 'status', 'RUNNING');
  expect((await types(`bot-${botId}`)).filter((type) => type === 'reconciler.bot.failed.v1')).toHaveLength(1);
});

test('what has the mark and no bot is told once and left alone; told again when it is gone', async () => {
  const orphan = desiredBot(simulatedManifest(), newId());
  await target?.configure(orphan, () => {});
  await target?.start(orphan, () => {});
  const stream = `orphan-${orphan.botId}`;
  await untilTold(stream, 'reconciler.orphan.detected.v1');
  const [told] = await service.runtime.reads('select workspace, target, pid from reconciler_read.orphans');
  expect(told).toEqual({ workspace: 'default', target: 'simulated', pid: null });
  const well = await running(newId());
  await caller.send(DestroyBot, { botId: well, fleetId: newId(), reason: '' });
  await until(() => !target?.bots.has(well), { what: 'a retired bot to go' });
  expect(simulated(orphan.botId).process).toEqual({ is: 'up' });
  await target?.destroy(orphan);
  await untilTold(stream, 'reconciler.orphan.gone.v1');
  expect(await types(stream)).toHaveLength(2);
  expect(await types(`orphan-${well}`)).toEqual([]);
});
