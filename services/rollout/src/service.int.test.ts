// Rollout on real servers, between a config and a reconciler whose events the tests say.
import { randomUUID } from 'node:crypto';
import {
  AbortChangeSet,
  BotConverged,
  BotFailed,
  BotRetired,
  CreateChangeSet,
  type EventDefinition,
  FleetCreated,
  FleetStatusChanged,
  type FactOf,
  ManifestPublished,
  ManifestRefused,
  rebuildProjection,
  RollBackChangeSet,
  StartChangeSet,
} from '@molthub/contracts';
import { newEvent } from '@molthub/event-store/testing';
import type { RunningService } from '@molthub/service';
import { openTestCaller, silentService, startTestService, type TestCaller } from '@molthub/service/testing';
import { until, withNats, withPostgres } from '@molthub/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { rollout } from './service.ts';
import { policyDenying } from './testing.ts';

const postgres = withPostgres();
const nats = withNats();

let config: RunningService;
let policy: RunningService;
let reconciler: RunningService;
let service: RunningService;
let caller: TestCaller;
beforeAll(async () => {
  const urls = { databaseUrl: (await postgres.createDatabase()).url, natsUrl: nats.url };
  [config, policy, reconciler, service] = await Promise.all([
    startTestService(silentService('config'), urls),
    startTestService(policyDenying(new Set()), urls),
    startTestService(silentService('reconciler'), urls),
    startTestService(rollout({ sweepMs: 500 }), urls),
  ]);
  caller = await openTestCaller(nats.url);
});
afterAll(async () => {
  await caller.close();
  await Promise.all([config, policy, reconciler, service].map((running) => running.stop()));
});

const say = async <D extends EventDefinition>(
  running: RunningService,
  stream: string,
  definition: D,
  ...all: readonly FactOf<D>['data'][]
) => {
  const events = all.map((data) => newEvent(definition.type, data));
  await running.log.commit({ streams: [{ stream, expected: 'any', events }] });
};

const versionOf = (version: number) => ({ version, generation: version, hash: `sha256:${String(version).repeat(64)}` });
const resolved = {
  apiVersion: 'molthub/v1',
  kind: 'MoltbotInstance',
  metadata: { name: 'bot' },
  spec: { runtime: { engine: 'simulated' }, target: { kind: 'simulated' }, config: {} },
} as const;
const anna = { kind: 'user', id: 'anna', name: 'Anna' } as const;

type Fleet = { readonly id: string; readonly name: string };
const createFleet = async (mode: 'auto' | 'manual'): Promise<Fleet> => {
  const fleet = { id: randomUUID(), name: `fleet-${randomUUID().slice(0, 8)}` };
  const release = { mode, strategy: { kind: 'ALL' } } as const;
  const data = { fleetId: fleet.id, name: fleet.name, description: '', environment: 'dev' as const, tags: {}, release };
  await say(config, `fleet-${fleet.id}`, FleetCreated, data);
  return fleet;
};

type Publishing = { version: number; changeSetId?: string; forChangeSetId?: string; fleetStatus?: 'ACTIVE' | 'PAUSED' };
const published = (fleet: Fleet, botId: string, botName: string, publishing: Publishing) => ({
  proposalId: randomUUID(),
  botId,
  botName,
  fleetId: fleet.id,
  fleetName: fleet.name,
  fleetStatus: publishing.fleetStatus ?? ('ACTIVE' as const),
  environment: 'dev' as const,
  origin: 'update' as const,
  ...versionOf(publishing.version),
  previous: publishing.version > 1 ? versionOf(publishing.version - 1) : null,
  manifest: resolved,
  resolved,
  release: { mode: 'auto', strategy: { kind: 'ALL' } } as const,
  changeSetId: publishing.changeSetId ?? null,
  forChangeSetId: publishing.forChangeSetId ?? null,
  judgedAt: new Date().toISOString(),
  reason: '',
  author: anna,
});
const publish = (fleet: Fleet, botId: string, publishing: Publishing) =>
  say(config, `bot-${botId}`, ManifestPublished, published(fleet, botId, `bot-${botId.slice(0, 8)}`, publishing));

