// Change sets in waves on real servers: who is in whose way, what keeps bots where they are, who may let it start.
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import {
  AbortChangeSet,
  type Actor,
  ApproveChangeSet,
  type CommandDefinition,
  type CommandOf,
  CompleteChangeSet,
  DeclineChangeSet,
  PauseChangeSet,
  PlaceHold,
  RollBackChangeSet,
  StartChangeSet,
} from '@molthub/contracts';
import type { RunningService } from '@molthub/service';
import { startTestService, testCommand } from '@molthub/service/testing';
import { withNats, withPostgres } from '@molthub/testing';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { type BotsUnderTest, openBots, type Urls } from './bots-under-test.ts';
import { prepareChangeSet } from './prepare.ts';
import { rollout } from './service.ts';

const postgres = withPostgres();
const nats = withNats();
vi.setConfig({ testTimeout: 90_000 });
let aheadMs = 0;
const now = () => new Date(Date.now() + aheadMs);
let urls: Urls;
let world: BotsUnderTest;
let service: RunningService;
beforeAll(async () => {
  urls = { databaseUrl: (await postgres.createDatabase()).url, natsUrl: nats.url, now };
  [world, service] = await Promise.all([openBots(urls), startTestService(rollout({ sweepMs: 500 }), urls)]);
});
afterAll(async () => {
  await world.stop();
  await service.stop();
});

const canary = (more: object = {}) => ({ kind: 'CANARY' as const, canary: { count: 1 }, steps: [100], ...more });
const says = async <D extends CommandDefinition>(actor: Actor, definition: D, data: CommandOf<D>['data']) =>
  world.caller.commander.request(
    { ...testCommand(definition.type, data), actor, time: now().toISOString() },
    { timeoutMs: 10_000 },
  );
const bert = { kind: 'user', id: 'bert', name: 'Bert' } as const;
const done = { status: 'DONE' };
const endOf = (changeSetId: string) => world.caller.send(AbortChangeSet, { changeSetId, reason: 'test' });

test('two change sets on the same bots: one is refused by the name of the other, or takes its place and keeps the way back', async () => {
  const fleet = await world.makeFleet(3);
  const first = await world.start(fleet, canary({ bakeSeconds: 3_600 }));
  await world.untilIt('the canary', async () => {
    await world.serve(fleet, first);
    return (await world.bots(first))[0]?.state === 'CONVERGED';
  });
  await world.publishAll(fleet, 3);
  const refused = await world.create(fleet, canary());
  expect(refused.outcome).toMatchObject({ status: 'REFUSED', code: 'rollout.conflict' });
  expect(JSON.stringify(refused.outcome)).toContain(first);
  // Were the other one to end before this commits, this would be decided again.
  const data = {
    changeSetId: randomUUID(),
    name: 'next',
    targets: { fleetId: fleet.id },
    strategy: canary(),
    reason: '',
  };
  const type = 'rollout.change-set.create.v1' as const;
  const { expects } = await prepareChangeSet(0)({ ...testCommand(type, data), type, data }, service.log.reads);
  expect(expects).toEqual([
    { stream: `plans-${fleet.id}`, version: 1 },
    { stream: `change-set-${first}`, version: (await world.row(first))['version'] },
  ]);
  const { changeSetId, outcome } = await world.create(fleet, canary(), 'SUPERSEDE');
  expect(outcome).toMatchObject(done);
  expect(await world.row(first)).toMatchObject({
    status: 'SUPERSEDED',
    message: `Superseded by change set ${changeSetId}.`,
  });
  expect((await world.bots(changeSetId)).map(({ before }) => before?.version)).toEqual([1, 1, 1]);
  await endOf(changeSetId);
});

