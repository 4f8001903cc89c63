// From an ingest token of the API to a readable trace: with bodies that a real OpenClaw sent.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { until, withNats, withPostgres } from '@molthub/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { type ApiUnderTest, openApi } from './api-under-test.ts';

const postgres = withPostgres();
const nats = withNats();
const samples = join(import.meta.dirname, '../../trace-ingest/samples/turn3-one-tool');
const traceId = '33b8171592733231f25cfea74b577856';
let api: ApiUnderTest;
let botId = '';
let otlpUrl = '';

const makeBot = async (name: string): Promise<string> => {
  const fleet = await api.call('POST', '/api/v1/fleets', { body: { name: `${name}-fleet`, environment: 'dev' } });
  const manifest = {
    apiVersion: 'molthub/v1',
    kind: 'MoltbotInstance',
    metadata: { name },
    spec: { runtime: { engine: 'simulated' }, target: { kind: 'simulated' }, config: {} },
  };
  const bot = await api.call('POST', '/api/v1/bot-instances', { body: { fleetId: fleet.body['id'], manifest } });
  expect(bot.status, bot.text).toBe(201);
  return z.uuid().parse(bot.body['id']);
};

const sendSamples = async (bot: string): Promise<void> => {
  const issued = await api.call('POST', `/api/v1/bot-instances/${bot}/ingest-token`);
  expect(issued.status, issued.text).toBe(201);
  const names = (await readdir(samples)).filter((name) => name.endsWith('traces.bin'));
  expect(names.length).toBeGreaterThan(0);
  for (const name of names) {
    const body = await readFile(join(samples, name));
    const headers = {
      authorization: `Bearer ${String(issued.body['token'])}`,
      'content-type': 'application/x-protobuf',
    };
    await until(async () => (await fetch(`${otlpUrl}/v1/traces`, { method: 'POST', headers, body })).status === 200, {
      what: 'the spans to be taken',
    });
  }
};

beforeAll(async () => {
  api = await openApi({ postgres, nats });
  otlpUrl = await api.openOtlp();
  botId = await makeBot('anna');
  await sendSamples(botId);
});
afterAll(() => api.close());

const byTrace = `/api/v1/traces/by-trace-id/${traceId}`;

test('a token of the API lets spans in, and they are one trace of that bot', async () => {
  const trace = await api.call('GET', byTrace);
  expect(trace).toMatchObject({
    status: 200,
    body: { traceId, botInstanceId: botId, name: 'openclaw.run', spanCount: 5 },
  });
  expect((await api.call('GET', `/api/v1/traces/${String(trace.body['id'])}`)).body).toEqual(trace.body);
  const listed = await api.call('GET', `/api/v1/traces?botInstanceId=${botId}&type=REQUEST&from=2020-01-01T00:00:00Z`);
  expect(z.object({ items: z.array(z.unknown()) }).parse(listed.body).items).toContainEqual(trace.body);
});

test('the tree has the run with its model calls and its tool; flat and without attributes it is the same spans', async () => {
  const Node = z.object({ name: z.string(), type: z.string() });
  const Tree = z.object({ spanCount: z.int(), roots: z.array(Node.extend({ children: z.array(Node) })) });
  const tree = Tree.parse((await api.call('GET', `${byTrace}/tree`)).body);
  expect(tree.roots[0]?.name).toBe('openclaw.run');
  expect(tree.roots[0]?.children.map(({ type }) => type).toSorted()).toEqual(['MODEL', 'MODEL', 'OTHER', 'TOOL']);
  const Flat = z.object({
    spans: z.array(z.object({ spanId: z.string(), parentSpanId: z.string().nullable() }).loose()),
  });
  const { spans } = Flat.parse((await api.call('GET', `${byTrace}/tree?shape=flat&attributes=none`)).body);
  expect(spans.length).toBe(5);
  for (const span of spans) expect(Object.keys(span)).not.toContain('attributes');
  const one = await api.call('GET', `${byTrace}/spans/${spans[0]?.spanId}`);
  expect(one).toMatchObject({
    status: 200,
    body: { name: 'openclaw.run', resource: { 'service.name': 'openclaw-bot-o' } },
  });
});

test('statistics count the request with its calls', async () => {
  const stats = await api.call('GET', `/api/v1/traces/stats/${botId}`);
  expect(stats).toMatchObject({
    status: 200,
    body: { botInstanceId: botId, total: { requests: 1, failedRequests: 0, modelCalls: 2, toolCalls: 1 } },
  });
});

test('two bots that chose one trace id are asked apart', async () => {
  const other = await makeBot('berta');
  await sendSamples(other);
  expect(await api.call('GET', byTrace)).toMatchObject({ status: 409, body: { code: 'gateway.ambiguous-trace' } });
  expect(await api.call('GET', `${byTrace}?botInstanceId=${other}`)).toMatchObject({ body: { botInstanceId: other } });
});