const converged = (fleet: Fleet, botId: string, changeSetId: string, version: number) => ({
  botId,
  fleetId: fleet.id,
  changeSetId,
  ...versionOf(version),
  endpoint: { url: `http://127.0.0.1:1/bots/${botId}`, pid: null },
  tokenReference: null,
  target: 'simulated' as const,
  applied: 'hot' as const,
  steps: [],
  simulated: true,
});
const converge = (fleet: Fleet, botId: string, changeSetId: string, version: number) =>
  say(reconciler, `bot-${botId}`, BotConverged, converged(fleet, botId, changeSetId, version));
const fail = (fleet: Fleet, botId: string, changeSetId: string, version: number, attempt: number) =>
  say(reconciler, `bot-${botId}`, BotFailed, {
    botId,
    fleetId: fleet.id,
    changeSetId,
    generation: version,
    error: { code: 'reconciler.start-failed', message: 'it does not start', permanent: false },
    attempt,
    steps: [],
    simulated: true,
  });

const row = async (changeSetId: string) =>
  (await service.log.reads('select * from rollout_read.change_sets where id = $1', [changeSetId]))[0];
const bots = (changeSetId: string) =>
  service.log.reads<{ bot_id: string; state: string; message: string; before: unknown }>(
    'select bot_id, state, message, before from rollout_read.change_set_bots where change_set_id = $1 order by bot_name',
    [changeSetId],
  );
const hasStatus = (changeSetId: string, status: string) =>
  until(async () => (await row(changeSetId))?.['status'] === status && row(changeSetId), {
    what: `change set ${changeSetId} to be ${status}`,
    timeoutMs: 20_000,
  });
const hasState = (changeSetId: string, state: string) =>
  until(async () => (await bots(changeSetId)).every((bot) => bot.state === state) && bots(changeSetId), {
    what: `the bots of ${changeSetId} to be ${state}`,
  });
const isKnown = (botId: string, version: number) =>
  until(
    async () =>
      (await service.log.reads('select 1 from bots where id = $1 and newest_version = $2', [botId, version])).length,
    { what: `version ${version} to be known` },
  );

const isConverged = (botId: string, version: number) => {
  const rows = () => service.log.reads('select 1 from converged where bot_id = $1 and version = $2', [botId, version]);
  return until(async () => (await rows()).length, { what: `version ${version} to be known as converged` });
};

const isAskedBack = (changeSetId: string, botId: string) =>
  until(
    async () => (await service.log.readStream(`release-${changeSetId}-${botId}`)).find((e) => /requested/.test(e.type)),
    { what: 'the rollback to be requested' },
  );

/** A bot that runs version 1, released automatically. */
const runningBot = async (fleet: Fleet) => {
  const [botId, changeSetId] = [randomUUID(), randomUUID()];
  await publish(fleet, botId, { version: 1, changeSetId });
  await hasStatus(changeSetId, 'RUNNING');
  await converge(fleet, botId, changeSetId, 1);
  await hasStatus(changeSetId, 'SUCCEEDED');
  await isConverged(botId, 1);
  return { botId, changeSetId };
};

test('a published version is released, settles and ends its change set; the next one knows the way back', async () => {
  const fleet = await createFleet('auto');
  const { botId, changeSetId } = await runningBot(fleet);
  expect(await row(changeSetId)).toMatchObject({ total: 1, updated: 1, failed: 0, message: '1 bot updated' });
  expect(await bots(changeSetId)).toMatchObject([{ bot_id: botId, state: 'CONVERGED', before: null }]);
  const next = randomUUID();
  await publish(fleet, botId, { version: 2, changeSetId: next });
  await hasStatus(next, 'RUNNING');
  expect(await bots(next)).toMatchObject([{ state: 'RELEASED', before: versionOf(1) }]);
  const released = await service.log.readStream(`release-${next}-${botId}`);
  expect(released).toMatchObject([{ type: 'rollout.bot.released.v1', data: { version: 2, resolved } }]);
});

