// Packs that a fleet enforces: they judge its bots, whatever they say of themselves, and nobody else's.
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
const createFleet = (name: string, more: Body = {}) =>
  api.call('POST', '/api/v1/fleets', { body: { name, environment: 'dev', ...more } });
const manifest = (name: string, more: { readonly fleet?: string; readonly spec?: Body } = {}) => ({
  apiVersion: 'molthub/v1',
  kind: 'MoltbotInstance',
  metadata: { name, ...(more.fleet === undefined ? {} : { fleet: more.fleet }) },
  spec: { runtime: { engine: 'simulated' }, target: { kind: 'simulated' }, ...more.spec },
});
const createBot = (fleetId: string, name: string, spec: Body = {}) =>
  api.call('POST', '/api/v1/bot-instances', { body: { fleetId, manifest: manifest(name, { spec }) } });
/** Of itself it judges bots in prod with a label, and only those that ask for it. */
const createPack = async (name: string) =>
  idOf(
    await api.call('POST', '/api/v1/policy-packs', {
      body: {
        name,
        autoApply: false,
        targetEnvironments: ['prod'],
        targetTags: { never: 'there' },
        rules: [{ id: 'team', type: 'required_field', config: { field: 'metadata.labels.team' } }],
      },
    }),
  );
const denied = { status: 422, body: { code: 'policy.denied', errors: [{ code: 'team' }] } };

test('a fleet refuses a bot that others may have, and one that skips the pack', async () => {
  const pack = await createPack('strict');
  const strict = await createFleet('strict', { enforcedPolicyPackIds: [pack] });
  expect(strict).toMatchObject({ status: 201, body: { enforcedPolicyPackIds: [pack] } });
  const free = await createFleet('free');
  expect(free).toMatchObject({ status: 201, body: { enforcedPolicyPackIds: [] } });
  expect(await createBot(idOf(strict), 'a')).toMatchObject(denied);
  expect((await createBot(idOf(free), 'b')).status).toBe(201);
  const skipping = await createBot(idOf(strict), 'c', { policies: { skipPacks: [pack] } });
  expect(skipping.status).toBe(422);
  expect(JSON.stringify(skipping.body)).toContain('policy.pack-enforced');
  const draft = async (fleet: string) => {
    const body = { manifest: manifest('d', { fleet }) };
    return (await api.call('POST', '/api/v1/policy-packs/evaluate', { body })).body['valid'];
  };
  await until(async () => (await draft('strict')) === false, { what: 'a draft of the strict fleet' });
  expect(await draft('free')).toBe(true);
});

test('a fleet that begins and ends to enforce a pack judges later versions, and lists the bots there are', async () => {
  const pack = await createPack('later');
  const fleetId = idOf(await createFleet('later'));
  const path = `/api/v1/fleets/${fleetId}`;
  const botId = idOf(await createBot(fleetId, 'e'));
  const enforce = (ids: readonly string[]) => api.call('PATCH', path, { body: { enforcedPolicyPackIds: ids } });
  const change = (cpu: number) => {
    const spec = { runtime: { engine: 'simulated', cpu } };
    return api.call('POST', `/api/v1/bot-instances/${botId}/manifests`, {
      body: { manifest: manifest('e', { spec }) },
    });
  };
  const listed = async () => (await api.call('GET', `/api/v1/policy/violations?packId=${pack}`)).body['total'];
  expect(await enforce([pack])).toMatchObject({ status: 200, body: { enforcedPolicyPackIds: [pack], version: 2 } });
  expect((await enforce([pack])).body['version']).toBe(2);
  expect(await change(1)).toMatchObject(denied);
  await until(async () => (await listed()) === 1, { what: 'the sweep of the fleet' });
  const dry = await api.call('POST', `/api/v1/policy-packs/${pack}/dry-run`);
  expect(dry.body).toMatchObject({ counts: { targeted: 1, denied: 1 } });
  const kept = await api.call('DELETE', `/api/v1/policy-packs/${pack}`);
  expect(kept).toMatchObject({ status: 409, body: { code: 'policy.pack-enforced-by-fleets' } });
  expect(kept.body['detail']).toContain('later');
  expect((await enforce([])).body['enforcedPolicyPackIds']).toEqual([]);
  expect((await change(1)).status).toBe(201);
  await until(async () => (await listed()) === 0, { what: 'the sweep after it' });
  expect((await api.call('DELETE', `/api/v1/policy-packs/${pack}`)).status).toBe(204);
});

test('ids of no pack, and too many, are refused by name', async () => {
  const gone = '5b7c1d0e-8f5d-4a7e-9a56-1f2a3b4c5d6e';
  const wanted = ['builtin-security-baseline', gone, 'builtin-nothing'];
  const answer = await createFleet('unknown', { enforcedPolicyPackIds: wanted });
  expect(answer).toMatchObject({
    status: 400,
    body: {
      code: 'policy.pack-not-found',
      errors: [
        { path: 'enforcedPolicyPackIds[1]', message: expect.stringContaining(gone) },
        { path: 'enforcedPolicyPackIds[2]', message: expect.stringContaining('builtin-nothing') },
      ],
    },
  });
  const fleetId = idOf(await createFleet('known', { enforcedPolicyPackIds: wanted.slice(0, 1) }));
  const body = { enforcedPolicyPackIds: [gone] };
  expect((await api.call('PATCH', `/api/v1/fleets/${fleetId}`, { body })).status).toBe(400);
  const many = Array.from({ length: 21 }, () => 'builtin-security-baseline');
  const tooMany = await createFleet('many', { enforcedPolicyPackIds: many });
  expect(tooMany.status).toBe(400);
  expect(JSON.stringify(tooMany.body)).toContain('enforcedPolicyPackIds');
});
