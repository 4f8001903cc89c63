// What is released on a verdict that is too old is asked about first: policy lets it go, denies it, or is silent.
import { randomUUID } from 'node:crypto';
import {
  AbortChangeSet,
  AskRelease,
  CreateChangeSet,
  dropParked,
  type FactOf,
  FleetCreated,
  ManifestPublished,
  ReleaseAsked,
  SettleBot,
  StartChangeSet,
} from '@molthub/contracts';
import { newEvent } from '@molthub/event-store/testing';
import { type Job, on, type RunningService, type ServiceDefinition } from '@molthub/service';
import { openTestCaller, silentService, startTestService, type TestCaller } from '@molthub/service/testing';
import { until, withNats, withPostgres } from '@molthub/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { advance } from './advance.ts';
import { createWebhooks } from './course/webhooks.ts';
import { rollout } from './service.ts';
import { policyDenying } from './testing.ts';
import { createWake } from './wake.ts';

const postgres = withPostgres();
const nats = withNats();
const denied = new Set<string>();
let aheadMs = 0;
const now = () => new Date(Date.now() + aheadMs);
const minutesPass = (minutes: number) => {
  aheadMs += minutes * 60_000;
};
let urls: { readonly databaseUrl: string; readonly natsUrl: string; readonly now: () => Date };
let config: RunningService;
let policy: RunningService;
let service: RunningService;
let caller: TestCaller;
beforeAll(async () => {
  urls = { databaseUrl: (await postgres.createDatabase()).url, natsUrl: nats.url, now };
  [config, policy, service] = await Promise.all([
    startTestService(silentService('config'), urls),
    startTestService(policyDenying(denied), urls),
    startTestService(rollout({ sweepMs: 500 }), urls),
  ]);
  caller = await openTestCaller(nats.url, now);
});
afterAll(async () => {
  await caller.close();
  await Promise.all([config, policy, service].map((running) => running.stop()));
});

const restartPolicyAs = async (definition: ServiceDefinition) => {
  await policy.stop();
  policy = await startTestService(definition, urls);
};

const release = { mode: 'manual', strategy: { kind: 'ALL' } } as const;
const hash = `sha256:${'1'.repeat(64)}`;
const manifestOf = (kilobytes: number) => ({
  apiVersion: 'molthub/v1' as const,
  kind: 'MoltbotInstance' as const,
  metadata: { name: 'bot', labels: {} },
  spec: {
    runtime: { engine: 'simulated' as const },
    target: { kind: 'simulated' as const },
    config: { text: 'x'.repeat(kilobytes * 1024) },
  },
});

type Published = FactOf<typeof ManifestPublished>['data'];
const sayPublished = (all: readonly Published[]) =>
  config.log.commit({
    streams: all.map((data) => ({
      stream: `bot-${data.botId}`,
      expected: 'any',
      events: [newEvent(ManifestPublished.type, data)],
    })),
  });

const firstVersion = (
  botId: string,
  fleet: { readonly id: string; readonly name: string },
  manifest: ReturnType<typeof manifestOf>,
): Published => ({
  proposalId: randomUUID(),
  botId,
  botName: `bot-${botId.slice(0, 8)}`,
  fleetId: fleet.id,
  fleetName: fleet.name,
  fleetStatus: 'ACTIVE',
  environment: 'dev',
  origin: 'create',
  version: 1,
  generation: 1,
  hash,
  previous: null,
  manifest,
  resolved: manifest,
  release,
  changeSetId: null,
  forChangeSetId: null,
  reason: '',
  author: { kind: 'user', id: 'anna', name: 'Anna' },
});

