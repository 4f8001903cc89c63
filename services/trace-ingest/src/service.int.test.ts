// The door and the tables behind it, on real servers.
import { gzipSync } from 'node:zlib';
import { IngestTokenRevoked } from '@molthub/contracts';
import { generateKey } from '@molthub/ingest-token';
import { until, withNats, withPostgres } from '@molthub/testing';
import { treeOf } from '@molthub/trace-tree';
import { type Attributes, SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { OTLPTraceExporter as JsonExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as ProtoExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { CompressionAlgorithm } from '@opentelemetry/otlp-exporter-base';
import { NodeTracerProvider, SimpleSpanProcessor, type SpanExporter } from '@opentelemetry/sdk-trace-node';
import { describe, expect, test } from 'vitest';
import { dropOld, ensurePartitions } from './retention.ts';
import { asJson, captured, jsonOf, jsonSpan, newBot, simulatorKey, tokenOf, withTelemetry } from './testing.ts';

const postgres = withPostgres();
const nats = withNats();
const telemetry = withTelemetry(postgres, nats);
const { post, sendTurn, spansOf, tracesOf, minutesOf } = telemetry;

describe('turns captured from OpenClaw', () => {
  test('become traces with a readable tree', async () => {
    const bot = newBot();
    await sendTurn(bot, captured('turn3-one-tool'));
    const spans = await spansOf(bot, '33b8171592733231f25cfea74b577856');
    const { spanCount, roots } = treeOf(spans);
    expect(spanCount).toBe(5);
    expect(roots).toHaveLength(1);
    expect(roots[0]).toMatchObject({ name: 'openclaw.run', type: 'REQUEST', parentSpanId: null });
    expect(roots[0]?.children.map((child) => child.name).sort()).toEqual([
      'openclaw.context.assembled',
      'openclaw.model.call',
      'openclaw.model.call',
      'openclaw.tool.execution',
    ]);
    expect(spans[0]?.resource['service.name']).toBe('openclaw-bot-o');
  });

  test('of a runaway are one trace of 184 model calls and 183 tools', async () => {
    const bot = newBot();
    await sendTurn(bot, captured('turn2-tool-loop'));
    const run = (await tracesOf(bot)).find((one) => one.name === 'openclaw.run');
    expect(run).toMatchObject({ type: 'REQUEST', span_count: 369, root_count: 1, error_count: 0 });
    expect(run?.duration_ms).toBeGreaterThan(60_000);
    const { roots } = treeOf(await spansOf(bot, run?.trace_id));
    expect(roots[0]?.children.filter((child) => child.type === 'MODEL')).toHaveLength(184);
    expect(roots[0]?.children.filter((child) => child.type === 'TOOL')).toHaveLength(183);
  });

  test('sent twice, in another order, and by many at once are stored and counted once', async () => {
    const once = newBot();
    const again = newBot();
    const bodies = captured('turn2-tool-loop');
    await sendTurn(once, bodies);
    const token = await tokenOf(again);
    const all = [...bodies, ...bodies].reverse();
    await Promise.all(all.map(async (body) => expect(await post(token, body)).toMatchObject({ status: 200 })));
    await sendTurn(again, bodies);
    const own = (one: Awaited<ReturnType<typeof tracesOf>>[number]) => ({
      ...one,
      bot_id: '',
      id: '',
      fleet_id: null,
      updated_at: null,
    });
    expect((await tracesOf(again)).map(own)).toEqual((await tracesOf(once)).map(own));
    expect(await minutesOf(again)).toEqual(await minutesOf(once));
    expect(await spansOf(again)).toHaveLength(371);
  });

  test('have metrics and logs, which are stored as they came, once', async () => {
    const bot = newBot();
    const token = await tokenOf(bot);
    const logs = captured('turn1-plain', 'logs');
    for (const body of [...logs, ...logs]) {
      expect(await post(token, body, {}, '/v1/logs')).toMatchObject({ status: 200 });
    }
    for (const body of captured('turn2-tool-loop', 'metrics').slice(0, 1)) {
      expect(await post(token, gzipSync(body), { 'content-encoding': 'gzip' }, '/v1/metrics')).toMatchObject({
        status: 200,
      });
    }
    const rows = await telemetry
      .running()
      .trace.runtime.reads<{ signal: string }>('select signal from telemetry_bodies where bot_id = $1', [bot.botId]);
    expect(rows.map((row) => row.signal).sort()).toEqual(['logs', 'logs', 'metrics']);
  });
});

describe("OpenTelemetry's own exporters", () => {
  const exporters = {
    'JSON, in gzip': JsonExporter,
    JSON: JsonExporter,
    protobuf: ProtoExporter,
    'protobuf, in gzip': ProtoExporter,
  };
  test.each(Object.entries(exporters))('send %s', async (name, Exporter) => {
    const bot = newBot();
    const compression = name.endsWith('gzip') ? CompressionAlgorithm.GZIP : CompressionAlgorithm.NONE;
    const headers = { 'x-molthub-token': await tokenOf(bot) };
    // oxlint-disable-next-line typescript/no-unsafe-enum-assignment -- the same enum, by way of two module formats
    const exporter: SpanExporter = new Exporter({ url: `${telemetry.url()}/v1/traces`, headers, compression });
    const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
    const tracer = provider.getTracer('test tracer');
    const attributes: Attributes = {
      'gen_ai.operation.name': 'chat',
      'gen_ai.usage.input_tokens': 12,
      list: ['a', 'b'],
    };
    // oxlint-disable-next-line typescript/no-unsafe-enum-assignment -- the same enum, by way of two module formats
    const request = tracer.startSpan('request', { kind: SpanKind.SERVER, attributes });
    // oxlint-disable-next-line typescript/no-unsafe-enum-assignment -- the same enum, by way of two module formats
    request.addEvent('first token', { ms: 7 }).setStatus({ code: SpanStatusCode.ERROR, message: 'no luck' });
    request.end();
    await provider.shutdown();
    const [span] = await spansOf(bot);
    expect(span).toMatchObject({
      name: 'request',
      type: 'MODEL',
      kind: 2,
      status: 'ERROR',
      status_message: 'no luck',
      scope: 'test tracer',
      attributes,
      events: [{ name: 'first token', attributes: { ms: 7 } }],
    });
    expect(await tracesOf(bot)).toMatchObject([{ status: 'ERROR', error_count: 1, input_tokens: 12 }]);
  });
});

describe('a request without a right', () => {
  test('is refused in its own encoding, whatever the body', async () => {
    const refused = await post(null, jsonOf(jsonSpan()), asJson);
    expect(refused).toMatchObject({ status: 401 });
    expect(refused.headers.get('content-type')).toBe('application/json');
    expect(JSON.parse(refused.body.toString())).toMatchObject({ code: 16, message: expect.stringContaining('Bearer') });
    const binary = await post('nonsense', Buffer.from([1, 2, 3]));
    expect(binary.headers.get('content-type')).toBe('application/x-protobuf');
    expect([...binary.body.subarray(0, 2)]).toEqual([0x08, 16]);
  });
  test('has a foreign key, has expired, or is of a simulated key for a bot that is not', async () => {
    const bot = newBot();
    expect(await post(await tokenOf(bot, generateKey()), '')).toMatchObject({ status: 401 });
    const past = new Date(Date.now() - 1_000).toISOString();
    expect(await post(await tokenOf({ ...bot, expiresAt: past }), '')).toMatchObject({ status: 401 });
    expect(await post(await tokenOf(bot, simulatorKey), '')).toMatchObject({ status: 401 });
    expect(await post(await tokenOf({ ...bot, simulated: true }, simulatorKey), '')).toMatchObject({ status: 200 });
  });
  test('is one with a token that was revoked', async () => {
    const bot = newBot();
    const token = await tokenOf(bot);
    expect(await post(token, '')).toMatchObject({ status: 200 });
    await telemetry.say(telemetry.running().gateway, IngestTokenRevoked.type, {
      tokenId: bot.tokenId,
      botId: bot.botId,
    });
    await until(async () => (await post(token, '')).status === 401, { what: 'the revocation' });
  });
  test('is cut off before its body is read: a bomb is not inflated', async () => {
    const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024));
    expect(await post(null, bomb, { 'content-encoding': 'gzip' })).toMatchObject({ status: 401 });
  });
});