test('two that are planned in the same moment on the same bots see each other', async () => {
  const fleet = await world.makeFleet(3);
  const both = await Promise.all([world.create(fleet, canary()), world.create(fleet, canary())]);
  const planned = both.filter(({ outcome }) => outcome?.status === 'DONE');
  expect(planned).toHaveLength(1);
  const [refused] = both.filter(({ outcome }) => outcome?.status !== 'DONE');
  expect(refused?.outcome).toMatchObject({ status: 'REFUSED', code: 'rollout.conflict' });
  // Which paths of its bots the other one changes.
  expect(JSON.stringify(refused?.outcome)).toContain('spec.config.prompt');
  for (const { changeSetId } of planned) await endOf(changeSetId);
});

test('what takes its bots back is not superseded: half of them would stay at what it takes them back from', async () => {
  const fleet = await world.makeFleet(2);
  const first = await world.start(fleet, canary({ bakeSeconds: 3_600 }));
  await world.untilIt('the canary', async () => (await world.bots(first))[0]?.state === 'RELEASED');
  expect(await world.caller.send(RollBackChangeSet, { changeSetId: first, reason: '' })).toMatchObject(done);
  await world.publish(fleet, (await world.bots(first))[1]?.botId ?? '', 3);
  const { outcome } = await world.create(fleet, canary(), 'SUPERSEDE');
  expect(outcome).toMatchObject({ status: 'REFUSED', code: 'rollout.conflict' });
  expect(await world.untilStatus(fleet, first, 'ROLLED_BACK')).toMatchObject({ restored: 1 });
});

test('a newer version of a bot that was moved waits until the change set is over', async () => {
  const fleet = await world.makeFleet(2);
  const first = await world.start(fleet, canary({ bakeSeconds: 3_600 }));
  await world.untilIt('the canary', async () => {
    await world.serve(fleet, first);
    return (await world.bots(first))[0]?.state === 'CONVERGED';
  });
  const [moved] = await world.bots(first);
  const newer = randomUUID();
  await world.publish(fleet, moved?.botId ?? '', 3, { changeSetId: newer });
  await world.untilIt('it to be planned', async () => (await world.row(newer))['status'] === 'PLANNED');
  expect(JSON.stringify((await world.row(newer))['notes'])).toContain('It waits');
  expect(await world.caller.send(StartChangeSet, { changeSetId: newer, reason: '' })).toMatchObject(done);
  await endOf(first);
  await world.untilStatus(fleet, newer, 'SUCCEEDED');
  const told = await world.rows(
    `select type from rollout.events where stream_id in ($1, $2) and type = any($3) order by position`,
    [
      `change-set-${first}`,
      `release-${newer}-${moved?.botId}`,
      ['rollout.change-set.aborted.v1', 'rollout.bot.released.v1'],
    ],
  );
  expect(told.map(({ type }) => type)).toEqual(['rollout.change-set.aborted.v1', 'rollout.bot.released.v1']);
});

test('a pinned bot is left out, and the plan says so', async () => {
  const fleet = await world.makeFleet(3);
  const [pinned = ''] = fleet.botIds;
  expect(await world.caller.send(PlaceHold, { botId: pinned, kind: 'PIN', reason: 'delicate' })).toMatchObject(done);
  const { changeSetId } = await world.create(fleet, canary());
  expect(await world.row(changeSetId)).toMatchObject({ total: 2, notes: [expect.stringMatching(/^Left out.*pinned/)] });
  expect((await world.bots(changeSetId)).map(({ botId }) => botId)).not.toContain(pinned);
});

