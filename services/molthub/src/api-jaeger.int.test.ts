// Jaeger's API over what bots sent, checked with Jaeger's own answer and with what Grafana's parser reads.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { ApiUnderTest } from './api-under-test.ts';
import { makeBot, newSpanId, newTraceId, type SendingBot, withTraces } from './traces-under-test.ts';

const traces = withTraces();
const folder = join(import.meta.dirname, '../../../../shared/data/public/jaeger');
let api: ApiUnderTest;
let sender: SendingBot;
const now = Date.now();
const traceId = newTraceId();
const [root, child] = [newSpanId(), newSpanId()];

beforeAll(async () => {
  api = traces.api();
  sender = await traces.bot('anna', 'front door');
  await sender.send([
    {
      traceId,
      spanId: root,
      name: 'GET /',
      kind: 2,
      startMs: now,
      durationMs: 250,
      attributes: { n: 5, deep: 0.5, ok: true },
    },
    {
      traceId,
      spanId: child,
      parentSpanId: root,
      name: 'read',
      kind: 3,
      startMs: now + 1,
      durationMs: 20,
      error: 'gone',
    },
  ]);
});

const Answer = z.object({ data: z.array(z.unknown()), errors: z.null() });
const data = async (path: string) => {
  const answer = await api.call('GET', path);
  expect(answer.status, answer.text).toBe(200);
  return Answer.parse(answer.body).data;
};
const found = async (query: string) =>
  z
    .array(z.object({ traceID: z.string() }))
    .parse(await data(`/jaeger/api/traces?service=front%20door&${query}`))
    .map(({ traceID }) => traceID);

/** What `pkg/tsdb/jaeger` of Grafana decodes answers into: Go refuses a number with a fraction for an int64. */
const tag = z.object({ key: z.string(), type: z.string(), value: z.unknown() });
const GrafanaTraces = z.object({
  data: z
    .array(
      z.object({
        traceID: z.string(),
        processes: z.record(z.string(), z.object({ serviceName: z.string(), tags: z.array(tag) })),
        spans: z.array(
          z.object({
            traceID: z.string(),
            spanID: z.string(),
            processID: z.string(),
            operationName: z.string(),
            startTime: z.int(),
            duration: z.int(),
            references: z.array(z.object({ refType: z.string(), spanID: z.string(), traceID: z.string() })),
            tags: z.array(tag),
            logs: z.array(z.object({ timestamp: z.int(), fields: z.array(tag) })),
            warnings: z.array(z.string()).nullable(),
          }),
        ),
      }),
    )
    .min(1),
  limit: z.int(),
  offset: z.int(),
  total: z.int(),
});

test("Jaeger's own answer to the same spans is ours", async () => {
  const read = async (name: string) => {
    const text = await readFile(join(folder, name), 'utf8').catch(() => {
      throw new Error(`${name} is needed in ../shared/data/public/jaeger beside this repository.`);
    });
    return text;
  };
  await sender.post(await read('otlp2jaeger-in.json'));
  const theirs = GrafanaTraces.parse(JSON.parse(await read('otlp2jaeger-out.json')));
  const [trace] = theirs.data;
  const ours = await data(`/jaeger/api/traces/${trace?.traceID}`);
  // The same span was sent twice: Jaeger shows it twice, Molthub has it once.
  expect(ours).toEqual([{ ...trace, spans: trace?.spans.slice(0, 1), warnings: null }]);
});

test('Grafana reads the trace, with types, error and parent', async () => {
  const answer = await api.call('GET', `/jaeger/api/traces/${traceId}?start=1&end=2`);
  const [trace] = GrafanaTraces.parse(answer.body).data;
  expect(trace?.processes).toEqual({ p1: { serviceName: 'front door', tags: [] } });
  const spans = new Map(trace?.spans.map((span) => [span.spanID, span]));
  expect(spans.get(root)).toMatchObject({ startTime: now * 1_000, duration: 250_000, references: [] });
  expect(spans.get(root)?.tags).toEqual(
    expect.arrayContaining([
      { key: 'n', type: 'int64', value: 5 },
      { key: 'deep', type: 'float64', value: 0.5 },
      { key: 'ok', type: 'bool', value: true },
      { key: 'span.kind', type: 'string', value: 'server' },
    ]),
  );
  expect(spans.get(child)?.references).toEqual([{ refType: 'CHILD_OF', traceID: traceId, spanID: root }]);
  expect(spans.get(child)?.tags).toEqual(
    expect.arrayContaining([
      { key: 'error', type: 'bool', value: true },
      { key: 'otel.status_code', type: 'string', value: 'ERROR' },
      { key: 'otel.status_description', type: 'string', value: 'gone' },
    ]),
  );
});

