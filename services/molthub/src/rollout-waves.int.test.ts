// Change sets that move ten simulated bots in waves, through the real API and every service.
import { until, withNats, withPostgres } from '@molthub/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { type ApiUnderTest, openApi } from './api-under-test.ts';
import { newSpanId, newTraceId, senderOf } from './traces-under-test.ts';

const servers = { postgres: withPostgres(), nats: withNats() };
let api: ApiUnderTest;
let otlpUrl = '';
beforeAll(async () => {
  api = await openApi(servers, { windowLatenessMs: 1_000 });
  otlpUrl = await api.openOtlp();
});
afterAll(() => api.close());

const ok = async (method: string, path: string, body?: unknown, status = 200) => {
  const answer = await api.call(method, `/api/v1${path}`, body === undefined ? {} : { body });
  expect(answer.status, `${method} ${path}: ${answer.text}`).toBe(status);
  return answer.body;
};

type Simulation = Readonly<Record<string, number | boolean>>;
const manifestOf = (name: string, simulation: Simulation, labels: Readonly<Record<string, string>> = {}) => ({
  apiVersion: 'molthub/v1',
  kind: 'MoltbotInstance',
  metadata: { name, labels },
  spec: {
    runtime: { engine: 'simulated' },
    target: { kind: 'simulated' },
    config: { simulation },
    healthCheck: { kind: 'engine', intervalS: 5, failuresMax: 1 },
  },
});

const Bot = z.object({ id: z.uuid(), name: z.string(), observedHash: z.string().nullable(), status: z.string() });
const Bots = z.object({ items: z.array(Bot) });
const ChangeSet = z.object({
  id: z.uuid(),
  status: z.string(),
  planHash: z.string(),
  waves: z.array(z.object({ index: z.int(), botInstanceIds: z.array(z.uuid()) })),
});
const Planned = z.object({
  items: z.array(
    z.object({
      botInstanceId: z.uuid(),
      wave: z.int(),
      state: z.string(),
      before: z.object({ hash: z.string() }).nullable(),
      after: z.object({ hash: z.string() }),
    }),
  ),
});
const Status = z.object({
  status: z.string(),
  currentWave: z.int().nullable(),
  message: z.string(),
  verdicts: z.array(z.object({ wave: z.int(), gate: z.string(), verdict: z.string(), message: z.string() })),
});

type Fleet = { readonly id: string; readonly botIds: readonly string[] };

/** Ten bots that run their first version and are known to be well, in a fleet that releases nothing by itself. */
const makeFleet = async (name: string): Promise<Fleet> => {
  const release = { mode: 'manual', strategy: { kind: 'ALL' } };
  const fleet = await ok('POST', '/fleets', { name, environment: 'dev', release: { ...release, mode: 'auto' } }, 201);
  const id = z.uuid().parse(fleet['id']);
  const botIds: string[] = [];
  for (let index = 0; index < 10; index += 1) {
    const manifest = manifestOf(`${name}-${index}`, { latencyMs: 1 });
    const bot = await ok('POST', '/bot-instances', { fleetId: id, manifest }, 201);
    botIds.push(z.uuid().parse(bot['id']));
  }
  await until(async () => (await bots(id)).every(({ status }) => status === 'RUNNING'), { what: 'ten bots to run' });
  await ok('PATCH', `/fleets/${id}`, { release });
  return { id, botIds };
};

const bots = async (fleetId: string) =>
  Bots.parse(await ok('GET', `/bot-instances?fleetId=${fleetId}&limit=100`)).items;
const planOf = async (id: string) => Planned.parse(await ok('GET', `/change-sets/${id}/plan?limit=100`)).items;
const statusOf = async (id: string) => Status.parse(await ok('GET', `/change-sets/${id}/status`));
const hasStatus = (id: string, status: string) =>
  until(
    async () => {
      const now = await statusOf(id);
      return now.status === status && now;
    },
    { what: `change set ${id} to be ${status}`, timeoutMs: 60_000 },
  );

const publishToAll = async ({ botIds }: Fleet, simulation: Simulation) => {
  for (const botId of botIds) {
    const bot = Bot.parse(await ok('GET', `/bot-instances/${botId}`));
    await ok('POST', `/bot-instances/${botId}/manifests`, { manifest: manifestOf(bot.name, simulation) }, 201);
  }
};