describe('a request that cannot be taken', () => {
  const bad = async (body: Buffer | string, headers: Readonly<Record<string, string>>, path?: string) =>
    (await post(await tokenOf(newBot()), body, headers, path)).status;
  const gzip = { 'content-encoding': 'gzip' };

  test('is a bomb, or simply too large', async () => {
    const spaces = Buffer.from(jsonOf().padEnd(20 * 1024 * 1024));
    expect(await bad(gzipSync(Buffer.alloc(64 * 1024 * 1024)), gzip)).toBe(413);
    expect(await bad(gzipSync(spaces), { ...asJson, ...gzip })).toBe(413);
    expect(await bad(spaces, asJson)).toBe(413);
  });
  test('is broken gzip', async () => {
    const whole = gzipSync(jsonOf(jsonSpan()));
    expect(await bad(whole.subarray(0, whole.length - 9), { ...asJson, ...gzip })).toBe(400);
    expect(await bad(Buffer.concat([whole, Buffer.from('garbage')]), { ...asJson, ...gzip })).toBe(400);
    expect(await bad('{}', { ...asJson, ...gzip })).toBe(400);
    expect(await bad(Buffer.concat([gzipSync('{"resource'), gzipSync('Spans":[]}')]), { ...asJson, ...gzip })).toBe(
      200,
    );
  });
  test('is of another encoding, type, path or method', async () => {
    expect(await bad('', { 'content-encoding': 'gzip, gzip' })).toBe(415);
    expect(await bad('', { 'content-encoding': 'zstd' })).toBe(415);
    expect(await bad('', { 'content-type': 'text/plain' })).toBe(415);
    expect(await bad('', {}, '/v1/profiles')).toBe(404);
    expect((await fetch(`${telemetry.url()}/v1/traces`)).status).toBe(405);
  });
  test('is malformed: 400 with the reason', async () => {
    const token = await tokenOf(newBot());
    const refused = await post(token, '{"resourceSpans":7}', asJson);
    expect(refused.status).toBe(400);
    expect(JSON.parse(refused.body.toString())).toEqual({ code: 3, message: 'resourceSpans must be a list.' });
    expect(await post(token, Buffer.from([0xff]), {}, '/v1/metrics')).toMatchObject({ status: 400 });
    expect(await post(token, '{"resourceLogs":[1]}', asJson, '/v1/logs')).toMatchObject({ status: 400 });
  });
  test('in part only is answered with partial success', async () => {
    const bot = newBot();
    const body = jsonOf(jsonSpan(), jsonSpan({ traceId: 'abc' }));
    const answered = await post(await tokenOf(bot), body, asJson);
    expect(answered.status).toBe(200);
    expect(JSON.parse(answered.body.toString())).toEqual({
      partialSuccess: { rejectedSpans: '1', errorMessage: '1 × trace_id must be 16 bytes that are not all zero' },
    });
    expect(await spansOf(bot)).toHaveLength(1);
  });
});