test('a canary that is unwell goes back by itself and is held: a layer leaves it as it is, and a requested release lifts the hold', async () => {
  const fleet = await world.makeFleet(2);
  const first = await world.start(fleet, canary({ onFailure: 'ROLL_BACK' }));
  const ended = await world.untilStatus(fleet, first, 'ROLLED_BACK', 'UNHEALTHY');
  expect(ended).toMatchObject({ restored: 1, restore_skipped: 0 });
  const [moved, other] = await world.bots(first);
  expect([moved?.rollback, other?.released]).toEqual(['RESTORED', false]);
  const holds = () => world.rows('select kind, change_set_id from rollout.holds where bot_id = $1', [moved?.botId]);
  expect(await holds()).toEqual([{ kind: 'HOLD', change_set_id: first }]);
  const layer = await world.changeLayer(fleet, 4);
  const { refused_bots: left } = await world.untilStatus(fleet, layer, 'SUCCEEDED');
  expect(left).toMatchObject([{ botId: moved?.botId, code: 'rollout.held' }]);
  expect((await world.bots(layer)).map(({ botId }) => botId)).toEqual([other?.botId]);
  await world.publishAll(fleet, 5);
  const next = await world.start(fleet, canary());
  await world.untilStatus(fleet, next, 'SUCCEEDED');
  expect(await holds()).toEqual([]);
});

test('no more bots are on their way, there or back, than maxParallel says', async () => {
  const fleet = await world.makeFleet(4);
  const changeSetId = await world.start(fleet, { kind: 'ALL', maxParallel: 2 });
  const away: number[] = [];
  const untilServed = async (status: string) =>
    world.untilIt(`it to be ${status}`, async () => {
      const all = await world.bots(changeSetId);
      away.push(all.filter(({ open, released, rollback }) => rollback === 'REQUESTED' || (released && open)).length);
      await world.serve(fleet, changeSetId, 'HEALTHY');
      return (await world.row(changeSetId))['status'] === status;
    });
  await untilServed('SUCCEEDED');
  expect(Math.max(...away)).toBe(2);
  away.length = 0;
  await world.caller.send(RollBackChangeSet, { changeSetId, reason: '' });
  await untilServed('ROLLED_BACK');
  expect(Math.max(...away)).toBe(2);
});

test('a bot that never answers when it is asked to go back ends the way back as failed, by its name', async () => {
  const fleet = await world.makeFleet(3);
  const changeSetId = await world.start(fleet, { kind: 'ALL', maxParallel: 3 });
  await world.untilStatus(fleet, changeSetId, 'SUCCEEDED');
  await world.caller.send(RollBackChangeSet, { changeSetId, reason: '' });
  const backs = async () => (await world.bots(changeSetId)).map(({ rollback }) => rollback);
  await world.untilIt('all to be asked', async () => (await backs()).every((back) => back === 'REQUESTED'));
  await world.untilIt('two to be back', async () => {
    await world.serve(fleet, changeSetId, 'HEALTHY', 2);
    return (await backs()).filter((back) => back === 'RESTORED').length === 2;
  });
  expect(await world.row(changeSetId)).toMatchObject({ status: 'ROLLING_BACK', finished_at: null });
  aheadMs += 601_000;
  const ended = await world.untilStatus(fleet, changeSetId, 'FAILED', 'HEALTHY', 2);
  const [, , silent = ''] = fleet.botIds;
  expect(ended).toMatchObject({
    restored: 2,
    message: `2 bots restored. 1 did not come back within 600 s: bot-${silent.slice(0, 8)}.`,
  });
  const held = await world.rows('select bot_id from rollout.holds where bot_id = any($1::uuid[])', [fleet.botIds]);
  expect(held).toHaveLength(2);
  // It is only late: once config answers it goes back all the same, and says so itself.
  await world.untilIt('it to be back', async () => {
    await world.serve(fleet, changeSetId, 'HEALTHY');
    return (await backs()).every((back) => back === 'RESTORED');
  });
  expect(await world.row(changeSetId)).toMatchObject({ status: 'FAILED', restored: 3 });
});

