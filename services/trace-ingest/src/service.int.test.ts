// The door and the tables behind it, on real servers.
import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import {
  BotConverged,
  IngestTokenRevoked,
  platformWorkspace,
  SigningKeyPublished,
  SimulatorKeyPublished,
  SpansView,
  TracesView,
} from '@molthub/contracts';
import { newEvent } from '@molthub/event-store/testing';
import { generateKey, type IngestClaims, type SigningKey, sign } from '@molthub/ingest-token';
import type { RunningService, ServiceDefinition } from '@molthub/service';
import { startTestService } from '@molthub/service/testing';
import { until, withNats, withPostgres } from '@molthub/testing';
import { treeOf } from '@molthub/trace-tree';
import { type Attributes, SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { OTLPTraceExporter as JsonExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as ProtoExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { CompressionAlgorithm } from '@opentelemetry/otlp-exporter-base';
import { NodeTracerProvider, SimpleSpanProcessor, type SpanExporter } from '@opentelemetry/sdk-trace-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { dropOld, ensurePartitions } from './retention.ts';
import { type OtlpServer, traceService } from './service.ts';

const postgres = withPostgres();
const nats = withNats();

const none = { migrations: [], aggregates: [], projections: [], reactions: [], listeners: [], queries: [], jobs: [] };
const gatewayDefinition: ServiceDefinition = { name: 'gateway', ...none };
const reconcilerDefinition: ServiceDefinition = { name: 'reconciler', ...none };

let trace: RunningService;
let gateway: RunningService;
let reconciler: RunningService;
let door: OtlpServer;
const key = generateKey();
const simulatorKey = generateKey();

const say = (service: RunningService, type: string, data: unknown, workspace = 'default') =>
  service.log.commit({
    streams: [{ stream: `test-${randomUUID()}`, expected: 'any', events: [{ ...newEvent(type, data), workspace }] }],
  });

beforeAll(async () => {
  const urls = { databaseUrl: postgres.url, natsUrl: nats.url };
  const definition = traceService({ windows: { latenessMs: 500, lookEveryMs: 50 } });
  [trace, gateway, reconciler] = await Promise.all([
    startTestService(definition, urls),
    startTestService(gatewayDefinition, urls),
    startTestService(reconcilerDefinition, urls),
  ]);
  door = await definition.startOtlp({ host: '127.0.0.1', port: 0, runtime: trace.runtime });
  await say(gateway, SigningKeyPublished.type, { keyId: key.keyId, publicKey: key.publicKey }, platformWorkspace);
  const simulator = { keyId: simulatorKey.keyId, publicKey: simulatorKey.publicKey };
  await say(reconciler, SimulatorKeyPublished.type, simulator, platformWorkspace);
  await until(async () => (await trace.runtime.reads('select from signing_keys')).length === 2, { what: 'both keys' });
});

afterAll(async () => {
  await door?.close();
  await Promise.all([trace?.stop(), gateway?.stop(), reconciler?.stop()]);
});

const newBot = (more: Partial<IngestClaims> = {}): IngestClaims => ({
  botId: randomUUID(),
  workspace: 'default',
  fleetId: randomUUID(),
  tokenId: randomUUID(),
  expiresAt: new Date(Date.now() + 3_600_000).toISOString(),
  simulated: false,
  ...more,
});
const tokenOf = (bot: IngestClaims, by: SigningKey = key) => sign(bot, by);

const post = async (
  token: string | null,
  body: Buffer | string,
  headers: Readonly<Record<string, string>> = {},
  path = '/v1/traces',
) => {
  const authorization = token === null ? {} : { authorization: `Bearer ${token}` };
  const response = await fetch(`${door.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-protobuf', ...authorization, ...headers },
    body: typeof body === 'string' ? body : new Uint8Array(body),
  });
  return { status: response.status, headers: response.headers, body: Buffer.from(await response.arrayBuffer()) };
};
const asJson = { 'content-type': 'application/json' };

const samples = join(import.meta.dirname, '../samples');
const captured = (turn: string, signal = 'traces') =>
  readdirSync(join(samples, turn))
    .filter((name) => name.endsWith(`${signal}.bin`))
    .map((name) => readFileSync(join(samples, turn, name)));

const sendTurn = async (bot: IngestClaims, bodies: readonly Buffer[]) => {
  const token = await tokenOf(bot);
  for (const body of bodies) expect(await post(token, body)).toMatchObject({ status: 200, body: Buffer.alloc(0) });
};

const spansOf = async (bot: IngestClaims, traceId?: string) =>
  z
    .array(SpansView.row.extend({ started_at: z.date() }))
    .parse(
      await trace.runtime.reads(
        'select * from trace_read.spans where bot_id = $1 and ($2::text is null or trace_id = $2) order by started_ns',
        [bot.botId, traceId ?? null],
      ),
    );
const tracesOf = async (bot: IngestClaims) =>
  z
    .array(TracesView.row.extend({ started_at: z.date(), ended_at: z.date() }))
    .parse(
      await trace.runtime.reads('select * from trace_read.traces where bot_id = $1 order by trace_id', [bot.botId]),
    );
const minutesOf = (bot: IngestClaims) =>
  trace.runtime.reads(
    `select config_hash, minute, requests, errors, spans, model_calls, tool_calls, latency_counts, duration_ms_sum
     from trace_read.bot_minutes where bot_id = $1 order by minute, config_hash`,
    [bot.botId],
  );
const eventsOf = (bot: IngestClaims) =>
  trace.runtime.reads<{ type: string; data: Record<string, unknown> }>(
    "select type, data from events where data->>'botId' = $1 order by type",
    [bot.botId],
  );

const nowNs = () => BigInt(Date.now()) * 1_000_000n;
const jsonSpan = (more: object = {}) => ({
  traceId: randomUUID().replaceAll('-', ''),
  spanId: randomUUID().replaceAll('-', '').slice(0, 16),
  name: 'openclaw.run',
  kind: 1,
  startTimeUnixNano: String(nowNs() - 200_000_000n),
  endTimeUnixNano: String(nowNs()),
  ...more,
});
const jsonOf = (...spans: readonly object[]) => JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] });

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
    const own = (one: Awaited<ReturnType<typeof tracesOf>>[number]) => ({ ...one, bot_id: '', id: '' });
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
    const rows = await trace.runtime.reads<{ signal: string }>(
      'select signal from telemetry_bodies where bot_id = $1',
      [bot.botId],
    );
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
    const exporter: SpanExporter = new Exporter({ url: `${door.url}/v1/traces`, headers, compression });
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
    await say(gateway, IngestTokenRevoked.type, { tokenId: bot.tokenId, botId: bot.botId });
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
    expect((await fetch(`${door.url}/v1/traces`)).status).toBe(405);
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

describe('windows', () => {
  const ended = (count: number, status?: object) =>
    Array.from({ length: count }, () => jsonSpan({ ...(status ? { status } : {}), ...longAgo() }));
  // A minute that is over, so that the test need not wait for one.
  const longAgo = (more = 0) => {
    const end = (nowNs() / 60_000_000_000n - 3n) * 60_000_000_000n + 1_000_000n;
    return { startTimeUnixNano: String(end - 200_000_000n - BigInt(more)), endTimeUnixNano: String(end) };
  };
  const converged = async (bot: IngestClaims, hash: string, time: string) => {
    const data: z.infer<typeof BotConverged.data> = {
      botId: bot.botId,
      fleetId: bot.fleetId ?? randomUUID(),
      changeSetId: randomUUID(),
      version: 1,
      generation: 1,
      hash,
      endpoint: { url: 'ws://127.0.0.1:1', pid: null },
      tokenReference: null,
      target: 'simulated',
      applied: 'started',
      steps: [],
      simulated: true,
    };
    const event = { ...newEvent(BotConverged.type, data), time };
    await reconciler.log.commit({ streams: [{ stream: `bot-${bot.botId}`, expected: 'any', events: [event] }] });
    const known = () => trace.runtime.reads('select from bot_configs where bot_id = $1', [bot.botId]);
    await until(async () => (await known()).length > 0, { what: 'the configuration' });
  };

  test('are said once, for the configuration a bot had, with failures counted per minute', async () => {
    const bot = newBot({ simulated: true });
    const hash = `sha256:${'a'.repeat(64)}`;
    await converged(bot, hash, new Date(Date.now() - 3_600_000).toISOString());
    const token = await tokenOf(bot, simulatorKey);
    const failed = { code: 2, message: 'no model' };
    await post(token, jsonOf(...ended(5), ...ended(2, failed)), asJson);
    const events = await until(async () => ((await eventsOf(bot)).length === 2 ? eventsOf(bot) : null), {
      what: 'events',
    });
    expect(events[0]).toMatchObject({
      type: 'trace.trace.failed.v1',
      data: { count: 2, name: 'openclaw.run', message: 'no model', fleetId: bot.fleetId },
    });
    const latencyCounts = Array.from({ length: 15 }, (_, i) => (i === 5 ? 7 : 0));
    expect(events[1]).toMatchObject({
      type: 'trace.window.summarized.v1',
      data: { configHash: hash, requests: 7, errors: 2, spans: 7, latencyCounts, simulated: true },
    });
    // Latecomers are counted, and the window is not said again; the later minute of a second bot shows that it was looked at.
    await post(token, jsonOf(...ended(3)), asJson);
    const other = newBot();
    await post(await tokenOf(other), jsonOf(...ended(1)), asJson);
    await until(async () => (await eventsOf(other)).length === 1, { what: 'the window of the other bot' });
    expect(await eventsOf(bot)).toHaveLength(2);
    expect(await minutesOf(bot)).toMatchObject([{ config_hash: hash, requests: 10, errors: 2 }]);
  });

  test('without a known configuration say so', async () => {
    const bot = newBot();
    await post(await tokenOf(bot), jsonOf(...ended(1)), asJson);
    const events = await until(async () => ((await eventsOf(bot)).length === 1 ? eventsOf(bot) : null), {
      what: 'an event',
    });
    expect(events[0]?.data['configHash']).toBeNull();
  });
});

test('spans older than they are kept are dropped by the day, and those of other days by when they came', async () => {
  const bot = newBot();
  const { runtime } = trace;
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