const canary = (more: object = {}) => ({
  kind: 'CANARY',
  canary: { count: 1 },
  steps: [30, 100],
  bakeSeconds: 1,
  ...more,
});
const create = async (fleet: Fleet, strategy: object) =>
  ChangeSet.parse(
    await ok('POST', '/change-sets', { name: 'next', targets: { fleetId: fleet.id }, strategy, reason: '' }, 201),
  );

/** The hashes that bots report, by wave: how many have what is new, how many what they had, how many something else. */
const reported = async (fleet: Fleet, changeSetId: string) => {
  const [planned, all] = [await planOf(changeSetId), await bots(fleet.id)];
  const observed = new Map(all.map(({ id, observedHash }) => [id, observedHash]));
  const waves = Map.groupBy(planned, ({ wave }) => wave);
  return [...waves.values()].map((members) => ({
    after: members.filter(({ botInstanceId, after }) => observed.get(botInstanceId) === after.hash).length,
    before: members.filter(({ botInstanceId, before }) => observed.get(botInstanceId) === before?.hash).length,
    all: members.length,
  }));
};

test('a canary, 30 % and the rest move one after another, each as planned', async () => {
  const fleet = await makeFleet('waves');
  await publishToAll(fleet, { latencyMs: 2 });
  const changeSet = await create(fleet, canary());
  expect(changeSet.waves.map(({ botInstanceIds }) => botInstanceIds.length)).toEqual([1, 2, 7]);
  await ok('POST', `/change-sets/${changeSet.id}/start`, {});
  for (const wave of [1, 2]) {
    await until(async () => (await statusOf(changeSet.id)).currentWave === wave, {
      what: `wave ${wave}`,
      timeoutMs: 60_000,
    });
    const seen = await reported(fleet, changeSet.id);
    expect(seen.slice(0, wave).every(({ after, all }) => after === all)).toBe(true);
    // The last wave moves while it is looked at; those after the one that runs have not.
    expect(seen.slice(wave + 1).every(({ before, all }) => before === all)).toBe(true);
  }
  const { verdicts } = await hasStatus(changeSet.id, 'SUCCEEDED');
  expect(verdicts.map(({ wave, gate, verdict }) => [wave, gate, verdict])).toEqual([
    [0, 'HEALTH', 'PASS'],
    [1, 'HEALTH', 'PASS'],
    [2, 'HEALTH', 'PASS'],
  ]);
  expect((await reported(fleet, changeSet.id)).map(({ after }) => after)).toEqual([1, 2, 7]);
});

test('a canary that is unwell goes back by itself, and the other nine never change', async () => {
  const fleet = await makeFleet('unwell');
  const before = await bots(fleet.id);
  await publishToAll(fleet, { healthy: false });
  const changeSet = await create(fleet, canary());
  await ok('POST', `/change-sets/${changeSet.id}/start`, {});
  const { message } = await hasStatus(changeSet.id, 'ROLLED_BACK');
  expect(message).toBe('1 bot restored');
  const after = await bots(fleet.id);
  expect(after.map(({ id, observedHash }) => [id, observedHash])).toEqual(
    before.map(({ id, observedHash }) => [id, observedHash]),
  );
  const held = z.object({ items: z.array(z.object({ changeSetId: z.uuid() })) }).parse(await ok('GET', '/holds'));
  expect(held.items).toEqual([{ changeSetId: changeSet.id }].map((one) => expect.objectContaining(one)));
});

test('with no traces at all a gate on traces never passes: it pauses and says so', async () => {
  const fleet = await makeFleet('silent');
  await publishToAll(fleet, { latencyMs: 3 });
  const gates = { traces: { minSeconds: 1, maxSeconds: 2, looks: 2 } };
  const changeSet = await create(fleet, canary({ gates }));
  await ok('POST', `/change-sets/${changeSet.id}/start`, {});
  const { verdicts, message } = await hasStatus(changeSet.id, 'PAUSED');
  expect(message).toContain('TRACES');
  expect(verdicts).toContainEqual(expect.objectContaining({ wave: 0, gate: 'TRACES', verdict: 'NO_DATA' }));
  await ok('POST', `/change-sets/${changeSet.id}/abort`, {});
});