test('the way back is known as soon as a change set says that it succeeded, forward or back', async () => {
  const fleet = await createFleet('auto');
  const { botId } = await runningBot(fleet); // and a listener that is behind what the reaction has done already:
  const lagging = () => service.log.reads('delete from converged where bot_id = $1', [botId]);
  const [second, third] = [randomUUID(), randomUUID()];
  await lagging();
  await publish(fleet, botId, { version: 2, changeSetId: second });
  await hasStatus(second, 'RUNNING');
  expect(await bots(second)).toMatchObject([{ before: versionOf(1) }]);
  await converge(fleet, botId, second, 2);
  await hasStatus(second, 'SUCCEEDED');
  expect(await caller.send(RollBackChangeSet, { changeSetId: second, reason: '' })).toMatchObject({ status: 'DONE' });
  await isAskedBack(second, botId);
  await publish(fleet, botId, { version: 3, forChangeSetId: second });
  await hasState(second, 'RELEASED');
  await converge(fleet, botId, second, 3);
  await hasStatus(second, 'ROLLED_BACK');
  await isConverged(botId, 3);
  await lagging();
  await publish(fleet, botId, { version: 4, changeSetId: third });
  await hasStatus(third, 'RUNNING');
  expect(await bots(third)).toMatchObject([{ before: { version: 3, generation: 3, hash: versionOf(1).hash } }]);
});

test('a bot that fails five times fails its change set, by name; a failure before that does not', async () => {
  const fleet = await createFleet('auto');
  const { botId } = await runningBot(fleet);
  const changeSetId = randomUUID();
  await publish(fleet, botId, { version: 2, changeSetId });
  await hasStatus(changeSetId, 'RUNNING');
  for (const attempt of [1, 2, 3, 4]) await fail(fleet, botId, changeSetId, 2, attempt);
  await fail(fleet, botId, changeSetId, 2, 5);
  const failed = await hasStatus(changeSetId, 'FAILED');
  expect(failed).toMatchObject({ failed: 1, message: `0 bots updated, 1 failed (bot-${botId.slice(0, 8)})` });
  const settled = await service.log.readStream(`release-${changeSetId}-${botId}`);
  expect(settled.map(({ type }) => type)).toEqual(['rollout.bot.released.v1', 'rollout.bot.settled.v1']);
});

test('a rollback asks config for the earlier content, releases it and reports it restored', async () => {
  const fleet = await createFleet('auto');
  const { botId } = await runningBot(fleet);
  const changeSetId = randomUUID();
  await publish(fleet, botId, { version: 2, changeSetId });
  await hasStatus(changeSetId, 'RUNNING');
  await converge(fleet, botId, changeSetId, 2);
  await hasStatus(changeSetId, 'SUCCEEDED');
  expect(await caller.send(RollBackChangeSet, { changeSetId, reason: 'too quiet' })).toMatchObject({ status: 'DONE' });
  const asked = await isAskedBack(changeSetId, botId);
  expect(asked.data).toEqual({ changeSetId, botId, toVersion: 1, fromVersion: 2, reason: 'too quiet' });
  await publish(fleet, botId, { version: 3, forChangeSetId: changeSetId });
  await hasState(changeSetId, 'RELEASED');
  await converge(fleet, botId, changeSetId, 3);
  expect(await hasStatus(changeSetId, 'ROLLED_BACK')).toMatchObject({ message: '1 bot restored' });
  expect(await bots(changeSetId)).toMatchObject([{ state: 'RESTORED' }]);
});

test('a restore that policy refuses is counted and not tried again', async () => {
  const fleet = await createFleet('auto');
  const { botId } = await runningBot(fleet);
  const changeSetId = randomUUID();
  await publish(fleet, botId, { version: 2, changeSetId });
  await hasStatus(changeSetId, 'RUNNING');
  await caller.send(RollBackChangeSet, { changeSetId, reason: '' });
  await until(async () => (await service.log.readStream(`release-${changeSetId}-${botId}`)).length === 2, {
    what: 'the rollback to be requested',
  });
  await say(config, `bot-${botId}`, ManifestRefused, {
    proposalId: randomUUID(),
    botId,
    forChangeSetId: changeSetId,
    code: 'policy.denied',
    message: 'no longer allowed',
    errors: [],
  });
  const ended = await hasStatus(changeSetId, 'ROLLED_BACK');
  expect(ended['message']).toMatch(/^0 bots restored, 1 failed/);
});

