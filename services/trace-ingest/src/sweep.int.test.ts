// What stays of telemetry after days, by a clock that is moved: exactly what its fleet keeps.
import { createHash, randomUUID } from 'node:crypto';
import { ChangeFleetTelemetry, EndTrace, FleetTelemetry, OpenTrace, rebuildProjection } from '@molthub/contracts';
import type { IngestClaims } from '@molthub/ingest-token';
import { openTestCaller } from '@molthub/service/testing';
import { until, withNats, withPostgres } from '@molthub/testing';
import { expect, test } from 'vitest';
import { dropOld, longest } from './retention.ts';
import { stepRowsMax, sweep } from './sweep.ts';
import { asJson, jsonOf, jsonSpan, newBot, nowNs, tokenOf, withTelemetry } from './testing.ts';

const postgres = withPostgres();
const nats = withNats();
const telemetry = withTelemetry(postgres, nats);
const runtime = () => telemetry.running().trace.runtime;
const after = (days: number) => Date.now() + days * 86_400_000;

const say = async (fleetId: string | null, settings: object) => {
  const data = { fleetId: fleetId ?? randomUUID(), settings: FleetTelemetry.parse(settings) };
  expect(await runtime().execute(ChangeFleetTelemetry, data, { workspace: 'default' })).toMatchObject({
    status: 'DONE',
  });
};
const send = async (bot: IngestClaims, ...spans: readonly object[]) =>
  expect(await telemetry.post(await tokenOf(bot), jsonOf(...spans), asJson)).toMatchObject({ status: 200 });

const inError = { status: { code: 2, message: 'no luck' } };
const slow = { startTimeUnixNano: String(nowNs() - 90_000_000_000n) };
const traceOf = (more: object = {}) => {
  const root = jsonSpan(more);
  return [root, jsonSpan({ traceId: root.traceId, parentSpanId: root.spanId, name: 'openclaw.model.call' })] as const;
};
const namesOf = async (bot: IngestClaims) => (await telemetry.tracesOf(bot)).map(({ trace_id }) => trace_id);
const rankOf = (traceId: string) => createHash('md5').update(uuidOf(traceId)).digest().readUInt32BE(0) / 2 ** 32;
const uuidOf = (hex: string) => hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');

test('OK traces go after okDays but for their share, errors and slow ones after errorDays, with all of their spans', async () => {
  const bot = newBot();
  await say(bot.fleetId, { retention: { okDays: 5, errorDays: 20, keepOkShare: 0.25 } });
  const ok = Array.from({ length: 60 }, () => traceOf());
  const failed = traceOf(inError);
  const long = traceOf(slow);
  await send(bot, ...ok.flat(), ...failed, ...long);
  const kept = ok.map(([{ traceId }]) => traceId).filter((id) => rankOf(id) < 0.25);
  const longer = [...kept, failed[0].traceId, long[0].traceId].toSorted();

  await sweep(runtime(), after(4.9));
  expect(await namesOf(bot)).toHaveLength(62);
  expect(await sweep(runtime(), after(5.1))).toMatchObject({ traces: 60 - kept.length, spans: 120 - 2 * kept.length });
  expect(await namesOf(bot)).toEqual(longer);
  expect(new Set((await telemetry.spansOf(bot)).map(({ trace_id }) => trace_id))).toEqual(new Set(longer));
  expect(await telemetry.spansOf(bot)).toHaveLength(2 * longer.length);
  await sweep(runtime(), after(19.9));
  expect(await namesOf(bot)).toEqual(longer);
  await sweep(runtime(), after(20.1));
  expect(await namesOf(bot)).toEqual([]);
  expect(await telemetry.spansOf(bot)).toEqual([]);
});

test('fleets of which nobody said anything keep theirs as by default, and so do bots without a fleet', async () => {
  for (const bot of [newBot(), newBot({ fleetId: null })]) {
    const failed = traceOf(inError);
    await send(bot, ...traceOf(), ...failed);
    await sweep(runtime(), after(6.9));
    expect(await namesOf(bot)).toHaveLength(2);
    await sweep(runtime(), after(29.9));
    expect(await namesOf(bot)).toContain(failed[0].traceId);
    await sweep(runtime(), after(30.1));
    expect(await namesOf(bot)).toEqual([]);
  }
});

test('a trace of which more came is as old as what came last', async () => {
  const bot = newBot();
  const [root, child] = traceOf();
  await send(bot, root);
  await runtime().write((sql) =>
    sql("update traces set updated_at = now() - interval '40 days' where bot_id = $1", [bot.botId]),
  );
  await send(bot, child);
  expect(await sweep(runtime(), Date.now())).toMatchObject({ traces: 0 });
  expect(await telemetry.spansOf(bot)).toHaveLength(2);
  expect(await sweep(runtime(), after(31))).toMatchObject({ traces: 1, spans: 2 });
});