test('an approval is of one plan, of somebody else, and for a while', async () => {
  const fleet = await world.makeFleet(1);
  const strategy = { kind: 'ALL' as const, gates: { approval: { count: 1, expiresSeconds: 3_600 } } };
  const { changeSetId } = await world.create(fleet, strategy);
  const start = () => world.caller.send(StartChangeSet, { changeSetId, reason: '' });
  const { status, plan_hash: planHash } = await world.row(changeSetId);
  expect(status).toBe('AWAITING_APPROVAL');
  expect(await start()).toMatchObject({ status: 'REFUSED', code: 'rollout.not-approved' });
  const approval = { changeSetId, planHash: String(planHash), role: 'OPERATOR' as const, reason: '' };
  const another = { ...approval, planHash: `sha256:${'f'.repeat(64)}` };
  expect(await world.caller.send(ApproveChangeSet, approval)).toMatchObject({ code: 'rollout.own-plan' });
  expect(await says(bert, ApproveChangeSet, another)).toMatchObject({ code: 'rollout.another-plan' });
  expect(await says(bert, ApproveChangeSet, approval)).toMatchObject(done);
  expect(await world.row(changeSetId)).toMatchObject({ status: 'APPROVED' });
  aheadMs += 3_600_000;
  expect(await start()).toMatchObject({ code: 'rollout.not-approved' });
  await world.untilStatus(fleet, changeSetId, 'EXPIRED');
});

test('an approved plan starts, and one that is declined never does', async () => {
  const fleet = await world.makeFleet(1);
  const strategy = { kind: 'ALL' as const, gates: { approval: { count: 1 } } };
  const declined = await world.create(fleet, strategy);
  const of = async (changeSetId: string) => ({
    changeSetId,
    planHash: String((await world.row(changeSetId))['plan_hash']),
    role: 'OPERATOR' as const,
    reason: '',
  });
  expect(await says(bert, DeclineChangeSet, await of(declined.changeSetId))).toMatchObject(done);
  expect(await world.row(declined.changeSetId)).toMatchObject({ status: 'ABORTED' });
  const late = { changeSetId: declined.changeSetId, reason: '' };
  expect(await world.caller.send(StartChangeSet, late)).toMatchObject({ code: 'rollout.change-set-not-in-state' });
  const { changeSetId } = await world.create(fleet, strategy);
  expect(await says(bert, ApproveChangeSet, await of(changeSetId))).toMatchObject(done);
  expect(await world.caller.send(StartChangeSet, { changeSetId, reason: '' })).toMatchObject(done);
  await world.untilStatus(fleet, changeSetId, 'SUCCEEDED');
});

test('no wave starts outside of its hours', async () => {
  const fleet = await world.makeFleet(1);
  const always = { cron: '* * * * *', minutes: 60 };
  const strategy = { kind: 'ALL' as const, gates: { window: { timezone: 'UTC', allow: [always], deny: [always] } } };
  const { changeSetId } = await world.create(fleet, strategy);
  const outcome = await world.caller.send(StartChangeSet, { changeSetId, reason: '' });
  expect(outcome).toMatchObject({ status: 'REFUSED', code: 'rollout.outside-window' });
});

test('a webhook on a private address is not asked: its wave pauses and says why', async () => {
  const fleet = await world.makeFleet(2);
  const webhook = { url: 'http://127.0.0.1:9/judge', waitSeconds: 2 };
  const changeSetId = await world.start(fleet, canary({ gates: { webhook } }));
  const { message } = await world.untilStatus(fleet, changeSetId, 'PAUSED');
  expect(message).toMatch(/WEBHOOK has no verdict for wave 1: .*not on the internet/);
  // What was said of another wave, by a leader that was frozen since, says nothing of this one.
  const type = 'rollout.change-set.judge.v1' as const;
  const seen = async (wave: number) => {
    const data = { changeSetId, webhook: { wave, verdict: 'PASS' as const, message: '' } };
    const { command } = await prepareChangeSet(0)({ ...testCommand(type, data), type, data }, service.log.reads);
    const observed = command.type === type ? command.observed : null;
    return observed?.gates.find(({ gate }) => gate === 'WEBHOOK')?.verdict;
  };
  expect([await seen(0), await seen(1)]).toEqual(['PASS', 'ERROR']);
  await endOf(changeSetId);
});

