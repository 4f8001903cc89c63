// What calls of models cost, by way of the API: by the price in force when each ended.
import { until } from '@molthub/testing';
import { beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import type { ApiUnderTest } from './api-under-test.ts';
import { newSpanId, newTraceId, type SendingBot, withTraces } from './traces-under-test.ts';

const traces = withTraces();
let api: ApiUnderTest;
let botInstanceId = '';
let sender: SendingBot;
beforeAll(async () => {
  api = traces.api();
  sender = await traces.bot('priced');
  botInstanceId = sender.botId;
});

const path = '/api/v1/prices';
const put = (body: unknown, headers: Readonly<Record<string, string>> = {}) => api.call('PUT', path, { body, headers });
const Costs = z.object({ costUsd: z.number(), unpricedCalls: z.int(), modelCalls: z.int() });
const called = (model: string) => ({
  'gen_ai.operation.name': 'chat',
  'gen_ai.request.model': model,
  'gen_ai.usage.input_tokens': 1_000,
  'gen_ai.usage.output_tokens': 100,
});
const costsOf = async (traceId: string) => {
  const answer = await api.call('GET', `/api/v1/traces/by-trace-id/${traceId}`);
  expect(answer.status, answer.text).toBe(200);
  return Costs.parse(answer.body);
};
/** Sends a call of 1,000 tokens in and 100 out that ended then, and answers its trace. */
const callAt = async (endMs: number, model = 'of-our-own') => {
  const traceId = newTraceId();
  await sender.send([{ traceId, spanId: newSpanId(), startMs: endMs - 5, durationMs: 5, attributes: called(model) }]);
  return traceId;
};

test('a change of prices counts for calls that end from then on, and what is stored keeps its cost', async () => {
  const unsaid = await api.call('GET', path);
  expect(unsaid).toMatchObject({ status: 200, body: { version: 0, models: [], effectiveFrom: null, changedAt: null } });
  const anHourAgo = Date.now() - 3_600_000;
  const unpriced = await callAt(anHourAgo);
  expect(await costsOf(unpriced)).toEqual({ costUsd: 0, unpricedCalls: 1, modelCalls: 1 });

  const first = { model: 'of-our-own', inputUsd: 3, outputUsd: 15 };
  const said = await put({ models: [first], effectiveFrom: '2026-01-01T00:00:00Z' });
  expect(said).toMatchObject({
    status: 200,
    body: { version: 1, models: [{ ...first, cachedInputUsd: 3, cacheWriteUsd: 3 }] },
  });
  expect(said.headers.get('etag')).toBe('"1"');
  expect((await api.call('GET', path)).body).toEqual(said.body);
  const old = { costUsd: 0.0045, unpricedCalls: 0, modelCalls: 1 };
  const before = await until(
    async () => {
      const traceId = await callAt(anHourAgo);
      return (await costsOf(traceId)).unpricedCalls === 0 ? traceId : null;
    },
    { what: 'the first price' },
  );
  expect(await costsOf(before)).toEqual(old);

  const second = { model: 'of-our-own', inputUsd: 6, outputUsd: 30 };
  expect(await put({ models: [second] }, { 'if-match': '"1"' })).toMatchObject({ status: 200, body: { version: 2 } });
  await until(async () => (await costsOf(await callAt(Date.now()))).costUsd === 0.009, { what: 'the second price' });
  expect(await costsOf(await callAt(anHourAgo))).toEqual(old);
  expect(await costsOf(before)).toEqual(old);
  expect(await costsOf(unpriced)).toMatchObject({ unpricedCalls: 1 });
  expect(await costsOf(await callAt(Date.now(), 'of-nobody'))).toEqual({ costUsd: 0, unpricedCalls: 1, modelCalls: 1 });

  const stale = await put({ models: [] }, { 'if-match': '"1"' });
  expect(stale).toMatchObject({ status: 412, body: { code: 'trace.version-mismatch' } });
});

test('a call that was begun and ended over the API costs what others do', async () => {
  const free = { model: 'free', inputUsd: 0, outputUsd: 0 };
  expect(await put({ models: [{ model: 'by-hand', inputUsd: 3, outputUsd: 15 }, free] })).toMatchObject({
    status: 200,
  });
  const costs = ['by-hand', 'free', 'of-nobody'].map(async (model) => {
    const begun = await api.call('POST', '/api/v1/traces', {
      body: { botInstanceId, name: 'chat', type: 'MODEL', attributes: called(model) },
    });
    expect(begun.status, begun.text).toBe(201);
    const ended = await api.call('POST', `/api/v1/traces/${String(begun.body['id'])}/complete`, { body: {} });
    expect(ended.status, ended.text).toBe(200);
    return Costs.parse(ended.body);
  });
  expect(await Promise.all(costs)).toEqual([
    { costUsd: 0.0045, unpricedCalls: 0, modelCalls: 1 },
    { costUsd: 0, unpricedCalls: 0, modelCalls: 1 },
    { costUsd: 0, unpricedCalls: 1, modelCalls: 1 },
  ]);
});

test('what is wrong is named by its field, and changes nothing', async () => {
  const { body } = await api.call('GET', path);
  const good = { model: 'a', inputUsd: 1, outputUsd: 2 };
  const wrong: readonly (readonly [string, readonly object[]])[] = [
    ['models.0.inputUsd', [{ ...good, inputUsd: -1 }]],
    ['models.0.outputUsd', [{ ...good, outputUsd: 0.000_000_1 }]],
    ['models.0.model', [{ ...good, model: 'a*b' }]],
    ['models.1.model', [good, { ...good, model: 'A' }]],
    ['models', Array.from({ length: 501 }, (_, i) => ({ ...good, model: `m${i}` }))],
  ];
  for (const [field, models] of wrong) {
    const answer = await put({ models });
    expect(answer, answer.text).toMatchObject({ status: 400, body: { errors: [{ path: field }] } });
  }
  expect((await api.call('GET', path)).body).toEqual(body);
});

test('who may only read may not set prices', async () => {
  const made = await api.call('POST', '/api/v1/api-keys', { body: { name: 'reader', role: 'VIEWER' } });
  const key = z.string().parse(made.body['key']);
  expect(await api.call('GET', path, { key })).toMatchObject({ status: 200 });
  expect(await api.call('PUT', path, { key, body: { models: [] } })).toMatchObject({ status: 403 });
});

test('the built-in prices are told with the version of their table', async () => {
  const Table = z.object({ version: z.string().min(1), models: z.array(z.object({ model: z.string() }).loose()) });
  const answer = await api.call('GET', `${path}/built-in`);
  expect(answer.status, answer.text).toBe(200);
  const { models } = Table.parse(answer.body);
  const price = { inputUsd: 1.25, cachedInputUsd: 0.125, cacheWriteUsd: 1.25, outputUsd: 10 };
  expect(models).toContainEqual({ model: 'gpt-5', ...price });
});