test('a bot that was changed since is left out of a rollback, and that is said', async () => {
  const fleet = await createFleet('auto');
  const { botId } = await runningBot(fleet);
  const [changeSetId, newer] = [randomUUID(), randomUUID()];
  await publish(fleet, botId, { version: 2, changeSetId });
  await hasStatus(changeSetId, 'RUNNING');
  await converge(fleet, botId, changeSetId, 2);
  await hasStatus(changeSetId, 'SUCCEEDED');
  await publish(fleet, botId, { version: 3, changeSetId: newer });
  await hasStatus(newer, 'RUNNING');
  await isKnown(botId, 3);
  await caller.send(RollBackChangeSet, { changeSetId, reason: '' });
  expect(await hasStatus(changeSetId, 'ROLLED_BACK')).toMatchObject({ message: '0 bots restored, 1 skipped' });
  expect((await bots(changeSetId))[0]?.message).toMatch(/^Changed since: version 3/);
});

test('a newer version supersedes a running change set, and the way back stays the stable version', async () => {
  const fleet = await createFleet('auto');
  const { botId } = await runningBot(fleet);
  const [older, newer] = [randomUUID(), randomUUID()];
  await publish(fleet, botId, { version: 2, changeSetId: older });
  await hasStatus(older, 'RUNNING');
  await publish(fleet, botId, { version: 3, changeSetId: newer });
  expect(await hasStatus(older, 'SUPERSEDED')).toMatchObject({ message: `Superseded by change set ${newer}.` });
  await converge(fleet, botId, newer, 3);
  await hasStatus(newer, 'SUCCEEDED');
  expect(await bots(newer)).toMatchObject([{ state: 'CONVERGED', before: versionOf(1) }]);
});

test('a paused fleet keeps releases waiting, refuses starts, and goes on when it is active', async () => {
  const fleet = await createFleet('auto');
  const [botId, older, newer] = [randomUUID(), randomUUID(), randomUUID()];
  const pause = { fleetId: fleet.id, from: 'ACTIVE', to: 'PAUSED', reason: '' } as const;
  await say(config, `fleet-${fleet.id}`, FleetStatusChanged, pause);
  await publish(fleet, botId, { version: 1, changeSetId: older, fleetStatus: 'PAUSED' });
  await hasStatus(older, 'PLANNED');
  await isKnown(botId, 1);
  const refused = await caller.send(StartChangeSet, { changeSetId: older, reason: '' });
  expect(refused).toMatchObject({ status: 'REFUSED', code: 'rollout.fleet-paused' });
  await publish(fleet, botId, { version: 2, changeSetId: newer, fleetStatus: 'PAUSED' });
  await hasStatus(older, 'SUPERSEDED');
  await say(config, `fleet-${fleet.id}`, FleetStatusChanged, { ...pause, from: 'PAUSED', to: 'ACTIVE' });
  await hasStatus(newer, 'RUNNING');
  await hasState(newer, 'RELEASED');
});

const manualFleet = async (count: number) => {
  const fleet = await createFleet('manual');
  const ids = Array.from({ length: count }, () => randomUUID());
  await Promise.all(ids.map((botId) => publish(fleet, botId, { version: 1 })));
  await until(
    async () =>
      (await service.log.reads('select 1 from bots where fleet_id = $1', [fleet.id])).length === count &&
      (await service.log.reads('select 1 from fleets where id = $1', [fleet.id])).length === 1,
    { what: 'the bots to be known', timeoutMs: 30_000 },
  );
  return { fleet, ids };
};
const create = (changeSetId: string, fleetId: string) =>
  caller.send(CreateChangeSet, {
    changeSetId,
    name: 'everything',
    targets: { fleetId },
    strategy: { kind: 'ALL' },
    reason: '',
  });