test('a trace whose id is no UUID of RFC 9562 goes like any other', async () => {
  const bot = newBot();
  await send(bot, jsonSpan({ traceId: `c4a05000${'0'.repeat(23)}1` }));
  expect(await sweep(runtime(), after(31))).toMatchObject({ traces: 1, spans: 1 });
});

test('a trace of more spans than a step may delete goes in several', async () => {
  const bot = newBot();
  const [root] = traceOf();
  const children = Array.from({ length: stepRowsMax + 500 }, () =>
    jsonSpan({ traceId: root.traceId, parentSpanId: root.spanId }),
  );
  await send(bot, root, ...children);
  expect(await sweep(runtime(), after(31))).toMatchObject({ traces: 1, spans: stepRowsMax + 501 });
  expect(await telemetry.spansOf(bot)).toEqual([]);
});

test('rollups, failures and groups of errors go by their own time, content before its spans', async () => {
  const [brief, usual] = [newBot(), newBot()];
  await say(brief.fleetId, { retention: { contentDays: 1, rollupDays: 40 } });
  await say(usual.fleetId, { retention: { contentDays: 2 } });
  for (const bot of [brief, usual]) {
    await send(bot, ...traceOf(inError));
    await runtime().write((sql) =>
      sql("insert into span_contents (id, workspace, bot_id, body) values (gen_random_uuid(), 'default', $1, 'x')", [
        bot.botId,
      ]),
    );
  }
  const count = async (table: string, bot: IngestClaims) =>
    (await runtime().reads(`select from ${table} where bot_id = $1`, [bot.botId])).length;
  const counts = async (bot: IngestClaims) => ({
    contents: await count('span_contents', bot),
    rollups: (
      await Promise.all(['bot_minutes', 'bot_hours', 'failed_minutes'].map((table) => count(table, bot)))
    ).filter((n) => n > 0).length,
  });
  await sweep(runtime(), after(1));
  expect([await counts(brief), await counts(usual)]).toEqual([
    { contents: 1, rollups: 3 },
    { contents: 1, rollups: 3 },
  ]);
  await sweep(runtime(), after(2));
  expect([await counts(brief), await counts(usual)]).toEqual([
    { contents: 0, rollups: 3 },
    { contents: 1, rollups: 3 },
  ]);
  await sweep(runtime(), after(41));
  expect([await counts(brief), await counts(usual)]).toEqual([
    { contents: 0, rollups: 0 },
    { contents: 0, rollups: 3 },
  ]);
});

test('a fleet that keeps no content keeps none of today', async () => {
  const bot = newBot();
  await say(bot.fleetId, { retention: { contentDays: 0 } });
  await send(bot, ...traceOf());
  await runtime().write((sql) =>
    sql("insert into span_contents (id, workspace, bot_id, body) values (gen_random_uuid(), 'default', $1, 'x')", [
      bot.botId,
    ]),
  );
  expect(await sweep(runtime(), Date.now())).toMatchObject({ contents: 1 });
});

test('content goes after the default time where nobody said anything, and by the fleet that a bot was in last', async () => {
  const keep = async (bot: IngestClaims) => {
    await send(bot, ...traceOf());
    await runtime().write((sql) =>
      sql("insert into span_contents (id, workspace, bot_id, body) values (gen_random_uuid(), 'default', $1, 'x')", [
        bot.botId,
      ]),
    );
  };
  const held = async (bot: IngestClaims) =>
    (await runtime().reads('select from span_contents where bot_id = $1', [bot.botId])).length;
  const [unsaid, fleetless, before] = [newBot(), newBot({ fleetId: null }), newBot()];
  const moved = { ...before, fleetId: randomUUID() };
  await say(before.fleetId, { retention: { contentDays: 1 } });
  await say(moved.fleetId, { retention: { contentDays: 20 } });
  await send(before, ...traceOf());
  await runtime().write((sql) =>
    sql("update bot_hours set hour = hour - interval '2 hours' where bot_id = $1", [before.botId]),
  );
  for (const bot of [unsaid, fleetless, moved]) await keep(bot);
  await sweep(runtime(), after(3));
  expect([await held(unsaid), await held(fleetless), await held(moved)]).toEqual([1, 1, 1]);
  await sweep(runtime(), after(4));
  expect([await held(unsaid), await held(fleetless), await held(moved)]).toEqual([0, 0, 1]);
  await sweep(runtime(), after(21));
  expect(await held(moved)).toBe(0);
});

