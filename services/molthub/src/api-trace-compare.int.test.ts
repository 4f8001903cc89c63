// Two configurations compared, and the content of spans, through the real door and the real API.
import { randomUUID } from 'node:crypto';
import { zstdCompressSync } from 'node:zlib';
import { beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import type { ApiUnderTest } from './api-under-test.ts';
import { type Molthub, molthubOf } from './cli-under-test.ts';
import { newSpanId, newTraceId, type SendingBot, withTraces } from './traces-under-test.ts';

const traces = withTraces();
let api: ApiUnderTest;
let botId = '';
let sender: SendingBot;
let molthub: Molthub;
const now = Date.now();
const [first, second, third, unpriced] = ['1', '2', '3', '4'].map((digit) => `sha256:${digit.repeat(64)}`);

/** 100 requests: the nth takes `baseMs` + n ms; each `failEvery`th fails. */
const run = async (hash: string, baseMs: number, failEvery: number) => {
  const ids = Array.from({ length: 100 }, newTraceId);
  await sender.send(
    ids.map((traceId, n) => ({
      traceId,
      spanId: newSpanId(),
      name: 'openclaw.run',
      startMs: now - 600_000 + n,
      durationMs: baseMs + n,
      attributes: { 'gen_ai.operation.name': 'invoke_agent' },
      ...(n % failEvery === 0 ? { error: 'no' } : {}),
    })),
  );
  await ranUnder(hash, ids);
};

/** Which configuration a bot runs since when is the reconciler's to say; here it changes within a second. */
const ranUnder = (hash: string, traceIds: readonly string[]) =>
  api
    .service('trace')
    .runtime.write((sql) =>
      sql('update traces set config_hash = $2 where trace_id = any($1::uuid[])', [traceIds, hash]),
    );

/** Requests that call each of these models once; of `mystery` no price is known. */
const callAll = async (hash: string, requests: readonly (readonly string[])[]) => {
  const ids = requests.map(newTraceId);
  const spans = requests.flatMap((models, n) => {
    const span = { traceId: ids[n] ?? '', startMs: now - 500_000 };
    const root = { ...span, spanId: newSpanId(), attributes: { 'gen_ai.operation.name': 'invoke_agent' } };
    return [
      root,
      ...models.map((model) => ({
        ...span,
        spanId: newSpanId(),
        parentSpanId: root.spanId,
        attributes: {
          'gen_ai.operation.name': 'chat',
          'gen_ai.request.model': model,
          'gen_ai.usage.input_tokens': 1_000_000,
        },
      })),
    ];
  });
  await sender.send(spans);
  await ranUnder(hash, ids);
};

beforeAll(async () => {
  api = traces.api();
  molthub = molthubOf(api.url, api.adminKey);
  sender = await traces.bot('anna');
  ({ botId } = sender);
  await run(first ?? '', 100, 20);
  await run(second ?? '', 150, 2);
  await callAll(unpriced ?? '', [
    ['mystery', 'mystery'],
    ['mystery', 'gpt-5'],
  ]);
});

const Difference = z.object({
  shift: z.object({ value: z.number(), low: z.number(), high: z.number() }),
  p: z.number(),
  probabilityOfSuperiority: z.number(),
});
const Compared = z.object({
  difference: z.object({
    errorRate: z.object({ value: z.number(), low: z.number(), high: z.number(), p: z.number() }),
    latencyMs: Difference,
    tokens: Difference,
  }),
});

test('the slower and worse configuration is told by how much, and how sure that is', async () => {
  const answer = await api.call('GET', `/api/v1/traces/compare?hash=${first}&hash=${second}`);
  expect(answer).toMatchObject({
    status: 200,
    body: {
      sides: [
        { configHash: first, requests: 100, failedRequests: 5, errors: 5, sampled: 100, errorRate: { value: 0.05 } },
        { configHash: second, requests: 100, errors: 50, latencyMs: { p50: 199.5, mean: 199.5 } },
      ],
    },
  });
  const { errorRate, latencyMs, tokens } = Compared.parse(answer.body).difference;
  expect(errorRate.value).toBeCloseTo(0.45, 12);
  expect(errorRate.low).toBeGreaterThan(0.3);
  expect(errorRate.p).toBeLessThan(1e-10);
  expect(latencyMs.shift.value).toBe(50);
  expect(latencyMs.shift.low).toBeLessThan(50);
  expect(latencyMs.shift.high).toBeGreaterThan(50);
  expect(latencyMs.p).toBeLessThan(1e-10);
  expect(latencyMs.probabilityOfSuperiority).toBeGreaterThan(0.8);
  expect(tokens).toMatchObject({ shift: { value: 0, low: 0, high: 0 }, p: 1 });
});

test('a configuration that was published and never ran compares with nothing', async () => {
  const { desiredHash } = (await api.call('GET', `/api/v1/bot-instances/${botId}`)).body;
  const path = `/api/v1/traces/compare?hash=${first}&hash=${String(desiredHash)}&botInstanceId=${botId}`;
  expect(await api.call('GET', path)).toMatchObject({
    status: 200,
    body: { sides: [{ requests: 100 }, { requests: 0, errorRate: null, latencyMs: null }], difference: null },
  });
});

test('a configuration that nobody published or ran is not found, and named', async () => {
  const answer = await api.call('GET', `/api/v1/traces/compare?hash=${first}&hash=${third}`);
  expect(answer).toMatchObject({ status: 404, body: { code: 'gateway.not-found', errors: [{ path: 'hash.1' }] } });
  expect(String(answer.body['detail'])).toContain(third);
});

test('what has no price is told as such, and is no cost of nothing', async () => {
  const answer = await api.call('GET', `/api/v1/traces/compare?hash=${first}&hash=${unpriced}`);
  expect(answer, answer.text).toMatchObject({
    status: 200,
    body: {
      sides: [
        { unpricedCalls: 0, unpricedRequests: 0, costUsd: { p50: 0 } },
        { requests: 2, unpricedCalls: 3, unpricedRequests: 2, costUsd: null, tokens: { p50: 2_000_000 } },
      ],
      difference: { costUsd: null, tokens: { shift: { value: 2_000_000 } } },
    },
  });
  const told = await molthub(['trace', 'compare', first ?? '', unpriced ?? '']);
  expect(told.status, told.stderr).toBe(0);
  expect(told.stdout).toMatch(/cost p50 +\$0 +unpriced/);
  expect(told.stdout).toMatch(/unpriced calls +0 +3/);
});

test.each([
  [`hash=${first}`, 'hash'],
  [`hash=${first}&hash=${first}`, 'hash'],
  [`hash=${first}&hash=${second}&hash=${third}`, 'hash'],
  [`hash=${first}&hash=x`, 'hash.1'],
])('%s is refused', async (query, path) => {
  expect(await api.call('GET', `/api/v1/traces/compare?${query}`)).toMatchObject({
    status: 400,
    body: { errors: [{ path }] },
  });
});

test('content is answered to who may read it, and to nobody else', async () => {
  const [traceId, spanId] = [newTraceId(), newSpanId()];
  await sender.send([{ traceId, spanId, name: 'chat', startMs: now }]);
  const path = `/api/v1/traces/by-trace-id/${traceId}/spans/${spanId}/content`;
  expect(await api.call('GET', path)).toMatchObject({ status: 404, body: { code: 'trace.content-not-found' } });
  const id = randomUUID();
  const said = {
    attributes: { 'gen_ai.input.messages': '[{"role":"user"}]' },
    events: [{ index: 0, attributes: { a: 1 } }],
  };
  await api.service('trace').runtime.write(async (sql) => {
    await sql('insert into span_contents (id, workspace, bot_id, body) values ($1, $2, $3, $4)', [
      id,
      'default',
      botId,
      zstdCompressSync(JSON.stringify([{}, said])),
    ]);
    await sql('update span_rows set content = $1, content_index = 1 where trace_id = $2::uuid', [id, traceId]);
  });
  expect(await api.call('GET', path)).toMatchObject({ status: 200, body: said });
  const viewer = await api.call('POST', '/api/v1/api-keys', { body: { name: 'viewer', role: 'VIEWER' } });
  const key = z.string().parse(viewer.body['key']);
  expect((await api.call('GET', path, { key })).status).toBe(403);
  expect(await api.call('GET', path.replace('/content', ''), { key })).toMatchObject({ body: { hasContent: true } });
});

test('the command line finds, compares and exports', async () => {
  const found = await molthub([
    'trace',
    'search',
    '--bot',
    'anna',
    '--error',
    'NO',
    '--min-duration',
    '240',
    '-o',
    'json',
  ]);
  expect(found.status, found.stderr).toBe(0);
  const traces = z.array(z.object({ traceId: z.string(), errorCount: z.int() })).parse(JSON.parse(found.stdout));
  expect(traces.map(({ errorCount }) => errorCount)).toEqual([1, 1, 1, 1, 1]);
  const exported = await molthub(['trace', 'export', traces[0]?.traceId ?? '']);
  expect(JSON.parse(exported.stdout)).toMatchObject({
    resourceSpans: [{ scopeSpans: [{ spans: [{ name: 'openclaw.run' }] }] }],
  });
  const compared = await molthub(['trace', 'compare', first ?? '', second ?? '']);
  expect(compared.status, compared.stderr).toBe(0);
  expect(compared.stdout).toMatch(/failed requests +5 % +50 % +3\d\.\d+ % to 5\d\.\d+ %/);
  expect((await molthub(['trace', 'errors'])).status).toBe(0);
  expect((await molthub(['trace', 'search', '--attribute', 'x'])).stderr).toContain('key=value');
});