/** Bots of a fleet whose first versions wait for a change set; where `changeSetId` is given, they start by themselves. */
const publish = async (count: number, more: { judgedAt?: string; changeSetId?: string; kilobytes?: number } = {}) => {
  const fleet = { id: randomUUID(), name: `fleet-${randomUUID().slice(0, 8)}` };
  const { changeSetId = null, kilobytes = 0, ...judged } = more;
  const created = { fleetId: fleet.id, name: fleet.name, description: '', environment: 'dev', tags: {}, release };
  const made = {
    stream: `fleet-${fleet.id}`,
    expected: 'any' as const,
    events: [newEvent(FleetCreated.type, created)],
  };
  await config.log.commit({ streams: [made] });
  const ids = Array.from({ length: count }, () => randomUUID()).toSorted();
  await sayPublished(
    ids.map((botId) => ({ ...firstVersion(botId, fleet, manifestOf(kilobytes)), changeSetId, ...judged })),
  );
  return { fleet, fleetId: fleet.id, ids };
};
const startAll = async (fleetId: string, count: number, changeSetId: string = randomUUID()) => {
  const known = () => service.log.reads('select 1 from bots where fleet_id = $1', [fleetId]);
  await until(async () => (await known()).length === count, { what: 'the bots to be known' });
  const create = { changeSetId, name: 'all', targets: { fleetId }, strategy: { kind: 'ALL' as const }, reason: '' };
  expect(await caller.send(CreateChangeSet, create)).toMatchObject({ status: 'DONE' });
  expect(await caller.send(StartChangeSet, { changeSetId, reason: '' })).toMatchObject({ status: 'DONE' });
  return changeSetId;
};
const bots = (changeSetId: string) =>
  service.log.reads(
    'select bot_id, state, message from rollout_read.change_set_bots where change_set_id = $1 order by bot_id',
    [changeSetId],
  );
const untilStates = (changeSetId: string, states: readonly string[]) =>
  until(async () => (await bots(changeSetId)).map(({ state }) => state).join() === states.join(), {
    what: `the bots of ${changeSetId} to be ${states.join()}`,
  });
const questions = (changeSetId: string) =>
  service.log.reads(
    `select type, jsonb_array_length(data->'bots') as bots, octet_length((data->'bots')::text) as bytes from events
     where stream_id like 'clearance-%' and data->>'changeSetId' = $1 order by position`,
    [changeSetId],
  );
const types = async (changeSetId: string) => (await questions(changeSetId)).map(({ type }) => String(type));
const pair = ['rollout.release.asked.v1', 'rollout.release.cleared.v1'];

test('what policy denies fails and is never released; the others go', async () => {
  const { fleetId, ids } = await publish(3);
  const [, second = ''] = ids;
  denied.add(second);
  const changeSetId = await startAll(fleetId, 3);
  await untilStates(changeSetId, ['RELEASED', 'FAILED', 'RELEASED']);
  expect((await bots(changeSetId))[1]).toMatchObject({
    message: 'Policy denies the release of version 1: Be quiet. (quiet at spec.config) And 1 more.',
  });
  const stream = await service.log.readStream(`release-${changeSetId}-${second}`);
  expect(stream.map(({ type }) => type)).toEqual(['rollout.bot.settled.v1']);
  expect(await types(changeSetId)).toEqual(pair);
  // It may be tried again, and goes once policy has nothing against it.
  denied.delete(second);
  const again = await startAll(fleetId, 3);
  await untilStates(again, ['RELEASED']);
});

test('a question carries as many bots as fit into an event', async () => {
  const { fleetId } = await publish(5, { kilobytes: 150 });
  const changeSetId = await startAll(fleetId, 5);
  await untilStates(changeSetId, ['RELEASED', 'RELEASED', 'RELEASED', 'RELEASED', 'RELEASED']);
  const asked = (await questions(changeSetId)).filter(({ type }) => type === pair[0]);
  expect(asked.map((question) => question['bots'])).toEqual([2, 2, 1]);
});

test('while policy is silent nothing is released, and it goes on when policy is back', async () => {
  await policy.stop();
  const { fleetId } = await publish(1);
  const changeSetId = await startAll(fleetId, 1);
  await until(async () => (await types(changeSetId)).length === 1, { what: 'the question' });
  const message = expect.stringMatching(/^Waits for policy, which was asked at 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ\.$/);
  expect(await bots(changeSetId)).toMatchObject([{ state: 'PLANNED', message }]);
  policy = await startTestService(policyDenying(denied), urls);
  await untilStates(changeSetId, ['RELEASED']);
  expect(await bots(changeSetId)).toMatchObject([{ message: '' }]);
});

test.each([
  ['none', {}],
  ['an old one', { judgedAt: new Date(Date.now() - 61_000).toISOString() }],
])('a version that is published with %s of a verdict is asked about before it is released', async (_, judged) => {
  const changeSetId = randomUUID();
  await publish(1, { ...judged, changeSetId });
  await untilStates(changeSetId, ['RELEASED']);
  expect(await types(changeSetId)).toEqual(pair);
});