test('services and operations, at both places where Grafana looks', async () => {
  for (const base of ['/jaeger/api', '/api']) {
    expect(await data(`${base}/services`)).toEqual(expect.arrayContaining(['front door']));
    expect(await data(`${base}/services/front%20door/operations`)).toEqual(['GET /', 'read']);
    expect(await data(`${base}/services/nosuch/operations`)).toEqual([]);
    expect(await data(`${base}/traces?service=nosuch`)).toEqual([]);
    expect(await data(`${base}/dependencies?endTs=${now}&lookback=3600000`)).toEqual(expect.any(Array));
  }
});

test('a call depends from the service whose span it is, though its bot has others, and those of one service are counted', async () => {
  const [several, single] = [await makeBot(api, 'dora'), await makeBot(api, 'emil')];
  const callOf = (tool: string) => ({
    traceId: newTraceId(),
    spanId: newSpanId(),
    startMs: now,
    attributes: { 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.name': tool },
  });
  for (const [bot, service, tool, times] of [
    [several, 'a kitchen', 'stir', 2],
    [several, 'the stove', 'heat', 1],
    [single, 'the bell', 'ring', 3],
  ] as const) {
    const caller = await traces.senderOf(bot.botId, service);
    await caller.send(Array.from({ length: times }, () => callOf(tool)));
  }
  const found = await data(`/jaeger/api/dependencies?endTs=${now + 60_000}&lookback=3600000`);
  expect(found).toEqual([
    { parent: 'the bell', child: 'ring', callCount: 3 },
    { parent: 'a kitchen', child: 'stir', callCount: 2 },
    { parent: 'the stove', child: 'heat', callCount: 1 },
  ]);
});

describe('a search in the words of Jaeger', () => {
  const tags = (object: Readonly<Record<string, string>>) => `tags=${encodeURIComponent(JSON.stringify(object))}`;
  test.each([
    ['operation=read', true],
    ['operation=write', false],
    [tags({ error: 'true' }), true],
    [`operation=read&${tags({ error: 'false' })}`, false],
    [tags({ n: '5', ok: 'true' }), true],
    [tags({ n: '6' }), false],
    [tags({ 'span.kind': 'server' }), true],
    [tags({ 'span.kind': 'producer' }), false],
    [tags({ 'molthub.bot': 'anna' }), true],
    [tags({ 'molthub.bot': 'berta' }), false],
    ['minDuration=200ms&maxDuration=1s', true],
    ['minDuration=300ms', false],
    ['operation=read&minDuration=100ms', false],
    [`start=${(now - 1_000) * 1_000}&end=${(now + 1_000) * 1_000}&limit=1&lookback=custom`, true],
    [`start=${(now - 2_000) * 1_000}&end=${(now - 1_000) * 1_000}`, false],
    [`start=${now - 1_000}&end=${now + 1_000}`, true],
  ])('%s', async (query, isFound) => expect(await found(query)).toEqual(isFound ? [traceId] : []));

  test.each([
    ['', 'service'],
    ['service=x&minDuration=5', 'minDuration'],
    ['service=x&tags=[]', 'tags'],
    ['service=x&tags=%7B', 'tags'],
    ['service=x&tags=%7B%22a%22:%22%5Cu0000%22%7D', 'tags'],
    ['service=x&limit=0', 'limit'],
    ['service=x&end=99999999999999999999', 'end'],
  ])('%j is refused and names the field', async (query, path) =>
    expect(await api.call('GET', `/jaeger/api/traces?${query}`)).toMatchObject({
      status: 400,
      body: { errors: [{ path }] },
    }),
  );
});

test('a trace that is not there is 404, never an empty list; ids may be short and in capitals', async () => {
  expect((await api.call('GET', `/jaeger/api/traces/${newTraceId()}`)).status).toBe(404);
  expect((await api.call('GET', '/jaeger/api/traces/1')).status).toBe(404);
  expect((await api.call('GET', '/jaeger/api/traces/xyz')).status).toBe(400);
  expect((await api.call('GET', `/jaeger/api/traces/${traceId.toUpperCase()}`)).status).toBe(200);
});

test('nobody reads without a key, and another fleet’s key sees nothing', async () => {
  expect((await api.call('GET', '/jaeger/api/services', { key: null })).status).toBe(401);
  const other = await makeBot(api, 'clara');
  const made = await api.call('POST', '/api/v1/api-keys', {
    body: { name: 'c', role: 'VIEWER', fleetIds: [other.fleetId] },
  });
  const key = z.string().parse(made.body['key']);
  expect((await api.call('GET', '/jaeger/api/services', { key })).body['data']).toEqual([]);
  expect((await api.call('GET', `/jaeger/api/traces/${traceId}`, { key })).status).toBe(404);
});