test('spans belong to the bot of the token, though another had the same ids first', async () => {
  const [first, second] = [newBot(), newBot()];
  const span = jsonSpan();
  for (const bot of [first, second]) {
    expect(await post(await tokenOf(bot), jsonOf(span), asJson)).toMatchObject({ status: 200 });
  }
  const [one, other] = [await tracesOf(first), await tracesOf(second)];
  expect(one).toHaveLength(1);
  expect(other).toHaveLength(1);
  expect(one[0]?.id).not.toBe(other[0]?.id);
});

test('spans older than they are kept are dropped by the day, and those of other days by when they came', async () => {
  const bot = newBot();
  const { runtime } = telemetry.running().trace;
  await sendTurn(bot, captured('turn1-plain'));
  await post(await tokenOf(bot), jsonOf(jsonSpan()), asJson);
  const day = 86_400_000;
  const keep = { spanDays: 2, minuteDays: 2, bodyDays: 2 };
  await dropOld(runtime, keep, Date.now());
  expect(await spansOf(bot)).toHaveLength(6);
  await dropOld(runtime, keep, Date.now() + 4 * day);
  expect(await spansOf(bot)).toHaveLength(0);
  expect(await tracesOf(bot)).toHaveLength(0);
  await ensurePartitions(runtime, Date.now());
  await post(await tokenOf(bot), jsonOf(jsonSpan()), asJson);
  expect(await spansOf(bot)).toHaveLength(1);
});

test('without its database telemetry is answered 503 with Retry-After, and taken again afterwards', async () => {
  const bot = newBot();
  const token = await tokenOf(bot);
  const body = jsonOf(jsonSpan());
  expect(await post(token, '')).toMatchObject({ status: 200 });
  await postgres.stopHard();
  try {
    // Backends that outlive their killed server for a moment still commit.
    const refused = await until(
      async () => {
        const answered = await post(token, body, asJson);
        return answered.status === 503 ? answered : null;
      },
      { what: 'a refusal' },
    );
    expect(refused.headers.get('retry-after')).toBe('1');
    expect(await post(token, captured('turn1-plain', 'logs')[0] ?? '', {}, '/v1/logs')).toMatchObject({ status: 503 });
  } finally {
    await postgres.start();
  }
  await until(async () => (await post(token, body, asJson)).status === 200, {
    what: 'the database',
    timeoutMs: 20_000,
  });
  expect(await spansOf(bot)).toHaveLength(1);
});