test('one that was judged a moment ago is not asked about', async () => {
  const changeSetId = randomUUID();
  await publish(1, { judgedAt: now().toISOString(), changeSetId });
  await untilStates(changeSetId, ['RELEASED']);
  expect(await types(changeSetId)).toEqual([]);
});

const onlyQuestion = async (changeSetId: string) => {
  const asked = () =>
    service.log.reads("select data from events where type = $1 and data->>'changeSetId' = $2", [pair[0], changeSetId]);
  const [question] = await until(async () => (await asked()).length === 1 && asked(), { what: 'the question' });
  const { askId } = z.object({ askId: z.uuid() }).parse(question?.['data']);
  return { askId, stream: `release-${askId}` };
};
/** Policy says of the only question, `seconds` from now, that these bots may go. */
const answerAsOf = async (changeSetId: string, allowed: readonly string[], seconds: number) => {
  const { askId, stream } = await onlyQuestion(changeSetId);
  const answer = {
    ...newEvent('policy.release.evaluated.v1', { askId, changeSetId, allowed, denied: [] }),
    time: new Date(now().getTime() + seconds * 1_000).toISOString(),
  };
  await policy.log.commit({ streams: [{ stream, expected: 'any', events: [answer] }] });
};

test.each([
  ['that came too late', -61],
  ['of a clock that is wrong', 3_600],
])('an answer %s is asked for again, though not at once', async (_, seconds) => {
  await restartPolicyAs(silentService('policy'));
  const { fleetId, ids } = await publish(1);
  const changeSetId = await startAll(fleetId, 1);
  await answerAsOf(changeSetId, ids, seconds);
  await until(async () => (await types(changeSetId)).length === 2, { what: 'the answer to be taken' });
  const ask = { askId: randomUUID(), changeSetId, botIds: ids };
  expect(await caller.send(AskRelease, ask)).toMatchObject({ status: 'DONE' });
  expect(await types(changeSetId)).toEqual(pair);
  minutesPass(1);
  await until(async () => (await types(changeSetId)).length === 3, { what: 'the second question' });
  expect(await types(changeSetId)).toEqual([...pair, pair[0]]);
  expect(await bots(changeSetId)).toMatchObject([{ state: 'PLANNED' }]);
});

/** Once somebody else's question is there, everything has been looked at since. */
const untilLooked = async () => {
  const { fleetId } = await publish(1);
  const changeSetId = await startAll(fleetId, 1);
  await until(async () => (await types(changeSetId)).length > 0, { what: "somebody else's question" });
};

test('a question that an operator dropped is asked anew ten minutes after it was asked', async () => {
  await policy.stop();
  const failing: ServiceDefinition = {
    ...silentService('policy'),
    reactions: [
      on(ReleaseAsked, 'judge', () => {
        throw new Error('This version cannot judge it.');
      }),
    ],
  };
  policy = await startTestService(failing, urls);
  const { fleetId } = await publish(1);
  const changeSetId = await startAll(fleetId, 1);
  const { id: parkedId } = await until(
    async () => {
      const [parked] = await policy.log.reads<{ id: string }>(
        "select id from parked where event->'data'->>'changeSetId' = $1",
        [changeSetId],
      );
      return parked;
    },
    { what: 'the question to be parked', timeoutMs: 20_000 },
  );
  await restartPolicyAs(policyDenying(denied));
  expect(await caller.send(dropParked('policy'), { parkedId, reason: '' })).toMatchObject({ status: 'DONE' });
  minutesPass(9);
  await untilLooked();
  expect(await types(changeSetId)).toEqual([pair[0]]);
  minutesPass(1);
  await untilStates(changeSetId, ['RELEASED']);
  expect(await types(changeSetId)).toEqual([pair[0], ...pair]);
});

test('who is silent for long is asked anew at intervals that grow', async () => {
  await restartPolicyAs(silentService('policy'));
  const { fleetId } = await publish(1);
  const changeSetId = await startAll(fleetId, 1);
  await until(async () => (await types(changeSetId)).length === 1, { what: 'the question' });
  minutesPass(10);
  await until(async () => (await types(changeSetId)).length === 2, { what: 'the second question' });
  minutesPass(19);
  await untilLooked();
  expect(await types(changeSetId)).toHaveLength(2);
  minutesPass(1);
  await until(async () => (await types(changeSetId)).length === 3, { what: 'the third question' });
  expect(await bots(changeSetId)).toMatchObject([{ state: 'PLANNED' }]);
});