test('days are dropped whole once no fleet keeps anything of them', async () => {
  expect(longest([])).toEqual({ spanDays: 30, minuteDays: 365 });
  const settings = FleetTelemetry.parse({ retention: { errorDays: 90, rollupDays: 10 } });
  expect(longest([{ settings }])).toEqual({ spanDays: 90, minuteDays: 365 });
  const bot = newBot();
  await send(bot, ...traceOf(inError));
  await dropOld(runtime(), { ...longest([{ settings }]), bodyDays: 3 }, after(89));
  expect(await telemetry.spansOf(bot)).toHaveLength(2);
  await dropOld(runtime(), { ...longest([{ settings }]), bodyDays: 3 }, after(95));
  expect(await runtime().reads('select from span_rows where bot_id = $1', [bot.botId])).toEqual([]);
  expect(await runtime().reads('select from surroundings where bot_id = $1', [bot.botId])).toEqual([]);
});

test('a runaway that is over goes with the spans of its time; one that runs stays', async () => {
  const { botId } = newBot();
  const runaway = (endedAt: string | null) =>
    runtime().write((sql) =>
      sql(
        `insert into runaways (id, workspace, bot_id, trace_id, name, calls, calls_max, since_ns, last_ns, tokens,
           cost_pico, said_at, ended_at)
         values ($1, 'default', $2, $3, 'exec', 41, 40, 0, 0, 0, 0, now(), $4)`,
        [randomUUID(), botId, randomUUID(), endedAt],
      ),
    );
  await runaway(null);
  await runaway(new Date().toISOString());
  const left = () => runtime().reads('select ended_at is null as running from runaways where bot_id = $1', [botId]);
  const kept = { ...longest([]), bodyDays: 3 };
  await dropOld(runtime(), kept, after(kept.spanDays - 1));
  expect(await left()).toHaveLength(2);
  await dropOld(runtime(), kept, after(kept.spanDays + 1));
  expect(await left()).toEqual([{ running: true }]);
});

const begin = async (botId: string) => {
  const traceId = randomUUID().replaceAll('-', '');
  const of = { botId, fleetId: null, simulated: false, traceId, spanId: '1'.repeat(16), parentTraceId: null };
  const startedAt = new Date().toISOString();
  const data = { ...of, name: 'report', type: 'TASK' as const, startedAt, session: null, attributes: {} };
  expect(await runtime().execute(OpenTrace, data, { workspace: 'default' })).toMatchObject({ status: 'DONE' });
  return traceId;
};
const end = async (botId: string, traceId: string) => {
  const data = {
    botId,
    traceId,
    endedAt: new Date().toISOString(),
    status: 'OK' as const,
    message: '',
    attributes: {},
  };
  expect(await runtime().execute(EndTrace, data, { workspace: 'default' })).toMatchObject({ status: 'DONE' });
};

test('what is known of traces of the API goes with their traces, ended or not, and making it anew brings none back', async () => {
  const { botId } = newBot();
  await begin(botId);
  await end(botId, await begin(botId));
  const known = () => runtime().reads('select stored from manual_traces where bot_id = $1 order by stored', [botId]);
  await until(async () => (await known()).some(({ stored }) => stored === true), { what: 'the span to be stored' });
  const kept = { ...longest([]), bodyDays: 3 };
  const pass = async (days: number) => {
    await dropOld(runtime(), kept, after(days));
    await sweep(runtime(), after(days));
    await dropOld(runtime(), kept, after(days));
  };
  await pass(kept.spanDays - 25);
  expect(await known()).toEqual([{ stored: false }, { stored: true }]);
  await pass(kept.spanDays + 1);
  expect(await known()).toEqual([]);
  const caller = await openTestCaller(nats.url);
  expect(await caller.send(rebuildProjection('trace'), { name: 'manual-traces' })).toMatchObject({ status: 'DONE' });
  await caller.close();
  await until(async () => (await known()).some(({ stored }) => stored === true), {
    what: 'what was ended to be looked at',
  });
  const left = (table: string) => runtime().reads(`select from ${table} where bot_id = $1`, [botId]);
  expect([await left('span_rows'), await left('traces')]).toEqual([[], []]);
  expect(await runtime().reads('select spans from bot_minutes where bot_id = $1', [botId])).toEqual([{ spans: '1' }]);
});

test('a trace of the API that came again with a span of its bot after it was swept can be ended, and is whole', async () => {
  const bot = newBot({ fleetId: null });
  const traceId = await begin(bot.botId);
  await sweep(runtime(), after(31));
  expect(await telemetry.tracesOf(bot)).toEqual([]);
  await send(bot, jsonSpan({ traceId, parentSpanId: '1'.repeat(16) }));
  await end(bot.botId, traceId);
  await until(async () => (await telemetry.spansOf(bot)).length === 2, { what: 'both spans' });
});