test('a change set that cannot be looked at keeps no other one waiting', async () => {
  const [broken, fleet] = [await world.makeFleet(2), await world.makeFleet(2)];
  const first = await world.start(broken, canary({ bakeSeconds: 3_600 }));
  const strategyOf = (strategy: object) =>
    world.rows('update rollout.change_sets set strategy = $2 where id = $1', [first, JSON.stringify(strategy)]);
  await strategyOf({ kind: 'OF_A_LATER_VERSION' });
  const second = await world.start(fleet, canary());
  await world.untilStatus(fleet, second, 'SUCCEEDED');
  await strategyOf(canary());
  await endOf(first);
});

test('what is ended early rests on its bots being where they were counted', async () => {
  const fleet = await world.makeFleet(2);
  const changeSetId = await world.start(fleet, { kind: 'ALL', maxParallel: 1 });
  await world.untilIt('the first', async () => (await world.bots(changeSetId)).some(({ released }) => released));
  const data = { changeSetId, reason: 'enough' };
  const waiting = (await world.bots(changeSetId)).filter(({ released }) => !released);
  for (const type of ['rollout.change-set.complete.v1', 'rollout.change-set.fail.v1'] as const) {
    const { expects } = await prepareChangeSet(0)({ ...testCommand(type, data), type, data }, service.log.reads);
    // A release that commits first makes it decide again.
    expect(expects).toEqual(waiting.map(({ botId }) => ({ stream: `release-${changeSetId}-${botId}`, version: 0 })));
  }
  expect(await world.caller.send(PauseChangeSet, data)).toMatchObject(done);
  await world.untilIt('it to settle', async () => {
    await world.serve(fleet, changeSetId);
    return (await world.bots(changeSetId)).some(({ state }) => state === 'CONVERGED');
  });
  expect(await world.caller.send(CompleteChangeSet, data)).toMatchObject(done);
  const message = expect.stringContaining('Ended early: 1 left');
  expect(await world.row(changeSetId)).toMatchObject({ status: 'SUCCEEDED', message });
});

test('a strategy that nobody can read holds up no other release that starts by itself', async () => {
  const [broken, fleet] = [await world.makeFleet(1), await world.makeFleet(1)];
  const [first, second] = [await world.create(broken, canary()), await world.create(fleet, canary())];
  const startsAlone = (changeSetId: string, strategy: object) =>
    world.rows("update rollout.change_sets set origin = 'release', strategy = $2 where id = $1", [
      changeSetId,
      JSON.stringify(strategy),
    ]);
  await startsAlone(first.changeSetId, { kind: 'OF_A_LATER_VERSION' });
  await startsAlone(second.changeSetId, canary());
  await world.untilStatus(fleet, second.changeSetId, 'SUCCEEDED');
  expect(await world.row(first.changeSetId)).toMatchObject({ status: 'PLANNED' });
  await startsAlone(first.changeSetId, canary());
  await world.untilStatus(broken, first.changeSetId, 'SUCCEEDED');
});

test.each([
  ['{"verdict":"PASS"}', 'SUCCEEDED'],
  ['{"verdict":"FAIL"}', 'ROLLED_BACK'],
  ['fine!', 'PAUSED'],
])('a webhook that is asked and answers %s makes it %s', async (answer, status) => {
  await service.stop();
  service = await startTestService(rollout({ sweepMs: 500, allowsPrivateWebhooks: true }), urls);
  const server = createServer((_request, response) => response.end(answer));
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = z.object({ port: z.int() }).parse(server.address());
  const fleet = await world.makeFleet(2);
  const webhook = { url: `http://127.0.0.1:${port}/judge`, waitSeconds: 2 };
  const changeSetId = await world.start(fleet, canary({ onFailure: 'ROLL_BACK', gates: { webhook } }));
  await world.untilStatus(fleet, changeSetId, status);
  await endOf(changeSetId);
  server.close();
});