/** Bots that answer requests all the time, until it is called; `isFailing` says whose fail. */
const traffic = async (botIds: readonly string[], isFailing: (botId: string) => boolean) => {
  const senders = await Promise.all(
    botIds.map(async (id) => ({ id, sender: await senderOf(api, otlpUrl, id, 'bot') })),
  );
  let isOver = false;
  const run = async ({ id, sender }: (typeof senders)[number]) => {
    while (!isOver) {
      const startMs = Date.now();
      const request = () => ({
        traceId: newTraceId(),
        spanId: newSpanId(),
        name: 'openclaw.run',
        startMs,
        durationMs: 5,
        ...(isFailing(id) ? { error: 'no luck' } : {}),
      });
      await sender.send(Array.from({ length: 5 }, request));
      await until(() => Date.now() - startMs > 250, { what: 'the next requests' });
    }
  };
  const running = Promise.all(senders.map(run));
  return async () => {
    isOver = true;
    await running;
  };
};

test('a canary whose traces err goes back by itself, and the other nine never change', {
  timeout: 300_000,
}, async () => {
  const fleet = await makeFleet('erring');
  const before = await bots(fleet.id);
  await publishToAll(fleet, { latencyMs: 4 });
  const gates = { traces: { minSeconds: 1, maxSeconds: 200, looks: 100, minRequests: 20 } };
  const changeSet = await create(fleet, canary({ gates }));
  const canaryId = changeSet.waves[0]?.botInstanceIds[0];
  const stop = await traffic(fleet.botIds, (botId) => botId === canaryId);
  try {
    await ok('POST', `/change-sets/${changeSet.id}/start`, {});
    const { verdicts } = await until(
      async () => {
        const now = await statusOf(changeSet.id);
        return now.status === 'ROLLED_BACK' && now;
      },
      { what: 'the canary to go back', timeoutMs: 240_000 },
    );
    expect(verdicts).toContainEqual(expect.objectContaining({ wave: 0, gate: 'TRACES', verdict: 'FAIL' }));
    const after = await bots(fleet.id);
    expect(after.map(({ id, observedHash }) => [id, observedHash])).toEqual(
      before.map(({ id, observedHash }) => [id, observedHash]),
    );
  } finally {
    await stop();
  }
});

test('a fleet on mixed versions goes forward and back, each bot to its own; one that somebody changed since is left', async () => {
  const fleet = await makeFleet('mixed');
  const [changed = '', ...others] = fleet.botIds;
  const [older, newer] = [others.slice(0, 4), others.slice(4)];
  await publishToAll({ ...fleet, botIds: newer }, { latencyMs: 5 });
  const second = await create(fleet, { kind: 'ALL' });
  await ok('POST', `/change-sets/${second.id}/start`, {});
  await hasStatus(second.id, 'SUCCEEDED');
  const hashes = async () => new Map((await bots(fleet.id)).map(({ id, observedHash }) => [id, observedHash]));
  const before = await hashes();
  expect(new Set(before.values()).size).toBe(10);

  await publishToAll(fleet, { latencyMs: 6 });
  const forward = await create(fleet, { kind: 'PERCENTAGE', steps: [50, 100] });
  await ok('POST', `/change-sets/${forward.id}/start`, {});
  await hasStatus(forward.id, 'SUCCEEDED');
  const moved = await hashes();
  expect(fleet.botIds.filter((id) => moved.get(id) === before.get(id))).toEqual([]);

  await publishToAll({ ...fleet, botIds: [changed] }, { latencyMs: 7 });
  const elsewhere = await create(fleet, { kind: 'ALL' });
  await ok('POST', `/change-sets/${elsewhere.id}/start`, {});
  await hasStatus(elsewhere.id, 'SUCCEEDED');
  const own = (await hashes()).get(changed);

  await ok('POST', `/change-sets/${forward.id}/rollback`, { reason: 'worse' });
  const { message } = await hasStatus(forward.id, 'ROLLED_BACK');
  expect(message).toBe('9 bots restored, 1 skipped');
  const after = await hashes();
  expect([...older, ...newer].map((id) => after.get(id))).toEqual([...older, ...newer].map((id) => before.get(id)));
  expect(after.get(changed)).toBe(own);
  const skipped = await ok('GET', `/change-sets/${forward.id}/plan?botInstanceId=${changed}`);
  expect(skipped['items']).toMatchObject([{ message: expect.stringContaining('Changed since') }]);
});

