// Loops of calls: said while they run, once, and said to be over.
import { ChangeFleetTelemetry, EndTrace, FleetTelemetry, OpenTrace } from '@molthub/contracts';
import { until, withNats, withPostgres } from '@molthub/testing';
import { expect, test } from 'vitest';
import { asJson, captured, jsonOf, jsonSpan, newBot, nowNs, tokenOf, withTelemetry } from './testing.ts';

const telemetry = withTelemetry(withPostgres(), withNats(), { silenceMs: 1_000 });
const { post, eventsOf } = telemetry;
type Bot = ReturnType<typeof newBot>;

const runawaysOf = async (bot: Bot) => (await eventsOf(bot)).filter(({ type }) => type.startsWith('trace.runaway.'));
const said = (bot: Bot, count: number) =>
  until(
    async () => {
      const events = await runawaysOf(bot);
      return events.length >= count ? events : null;
    },
    { what: `${count} events of a runaway` },
  );
const trace = 'c'.repeat(32);
const calls = (
  count: number,
  more: { readonly everyMs?: number; readonly traceId?: string; readonly tool?: string },
) => {
  const endNs = nowNs() - 600_000_000_000n;
  return Array.from({ length: count }, (_, i) => {
    const at = endNs + BigInt(i * (more.everyMs ?? 100)) * 1_000_000n;
    return jsonSpan({
      ...(more.traceId ? { traceId: more.traceId } : {}),
      parentSpanId: 'a'.repeat(16),
      name: more.tool ?? 'exec',
      startTimeUnixNano: String(at),
      endTimeUnixNano: String(at),
      attributes: [{ key: 'gen_ai.tool.name', value: { stringValue: more.tool ?? 'exec' } }],
    });
  });
};
const send = async (bot: Bot, spans: readonly object[]) =>
  expect(await post(await tokenOf(bot), jsonOf(...spans), asJson)).toMatchObject({ status: 200 });

test('the captured loop is said before its last body came, and said to be over when its root came', async () => {
  const bot = newBot();
  const token = await tokenOf(bot);
  const bodies = captured('turn2-tool-loop');
  let saidAfter = 0;
  for (const [place, body] of bodies.entries()) {
    expect(await post(token, body)).toMatchObject({ status: 200 });
    const { trace: service } = telemetry.running();
    const found = await service.runtime.reads('select from runaways where bot_id = $1', [bot.botId]);
    if (found.length === 0) continue;
    const [event] = await said(bot, 1);
    expect(event).toMatchObject({
      type: 'trace.runaway.detected.v1',
      data: { kind: 'TRACE', fleetId: bot.fleetId, callsMax: 40 },
    });
    saidAfter = place + 1;
    break;
  }
  expect(saidAfter).toBeGreaterThan(0);
  expect(saidAfter).toBeLessThan(bodies.length / 2);
  for (const body of bodies.slice(saidAfter)) expect(await post(token, body)).toMatchObject({ status: 200 });
  const events = await said(bot, 2);
  expect(events).toHaveLength(2);
  expect(events[1]).toMatchObject({
    type: 'trace.runaway.ended.v1',
    data: { runawayId: events[0]?.data['runawayId'], calls: 367 },
  });
});

test('40 calls of one tool within a minute run away; of two tools, or more slowly, they do not', async () => {
  const [fast, slow, two] = [newBot(), newBot(), newBot()];
  await send(slow, calls(40, { everyMs: 1_600, traceId: trace }));
  await send(two, [...calls(39, { traceId: trace }), ...calls(39, { traceId: trace, tool: 'read' })]);
  await send(fast, calls(39, { traceId: trace }));
  const { runtime } = telemetry.running().trace;
  const found = async () =>
    (await runtime.reads<{ bot_id: string }>('select bot_id from runaways')).map((r) => r.bot_id);
  const bots = [fast, slow, two].map(({ botId }) => botId);
  expect((await found()).filter((id) => bots.includes(id))).toEqual([]);
  const last = calls(1, { traceId: trace });
  await send(fast, last);
  expect((await found()).filter((id) => bots.includes(id))).toEqual([fast.botId]);
  const events = await said(fast, 2);
  expect(events.map(({ data }) => data)).toMatchObject([
    { callType: 'TOOL', name: 'exec', calls: 40, costUsd: '0' },
    { reason: 'silence', calls: 40 },
  ]);
});

test('a loop is found by columns: what its spans said is not read again with each of its calls', async () => {
  const bot = newBot();
  const { runtime } = telemetry.running().trace;
  await send(bot, calls(39, { traceId: trace }));
  await runtime.write((sql) => sql("update span_rows set attributes = 'unread' where bot_id = $1", [bot.botId]));
  await send(bot, calls(1, { traceId: trace }));
  expect(await runtime.reads('select name, calls from runaways where bot_id = $1', [bot.botId])).toEqual([
    { name: 'exec', calls: '40' },
  ]);
});

test('more than 300 calls of a bot within a minute run away, whichever traces they are of', async () => {
  const bot = newBot();
  const many = calls(301, { everyMs: 1 }).map((span, i) => ({
    ...span,
    attributes: [{ key: 'gen_ai.tool.name', value: { stringValue: `t${i}` } }],
  }));
  const minuteNs = 60_000_000_000n;
  const at = String((nowNs() / minuteNs - 5n) * minuteNs + 1n);
  const within = many.map((span) => ({ ...span, startTimeUnixNano: at, endTimeUnixNano: at }));
  await send(bot, within.slice(0, 300));
  const { runtime } = telemetry.running().trace;
  expect(await runtime.reads('select from runaways where bot_id = $1', [bot.botId])).toHaveLength(0);
  await send(bot, within.slice(300));
  const events = await said(bot, 2);
  expect(events.map(({ data }) => data)).toMatchObject([
    { kind: 'BOT', traceId: null, callType: null, calls: 301, callsMax: 300 },
    { kind: 'BOT', reason: 'silence', calls: 301 },
  ]);
});

test('a call that is begun and ended over the API runs away by the limits of its fleet', async () => {
  const bot = newBot();
  const { runtime } = telemetry.running().trace;
  const { botId, fleetId } = bot;
  const done = { status: 'DONE' };
  const settings = FleetTelemetry.parse({ runaway: { callsPerMinute: 2 } });
  const changed = { fleetId: fleetId ?? '', settings };
  expect(await runtime.execute(ChangeFleetTelemetry, changed, { workspace: 'default' })).toMatchObject(done);
  const traceId = 'd'.repeat(32);
  await send(bot, calls(1, { traceId }));
  const at = new Date(Date.now() - 600_000).toISOString();
  const attributes = { 'gen_ai.tool.name': 'exec' };
  const opened = {
    botId,
    fleetId,
    simulated: false,
    traceId,
    spanId: 'e'.repeat(16),
    parentTraceId: null,
    session: null,
    name: 'exec',
    type: 'TOOL' as const,
    startedAt: at,
    attributes,
  };
  expect(await runtime.execute(OpenTrace, opened, { workspace: 'default' })).toMatchObject(done);
  const ended = { botId, traceId, endedAt: at, status: 'OK' as const, message: '', attributes: {} };
  expect(await runtime.execute(EndTrace, ended, { workspace: 'default' })).toMatchObject(done);
  const events = await said(bot, 1);
  expect(events[0]?.data).toMatchObject({ kind: 'TRACE', callsMax: 2, calls: 2 });
});
