// What a fleet's people say of its telemetry, by way of the API.
import { defaultFleetTelemetry } from '@molthub/contracts';
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

const newFleet = async (name: string): Promise<string> => {
  const { body } = await api.call('POST', '/api/v1/fleets', { body: { name, environment: 'dev' } });
  return String(body['id']);
};

test("a fleet's telemetry is as by default until somebody says otherwise, whole, and guarded by its version", async () => {
  const path = `/api/v1/fleets/${await newFleet('guarded')}/telemetry`;
  const unsaid = await api.call('GET', path);
  expect(unsaid).toMatchObject({ status: 200, body: { ...defaultFleetTelemetry, version: 0, updatedAt: null } });
  expect(unsaid.headers.get('etag')).toBeNull();

  const said = await api.call('PUT', path, { body: { retention: { contentDays: 0 } } });
  expect(said).toMatchObject({ status: 200, body: { version: 1, retention: { contentDays: 0, okDays: 7 } } });
  expect(said.headers.get('etag')).toBe('"1"');
  expect((await api.call('GET', path)).body).toEqual(said.body);

  const runaway = { callsPerMinute: 20 };
  const next = await api.call('PUT', path, { body: { runaway }, headers: { 'if-match': '"1"' } });
  expect(next.body).toMatchObject({ version: 2, runaway, retention: defaultFleetTelemetry.retention });
  const stale = await api.call('PUT', path, { body: {}, headers: { 'if-match': '"1"' } });
  expect(stale).toMatchObject({ status: 412, body: { code: 'trace.version-mismatch' } });
});

test('what is wrong is named by its field, and changes nothing', async () => {
  const path = `/api/v1/fleets/${await newFleet('wrong')}/telemetry`;
  const wrong: readonly (readonly [string, unknown])[] = [
    ['retention.errorDays', { retention: { okDays: 90 } }],
    ['sampling.ratio', { sampling: { ratio: 2 } }],
    ['redaction.patterns[1]', { redaction: { patterns: ['a+', '(?=x)'] } }],
    ['redaction.patterns[0]', { redaction: { patterns: ['x*'] } }],
    ['redaction.patterns[0]', { redaction: { patterns: ['((a{99}){99}){99}'] } }],
  ];
  for (const [field, body] of wrong) {
    const answer = await api.call('PUT', path, { body });
    expect(answer, answer.text).toMatchObject({ status: 400, body: { errors: [{ path: field }] } });
  }
  expect((await api.call('GET', path)).body).toMatchObject({ version: 0 });
});

test('a fleet that is not there has none', async () => {
  const path = '/api/v1/fleets/00000000-0000-4000-8000-000000000001/telemetry';
  expect(await api.call('GET', path)).toMatchObject({ status: 404 });
  expect(await api.call('PUT', path, { body: {} })).toMatchObject({ status: 404 });
});

test('what a fleet samples becomes a layer of its bots, by a change set, and goes with it', async () => {
  const fleetId = await newFleet('sampled');
  const manifest = {
    apiVersion: 'molthub/v1',
    kind: 'MoltbotInstance',
    metadata: { name: 'sampled-bot' },
    spec: { runtime: { engine: 'simulated' }, target: { kind: 'simulated' }, config: {} },
  };
  const made = await api.call('POST', '/api/v1/bot-instances', { body: { fleetId, manifest } });
  expect(made.status, made.text).toBe(201);
  const Resolved = z.object({
    resolved: z.object({
      spec: z.object({
        config: z.object({ diagnostics: z.object({ otel: z.object({ sampleRate: z.number() }) }).optional() }),
      }),
    }),
  });
  const rateOf = async () => {
    const { body, text } = await api.call('GET', `/api/v1/bot-instances/${String(made.body['id'])}/resolved`);
    const resolved = Resolved.safeParse(body);
    if (!resolved.success) throw new Error(text);
    return resolved.data.resolved.spec.config.diagnostics?.otel.sampleRate;
  };
  const changeSets = async () => {
    const { body } = await api.call('GET', `/api/v1/change-sets?fleetId=${fleetId}`);
    return z.object({ items: z.array(z.object({ id: z.uuid() })) }).parse(body).items.length;
  };
  const path = `/api/v1/fleets/${fleetId}/telemetry`;
  const before = await changeSets();
  for (const [index, ratio] of [0.25, 0.5, null, 1].entries()) {
    expect((await api.call('PUT', path, { body: { sampling: { ratio } } })).status).toBe(200);
    await until(async () => (await rateOf()) === (ratio ?? undefined), {
      what: `the rate ${ratio}`,
      timeoutMs: 20_000,
    });
    await until(async () => (await changeSets()) === before + index + 1, { what: 'its change set', timeoutMs: 20_000 });
  }
  const { body } = await api.call('GET', '/api/v1/overlays?sort=name');
  const overlays = z.object({ items: z.array(z.object({ name: z.string() }).loose()) }).parse(body).items;
  expect(overlays).toMatchObject([{ name: `telemetry-${fleetId}`, target: { fleetId } }]);
});