test('what is paused releases nothing more; a promotion goes on without waiting, and an abort ends it', async () => {
  const fleet = await makeFleet('steered');
  await publishToAll(fleet, { latencyMs: 8 });
  const changeSet = await create(fleet, canary({ bakeSeconds: 3_600 }));
  const post = (verb: string, body = {}) => ok('POST', `/change-sets/${changeSet.id}/${verb}`, body);
  await post('start');
  await until(async () => (await planOf(changeSet.id)).some(({ state }) => state === 'CONVERGED'), {
    what: 'the canary',
  });
  await post('pause', { reason: 'lunch' });
  const paused = await api.call('POST', `/api/v1/change-sets/${changeSet.id}/promote`, { body: {} });
  expect(paused).toMatchObject({ status: 409, body: { code: 'rollout.paused' } });
  await post('resume');
  expect(await post('promote', { reason: 'urgent' })).toMatchObject({ promoted: true });
  await until(async () => (await statusOf(changeSet.id)).currentWave === 1, {
    what: 'the second wave',
    timeoutMs: 30_000,
  });
  await until(async () => (await planOf(changeSet.id)).filter(({ state }) => state === 'CONVERGED').length === 3, {
    what: 'the second wave to have moved',
  });
  expect(await post('promote', { wave: 0 })).toMatchObject({ promoted: false });
  expect(await statusOf(changeSet.id)).toMatchObject({ currentWave: 1 });
  await post('abort', { reason: 'enough' });
  await post('abort', { reason: 'enough' });
  const states = (await planOf(changeSet.id)).map(({ wave, state }) => `${wave} ${state}`);
  expect(states).toEqual([
    ...Array(1).fill('0 CONVERGED'),
    ...Array(2).fill('1 CONVERGED'),
    ...Array(7).fill('2 SKIPPED'),
  ]);
  expect((await statusOf(changeSet.id)).message).toBe('enough');
});

test('a plan that needs an approval starts once somebody else has approved exactly it', async () => {
  const fleet = await makeFleet('approved');
  await publishToAll(fleet, { latencyMs: 9 });
  const gates = { approval: { count: 1 } };
  const changeSet = await create(fleet, canary({ gates }));
  expect(changeSet.status).toBe('AWAITING_APPROVAL');
  const path = `/api/v1/change-sets/${changeSet.id}`;
  const { planHash } = changeSet;
  const simulated = await ok('POST', `/change-sets/${changeSet.id}/simulate`);
  expect(simulated).toMatchObject({ leastSeconds: 2, botsWithTraffic: 0, waves: [{ bots: 1, remaining: 9 }, {}, {}] });
  expect(await api.call('POST', `${path}/start`, { body: {} })).toMatchObject({
    body: { code: 'rollout.not-approved' },
  });
  expect(await api.call('POST', `${path}/approve`, { body: { planHash } })).toMatchObject({
    body: { code: 'rollout.own-plan' },
  });
  const key = await ok('POST', '/api-keys', { name: 'berta', role: 'OPERATOR' }, 201);
  const berta = z.string().parse(key['key'] ?? key['secret'] ?? key['token']);
  const approve = (hash: string) => api.call('POST', `${path}/approve`, { body: { planHash: hash }, key: berta });
  expect(await approve(`sha256:${'0'.repeat(64)}`)).toMatchObject({ body: { code: 'rollout.another-plan' } });
  expect(await approve(planHash)).toMatchObject({
    status: 200,
    body: { status: 'APPROVED', approvals: [{ approver: { name: 'berta' } }] },
  });
  await ok('POST', `/change-sets/${changeSet.id}/start`, {});
  await hasStatus(changeSet.id, 'SUCCEEDED');
});
