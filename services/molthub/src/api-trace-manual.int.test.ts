// Traces begun and ended over the API, through the real API.
import { beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { ApiUnderTest } from './api-under-test.ts';
import { newSpanId, newTraceId, type SendingBot, withTraces } from './traces-under-test.ts';

const traces = withTraces();
let api: ApiUnderTest;
let botInstanceId = '';
let sender: SendingBot;

beforeAll(async () => {
  api = traces.api();
  sender = await traces.bot('anna');
  botInstanceId = sender.botId;
});

const Begun = z.object({ id: z.uuid(), traceId: z.string(), rootSpanId: z.string() });
const begin = async (more: Readonly<Record<string, unknown>> = {}) => {
  const body = { botInstanceId, name: 'nightly report', ...more };
  const answer = await api.call('POST', '/api/v1/traces', { body });
  expect(answer.status, answer.text).toBe(201);
  const { id, traceId, rootSpanId } = Begun.parse(answer.body);
  return { id, traceId, rootSpanId, answer };
};
const move = (id: string, how: string, body: Readonly<Record<string, unknown>> = {}) =>
  api.call('POST', `/api/v1/traces/${id}/${how}`, { body });

test('a trace runs until it is completed, and is then one like any other', async () => {
  const { id, traceId, answer } = await begin({
    session: 'reports',
    attributes: { rows: 12 },
    startedAt: '2026-11-20T10:00:00Z',
  });
  expect(answer.headers.get('location')).toBe(`/api/v1/traces/${id}`);
  expect(answer.body).toMatchObject({
    name: 'nightly report',
    type: 'TASK',
    state: 'RUNNING',
    session: 'reports',
    spanCount: 0,
  });
  const tree = `/api/v1/traces/by-trace-id/${traceId}/tree`;
  expect(await api.call('GET', tree)).toMatchObject({
    body: { state: 'RUNNING', roots: [{ name: 'nightly report', isOpen: true, attributes: { rows: 12 } }] },
  });
  const listed = await api.call('GET', `/api/v1/traces?state=RUNNING&botInstanceId=${botInstanceId}`);
  expect(listed.body).toMatchObject({ items: [{ id }] });
  const done = await move(id, 'complete', { endedAt: '2026-11-20T10:00:01.5Z', attributes: { pages: 3 } });
  expect(done).toMatchObject({
    status: 200,
    body: { id, state: 'ENDED', status: 'OK', spanCount: 1, durationMs: 1_500, type: 'TASK', session: 'reports' },
  });
  expect(await api.call('GET', tree)).toMatchObject({
    body: { state: 'ENDED', roots: [{ isOpen: false, durationMs: 1_500, attributes: { rows: 12, pages: 3 } }] },
  });
});

test('a trace that fails says why, without the secrets in it', async () => {
  const { id } = await begin({ type: 'REQUEST' });
  const secret = `ghp_${'a1B2'.repeat(9)}`;
  const failed = await move(id, 'fail', { error: `no disk ${secret}`, attributes: { token: secret } });
  expect(failed).toMatchObject({
    status: 200,
    body: { state: 'ENDED', status: 'ERROR', errorCount: 1, requestCount: 1 },
  });
  expect(failed.text).not.toContain(secret);
  expect((await api.call('GET', '/api/v1/events?limit=500&types=trace.>')).text).not.toContain(secret);
});

test('spans that a bot sends under it are its children', async () => {
  const { id, traceId, rootSpanId } = await begin();
  const Tree = z.object({ roots: z.array(z.object({ spanId: z.string(), children: z.array(z.unknown()) })) });
  const tree = async () => Tree.parse((await api.call('GET', `/api/v1/traces/by-trace-id/${traceId}/tree`)).body).roots;
  expect(await tree()).toMatchObject([{ spanId: rootSpanId, children: [] }]);
  await sender.send([{ traceId, spanId: newSpanId(), parentSpanId: rootSpanId, startMs: Date.now() }]);
  expect((await tree())[0]?.children).toHaveLength(1);
  expect(await move(id, 'complete')).toMatchObject({ body: { name: 'nightly report', spanCount: 2, state: 'ENDED' } });
  expect((await tree())[0]?.children).toHaveLength(1);
});

describe('an illegal move is refused', () => {
  test('a trace ends once', async () => {
    const { id } = await begin();
    expect((await move(id, 'complete')).status).toBe(200);
    for (const [how, body] of [
      ['complete', {}],
      ['fail', { error: 'x' }],
    ] as const) {
      expect(await move(id, how, body)).toMatchObject({ status: 409, body: { code: 'trace.trace-ended' } });
    }
  });
  test('an id is taken once, in capitals or not', async () => {
    const [asked, parentTraceId] = [newTraceId(), newTraceId()].map((id) => id.toUpperCase());
    const { traceId } = await begin({ traceId: asked, parentTraceId });
    expect(traceId).toBe(asked?.toLowerCase());
    for (const again of [traceId, asked]) {
      const body = { botInstanceId, name: 'x', traceId: again };
      expect(await api.call('POST', '/api/v1/traces', { body })).toMatchObject({
        status: 409,
        body: { code: 'trace.trace-exists' },
      });
    }
  });
  test('a trace that has ended with spans of its bot is not begun again, one whose root has not come may be', async () => {
    const [over, half] = [newTraceId(), newTraceId()];
    await sender.send([
      { traceId: over, spanId: newSpanId(), startMs: Date.now() },
      { traceId: half, spanId: newSpanId(), parentSpanId: newSpanId(), startMs: Date.now() },
    ]);
    const again = await api.call('POST', '/api/v1/traces', { body: { botInstanceId, name: 'x', traceId: over } });
    expect(again, again.text).toMatchObject({
      status: 409,
      body: { code: 'trace.trace-exists', errors: [{ path: 'traceId' }] },
    });
    expect(await api.call('GET', `/api/v1/traces/by-trace-id/${over}`)).toMatchObject({ body: { state: 'ENDED' } });
    const { id } = await begin({ traceId: half });
    expect(await move(id, 'complete')).toMatchObject({ status: 200, body: { state: 'ENDED', spanCount: 2 } });
  });
  test('a trace does not end before it began', async () => {
    const { id } = await begin();
    expect(await move(id, 'complete', { endedAt: '2020-01-01T00:00:00Z' })).toMatchObject({
      status: 400,
      body: { code: 'trace.end-invalid' },
    });
  });
  test("a bot's own trace is not ended by others", async () => {
    const traceId = newTraceId();
    await sender.send([{ traceId, spanId: newSpanId(), startMs: Date.now() }]);
    const { body } = await api.call('GET', `/api/v1/traces/by-trace-id/${traceId}`);
    expect(await move(String(body['id']), 'complete')).toMatchObject({
      status: 404,
      body: { code: 'trace.trace-not-found' },
    });
  });
  test.each([
    [{ name: '' }, 'name'],
    [{ traceId: '0'.repeat(32) }, 'traceId'],
    [{ attributes: { a: { b: 1 } } }, 'attributes.a'],
    [{ attributes: Object.fromEntries(Array.from({ length: 65 }, (_, n) => [`k${n}`, n])) }, 'attributes'],
    [{ startedAt: 'yesterday' }, 'startedAt'],
  ])('%j', async (more, path) => {
    const answer = await api.call('POST', '/api/v1/traces', { body: { botInstanceId, name: 'x', ...more } });
    expect(answer).toMatchObject({ status: 400, body: { errors: [{ path }] } });
  });
});

test('a time that no span may have is refused, and holds up nobody', async () => {
  const { id } = await begin();
  const inTenMinutes = new Date(Date.now() + 600_000).toISOString();
  for (const startedAt of ['1999-12-31T23:59:59Z', '9998-01-01T00:00:00Z', inTenMinutes]) {
    const refused = await api.call('POST', '/api/v1/traces', { body: { botInstanceId, name: 'odd', startedAt } });
    expect(refused, refused.text).toMatchObject({
      status: 400,
      body: { code: 'trace.start-invalid', errors: [{ path: 'startedAt' }] },
    });
  }
  expect(await move(id, 'complete', { endedAt: inTenMinutes })).toMatchObject({
    status: 400,
    body: { code: 'trace.end-invalid', errors: [{ path: 'endedAt' }] },
  });
  expect(await move(id, 'complete')).toMatchObject({ status: 200, body: { state: 'ENDED' } });
});

test('a call of a model over the API costs what one that a bot sends does', async () => {
  const attributes = { 'gen_ai.request.model': 'gpt-5', 'gen_ai.usage.input_tokens': 1_000_000 };
  const { id } = await begin({ type: 'MODEL', attributes });
  expect(await move(id, 'complete')).toMatchObject({
    status: 200,
    body: { state: 'ENDED', modelCalls: 1, inputTokens: 1_000_000, unpricedCalls: 0, costUsd: 1.25 },
  });
});
