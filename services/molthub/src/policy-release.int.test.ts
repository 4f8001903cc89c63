// The point `apply`: what policy denies where it is released never reaches a bot, whatever was said when it was proposed.
import { until, withNats, withPostgres } from '@molthub/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { type ApiUnderTest, openApi } from './api-under-test.ts';

const postgres = withPostgres();
const nats = withNats();
let api: ApiUnderTest;
beforeAll(async () => {
  api = await openApi({ postgres, nats });
});
afterAll(() => api.close());

type Body = Readonly<Record<string, unknown>>;
const idOf = (answer: { readonly body: Body }) => z.string().parse(answer.body['id']);
const post = (path: string, body: Body = {}) => api.call('POST', `/api/v1${path}`, { body });
const createFleet = async (name: string, more: Body = {}) =>
  idOf(await post('/fleets', { name, environment: 'dev', ...more }));
const manual = { release: { mode: 'manual', strategy: { kind: 'ALL' } } };
const manifest = (name: string, labels: Body) => ({
  apiVersion: 'molthub/v1',
  kind: 'MoltbotInstance',
  metadata: { name, labels },
  spec: { runtime: { engine: 'simulated' }, target: { kind: 'simulated' } },
});
const createBot = (fleetId: string, name: string, labels: Body) =>
  post('/bot-instances', { fleetId, manifest: manifest(name, labels) });
const setStatus = async (fleetId: string, status: string) => {
  const answer = await api.call('PATCH', `/api/v1/fleets/${fleetId}/status`, { body: { status } });
  expect(answer).toMatchObject({ status: 200, body: { status } });
};
/** Wants a label `team` of the bots that have the label `pack` with its name. */
const createPack = async (name: string, actions: Body = {}, more: Body = {}) =>
  idOf(
    await post('/policy-packs', {
      name,
      isEnforced: true,
      targetTags: { pack: name },
      rules: [{ id: 'team', type: 'required_field', config: { field: 'metadata.labels.team' }, actions }],
      ...more,
    }),
  );
const ChangeSet = z.looseObject({ id: z.string(), status: z.string(), message: z.string() });
const changeSet = async (id: string) => ChangeSet.parse((await api.call('GET', `/api/v1/change-sets/${id}`)).body);
const untilStatus = (id: string, status: string) =>
  until(async () => (await changeSet(id)).status === status && changeSet(id), { what: `${id} to be ${status}` });
const ofBot = async (botId: string) => {
  const rows = await api
    .service('rollout')
    .log.reads('select change_set_id, state, message from change_set_bots where bot_id = $1 order by version', [botId]);
  return z.array(z.object({ change_set_id: z.string(), state: z.string(), message: z.string() })).parse(rows);
};
const isReleased = async (botId: string) => {
  const text = "select 1 from events where type = 'rollout.bot.released.v1' and data->>'botId' = $1";
  return (await api.service('rollout').log.reads(text, [botId])).length > 0;
};
const release = async (botId: string) => {
  const made = await until(
    async () => {
      const answer = await post('/change-sets', { name: 'all', targets: { botInstanceIds: [botId] } });
      return answer.status === 201 && answer;
    },
    { what: 'the published version to be known' },
  );
  await post(`/change-sets/${idOf(made)}/start`);
  return idOf(made);
};

test('a pack that was made after a version was published holds its release, until it is put right', async () => {
  const fleetId = await createFleet('later', manual);
  const botId = idOf(await createBot(fleetId, 'a', { pack: 'later' }));
  const pack = await createPack('later');
  const id = await release(botId);
  expect((await untilStatus(id, 'FAILED')).message).toBe('0 bots updated, 1 failed (a)');
  const [part] = await ofBot(botId);
  expect(part?.message).toMatch(/^Policy denies the release of version 1: .*metadata\.labels\.team/);
  expect(await isReleased(botId)).toBe(false);
  await api.call('PATCH', `/api/v1/policy-packs/${pack}`, { body: { isActive: false } });
  await untilStatus(await release(botId), 'SUCCEEDED');
});

test('a rule may let a version be proposed and deny that it is released', async () => {
  await createPack('strict-later', { plan: 'warn', apply: 'deny' });
  const fleetId = await createFleet('strict-later');
  const made = await createBot(fleetId, 'b', { pack: 'strict-later' });
  expect(made.status).toBe(201);
  await until(async () => (await ofBot(idOf(made)))[0]?.state === 'FAILED', { what: 'the release to be denied' });
  expect(await isReleased(idOf(made))).toBe(false);
});

test('what waited for a paused fleet is judged when the fleet goes on', async () => {
  const fleetId = await createFleet('paused');
  await setStatus(fleetId, 'PAUSED');
  const botId = idOf(await createBot(fleetId, 'c', { pack: 'paused' }));
  await createPack('paused');
  await setStatus(fleetId, 'ACTIVE');
  await until(async () => (await ofBot(botId))[0]?.state === 'FAILED', { what: 'the release to be denied' });
  expect(await isReleased(botId)).toBe(false);
});

test('a way back that waits for its release is judged then by enforced packs only, too', async () => {
  const fleetId = await createFleet('back-by-hand', manual);
  const botId = idOf(await createBot(fleetId, 'e', { pack: 'back-by-hand' }));
  await untilStatus(await release(botId), 'SUCCEEDED');
  const next = { manifest: manifest('e', { pack: 'back-by-hand', team: 'x' }) };
  expect((await post(`/bot-instances/${botId}/manifests`, next)).status).toBe(201);
  await untilStatus(await release(botId), 'SUCCEEDED');
  const pack = await createPack('back-by-hand', {}, { isEnforced: false, autoApply: true });
  expect((await post(`/bot-instances/${botId}/rollback`)).status).toBe(201);
  await untilStatus(await release(botId), 'SUCCEEDED');
  expect(await ofBot(botId)).toMatchObject([{}, {}, { state: 'CONVERGED' }]);
  // Enforced, it holds the way back as well.
  await api.call('PATCH', `/api/v1/policy-packs/${pack}`, { body: { isActive: false } });
  expect((await post(`/bot-instances/${botId}/rollback`, { toVersion: 1 })).status).toBe(201);
  await createPack('enforced-since', {}, { targetTags: { pack: 'back-by-hand' } });
  expect((await untilStatus(await release(botId), 'FAILED')).message).toBe('0 bots updated, 1 failed (e)');
});

test('a way back is released as soon as it is taken, so what denies a release refuses it', async () => {
  const fleetId = await createFleet('back');
  const botId = idOf(await createBot(fleetId, 'd', { pack: 'back' }));
  await until(async () => (await ofBot(botId))[0]?.state === 'CONVERGED', { what: 'version 1' });
  const next = { manifest: manifest('d', { pack: 'back', team: 'x' }) };
  expect((await post(`/bot-instances/${botId}/manifests`, next)).status).toBe(201);
  await until(async () => (await ofBot(botId))[1]?.state === 'CONVERGED', { what: 'version 2' });
  await createPack('back', { plan: 'warn', apply: 'deny' });
  const refused = await post(`/bot-instances/${botId}/rollback`);
  expect(refused).toMatchObject({ status: 422, body: { code: 'policy.denied', errors: [{ code: 'team' }] } });
});