const restartAs = async (definition: ServiceDefinition) => {
  await service.stop();
  service = await startTestService(definition, urls);
};
/** Rollout with another job, or with none: then nothing goes on by itself. */
const withJobs = (...jobs: readonly Job[]) => ({ ...rollout(), jobs });
const neverMs = 600_000;
const neverJudging = (sweepMs: number) => ({
  sweepMs,
  windowLatenessMs: 0,
  webhooks: createWebhooks({ allowsPrivate: false }),
});

test('a change set beside a large one is asked about too, though nothing wakes the job for it', async () => {
  await restartAs(withJobs());
  await restartPolicyAs(policyDenying(denied));
  const [first = '', second = ''] = [randomUUID(), randomUUID()].toSorted();
  const [large, small] = await Promise.all([publish(501), publish(1)]);
  await startAll(large.fleetId, 501, first);
  await startAll(small.fleetId, 1, second);
  await restartAs(withJobs(advance(createWake(), neverJudging(neverMs))));
  await untilStates(second, ['RELEASED']);
  const isReleased = async () => (await bots(first)).every(({ state }) => state === 'RELEASED');
  await until(isReleased, { what: 'the large one to be released' });
});

test('everything is looked at in time, although commits ring all the while', async () => {
  const wake = createWake();
  const bell = setInterval(() => wake.ring('commit'), 20);
  try {
    await restartAs(withJobs(advance(wake, neverJudging(500))));
    await restartPolicyAs(silentService('policy'));
    const { fleetId } = await publish(1);
    const changeSetId = await startAll(fleetId, 1);
    await until(async () => (await types(changeSetId)).length === 1, { what: 'the question' });
    minutesPass(10);
    await until(async () => (await types(changeSetId)).length === 2, { what: 'the second question' });
  } finally {
    clearInterval(bell);
  }
});

test('a version that policy denies has not superseded the one before, which goes on', async () => {
  await restartAs(rollout({ sweepMs: 500 }));
  await restartPolicyAs(silentService('policy'));
  const [first, second] = [randomUUID(), randomUUID()];
  const { fleet, ids } = await publish(1, { judgedAt: now().toISOString(), changeSetId: first });
  const [botId = ''] = ids;
  await untilStates(first, ['RELEASED']);
  const previous = { version: 1, generation: 1, hash };
  const next = { version: 2, generation: 2, hash: `sha256:${'2'.repeat(64)}`, previous, changeSetId: second };
  await sayPublished([{ ...firstVersion(botId, fleet, manifestOf(0)), origin: 'update', ...next }]);
  await until(async () => (await types(second)).length === 1, { what: 'the question' });
  await untilLooked();
  denied.add(botId);
  await restartPolicyAs(policyDenying(denied));
  await untilStates(second, ['FAILED']);
  expect(await bots(first)).toMatchObject([{ state: 'RELEASED' }]);
  const converged = { changeSetId: first, botId, generation: 1, result: 'CONVERGED' as const, message: '' };
  expect(await caller.send(SettleBot, converged)).toMatchObject({ status: 'DONE' });
  await untilStates(first, ['CONVERGED']);
});

test('a denial that comes after an abort leaves what ended as it is', async () => {
  await restartPolicyAs(silentService('policy'));
  const { fleetId, ids } = await publish(2);
  ids.map((botId) => denied.add(botId));
  const changeSetId = await startAll(fleetId, 2);
  const { stream } = await onlyQuestion(changeSetId);
  expect(await caller.send(AbortChangeSet, { changeSetId, reason: 'no' })).toMatchObject({ status: 'DONE' });
  const ended = () => service.log.reads('select * from change_sets where id = $1', [changeSetId]);
  const before = [await ended(), await bots(changeSetId)];
  await restartPolicyAs(policyDenying(denied));
  const taken = async () => (await service.log.consumed('rollout:policy', [stream])).has(stream);
  await until(taken, { what: 'the denials to be taken' });
  expect([await ended(), await bots(changeSetId)]).toEqual(before);
});