test('a requested change set of many bots is planned in parts, released by the job and ends with its last bot', async () => {
  const { fleet, ids } = await manualFleet(600);
  const changeSetId = randomUUID();
  expect(await create(changeSetId, fleet.id)).toMatchObject({ status: 'DONE' });
  expect(await row(changeSetId)).toMatchObject({ status: 'PLANNED', total: 600, origin: 'request' });
  expect((await service.log.readStream(`change-set-${changeSetId}`)).map(({ type }) => type)).toEqual([
    'rollout.change-set.planned.v1',
    ...Array.from({ length: 3 }, () => 'rollout.plan.recorded.v1'),
  ]);
  expect(await caller.send(StartChangeSet, { changeSetId, reason: '' })).toMatchObject({ status: 'DONE' });
  await hasState(changeSetId, 'RELEASED');
  const [retired, failing, ...rest] = ids;
  await say(config, `bot-${retired}`, BotRetired, { botId: retired ?? '', fleetId: fleet.id, name: 'gone' });
  await fail(fleet, failing ?? '', changeSetId, 1, 5);
  await Promise.all(rest.map((botId) => converge(fleet, botId, changeSetId, 1)));
  const ended = await hasStatus(changeSetId, 'FAILED');
  expect(ended).toMatchObject({ updated: 598, failed: 1 });
  expect(ended['message']).toMatch(/^598 bots updated, 1 failed \(bot-.*\), 1 skipped$/);
  const again = randomUUID();
  expect(await create(again, fleet.id)).toMatchObject({ status: 'DONE' });
  expect(await bots(again)).toMatchObject([{ bot_id: failing }]);
}, 90_000);

test('after an abort nothing more is released, and bots on their way still settle', async () => {
  const { fleet, ids } = await manualFleet(300);
  const changeSetId = randomUUID();
  await create(changeSetId, fleet.id);
  await caller.send(StartChangeSet, { changeSetId, reason: '' });
  expect(await caller.send(AbortChangeSet, { changeSetId, reason: 'stop' })).toMatchObject({ status: 'DONE' });
  expect(await caller.send(AbortChangeSet, { changeSetId, reason: 'stop' })).toMatchObject({ status: 'DONE' });
  const stream = await service.log.readStream(`change-set-${changeSetId}`);
  const aborted = stream.find(({ type }) => type === 'rollout.change-set.aborted.v1');
  expect(stream.at(-1)).toBe(aborted);
  const released = (await bots(changeSetId)).filter(({ state }) => state === 'RELEASED');
  for (const { bot_id } of released) await converge(fleet, bot_id, changeSetId, 1);
  await until(async () => (await bots(changeSetId)).every(({ state }) => state !== 'RELEASED'), {
    what: 'the bots on their way to settle',
  });
  for (const botId of ids) {
    const [release] = await service.log.readStream(`release-${changeSetId}-${botId}`);
    if (release && aborted) expect(release.log.position < aborted.log.position).toBe(true);
  }
  expect(await row(changeSetId)).toMatchObject({ status: 'ABORTED', updated: released.length });
  await caller
    .send(StartChangeSet, { changeSetId, reason: '' })
    .then((outcome) => expect(outcome).toMatchObject({ status: 'REFUSED', code: 'rollout.change-set-not-in-state' }));
});

test('a change set without anything new, or of nobody, is refused', async () => {
  const fleet = await createFleet('manual');
  await until(async () => (await service.log.reads('select 1 from fleets where id = $1', [fleet.id])).length, {
    what: 'the fleet to be known',
  });
  expect(await create(randomUUID(), fleet.id)).toMatchObject({ code: 'rollout.nothing-to-release' });
  expect(await create(randomUUID(), randomUUID())).toMatchObject({ code: 'rollout.target-not-found' });
});

test('the read model equals the fold of the log', async () => {
  const read = async () => [
    await service.log.reads('select * from change_sets order by id'),
    await service.log.reads('select * from change_set_bots order by change_set_id, bot_id'),
  ];
  const before = await read();
  expect(await caller.send(rebuildProjection('rollout'), { name: 'change-sets' })).toMatchObject({ status: 'DONE' });
  expect(await read()).toEqual(before);
});
