// What is wrong with bots, by way of the API: a loop of calls is a finding while it runs.
import { until } from '@molthub/testing';
import { beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import type { ApiUnderTest } from './api-under-test.ts';
import { makeBot, newSpanId, newTraceId, withTraces } from './traces-under-test.ts';

const traces = withTraces();
let api: ApiUnderTest;
beforeAll(() => {
  api = traces.api();
});

const Page = z.object({ items: z.array(z.record(z.string(), z.unknown())), total: z.int() });
const findings = async (query: string, key = api.adminKey) => {
  const answer = await api.call('GET', `/api/v1/health/findings?${query}`, { key });
  expect(answer.status, answer.text).toBe(200);
  return Page.parse(answer.body).items;
};

test('a loop of tool calls is a finding of its bot while it runs, and closed when its root came', async () => {
  const sender = await traces.bot('looping');
  const { botId, fleetId } = sender;
  const other = await makeBot(api, 'quiet');
  const traceId = newTraceId();
  const root = newSpanId();
  const startMs = Date.now() - 30_000;
  const calls = Array.from({ length: 40 }, (_, i) => ({
    traceId,
    spanId: newSpanId(),
    parentSpanId: root,
    name: 'exec',
    startMs: startMs + i * 100,
    attributes: { 'gen_ai.tool.name': 'exec' },
  }));
  await sender.send(calls.slice(0, 39));
  await sender.send(calls.slice(39));
  const open = await until(
    async () => {
      const [finding] = await findings(`botInstanceId=${botId}&open=true&kind=RUNAWAY`);
      return finding ?? null;
    },
    { what: 'the finding' },
  );
  expect(open).toMatchObject({
    botInstanceId: botId,
    fleetId,
    kind: 'RUNAWAY',
    severity: 'CRITICAL',
    title: 'One trace called the tool exec 40 times or more within a minute.',
    evidence: { of: 'TRACE', traceId, callType: 'TOOL', name: 'exec', calls: 40, callsMax: 40 },
    closedAt: null,
  });
  expect(await findings(`botInstanceId=${botId}&open=false`)).toEqual([]);
  expect(await findings(`botInstanceId=${other.botId}`)).toEqual([]);

  const keyFor = async (name: string, fleet: string) => {
    const made = await api.call('POST', '/api/v1/api-keys', { body: { name, role: 'VIEWER', fleetIds: [fleet] } });
    expect(made.status, made.text).toBe(201);
    return z.string().parse(made.body['key']);
  };
  expect(await findings('', await keyFor('of-the-fleet', fleetId))).toMatchObject([{ id: open['id'] }]);
  expect(await findings('', await keyFor('of-another-fleet', other.fleetId))).toEqual([]);

  await sender.send([{ traceId, spanId: root, name: 'openclaw.run', startMs, durationMs: 5_000 }]);
  const [closed] = await until(
    async () => {
      const found = await findings(`botInstanceId=${botId}&open=false`);
      return found.length > 0 ? found : null;
    },
    { what: 'the end of the finding' },
  );
  expect(closed).toMatchObject({ id: open['id'], evidence: { calls: 40, callsMax: 40, reason: 'root' } });
  expect(closed?.['closedAt']).not.toBeNull();
  expect(await findings('open=true')).toEqual([]);
});

test('a finding of a bot that is destroyed is closed with it, though nobody says that its loop is over', async () => {
  const sender = await traces.bot('doomed');
  const { botId } = sender;
  const traceId = newTraceId();
  const startMs = Date.now() - 10_000;
  await sender.send(
    Array.from({ length: 40 }, (_, i) => ({
      traceId,
      spanId: newSpanId(),
      parentSpanId: newSpanId(),
      name: 'exec',
      startMs: startMs + i,
      attributes: { 'gen_ai.tool.name': 'exec' },
    })),
  );
  const found = (open: boolean) =>
    until(async () => (await findings(`botInstanceId=${botId}&open=${open}`))[0] ?? null, { what: `open=${open}` });
  const { id } = await found(true);
  expect((await api.call('DELETE', `/api/v1/bot-instances/${botId}`)).status).toBeLessThan(300);
  expect(await found(false)).toMatchObject({ id, evidence: { calls: 40, reason: 'destroyed' } });
});

test('a filter that is none is named', async () => {
  const answer = await api.call('GET', '/api/v1/health/findings?open=maybe');
  expect(answer).toMatchObject({ status: 400, body: { errors: [{ path: 'open' }] } });
});
