// What is answered 200 lies in Postgres, field by field as the reference reads the bytes that were sent.
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import { existsSync, readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { withNats, withPostgres } from '@molthub/testing';
import { createTraceState, ROOT_CONTEXT, SpanKind, SpanStatusCode, TraceFlags, trace } from '@opentelemetry/api';
import { OTLPTraceExporter as JsonExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as ProtoExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { CompressionAlgorithm } from '@opentelemetry/otlp-exporter-base';
import { BatchSpanProcessor, NodeTracerProvider, type SpanExporter } from '@opentelemetry/sdk-trace-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { asJson, captured, newBot, nowNs, tokenOf, withTelemetry } from '../testing.ts';
import { expectedSpans } from './expected-spans.ts';
import { mutate, randomOf, touch } from './mutants.ts';
import { storedSpans } from './stored-spans.ts';
import { encode, referenceOf, referenceOfJson, toJson } from './testing.ts';

const telemetry = withTelemetry(withPostgres(), withNats());
type Bot = ReturnType<typeof newBot>;
type Sent = { readonly body: Buffer; readonly isJson: boolean };

const storedOf = (bot: Bot) => storedSpans(telemetry.running().trace.runtime.reads, bot.botId);
const expectedOf = (sent: readonly Sent[]) => {
  const references = sent.map(({ body, isJson }) => (isJson ? referenceOfJson(body.toString()) : referenceOf(body)));
  return references.flatMap(expectedSpans).toSorted((a, b) => (a.traceId + a.spanId < b.traceId + b.spanId ? -1 : 1));
};
const post = async (bot: Bot, { body, isJson }: Sent) => telemetry.post(await tokenOf(bot), body, isJson ? asJson : {});
const expectTaken = async (bot: Bot, sent: Sent) => {
  const { status, body } = await post(bot, sent);
  expect([status, body.toString()]).toEqual([200, sent.isJson ? '{}' : '']);
};

describe('what the exporters of OpenTelemetry send', () => {
  /** Keeps what passes through it on its way to the door. */
  const passed: { readonly body: Buffer; readonly headers: IncomingHttpHeaders }[] = [];
  const pass = async (request: IncomingMessage, response: ServerResponse) => {
    const body = await buffer(request);
    passed.push({ body, headers: request.headers });
    const { authorization = '', 'content-type': type = '', 'content-encoding': encoding } = request.headers;
    const answer = await fetch(`${telemetry.url()}${request.url}`, {
      method: 'POST',
      headers: { authorization, 'content-type': type, ...(encoding ? { 'content-encoding': encoding } : {}) },
      body: new Uint8Array(body),
    });
    response.writeHead(answer.status).end(Buffer.from(await answer.arrayBuffer()));
  };
  const onTheWay = createServer((request, response) => void pass(request, response));
  let url = '';
  beforeAll(async () => {
    await new Promise<void>((resolve) => onTheWay.listen(0, '127.0.0.1', resolve));
    const address: AddressInfo | string | null = onTheWay.address();
    url = typeof address === 'object' && address !== null ? `http://127.0.0.1:${address.port}/v1/traces` : '';
  });
  afterAll(() => {
    onTheWay.close();
  });

  const saying = (exporter: SpanExporter) =>
    new NodeTracerProvider({
      spanProcessors: [new BatchSpanProcessor(exporter)],
      spanLimits: { attributeCountLimit: 12, eventCountLimit: 2, linkCountLimit: 2, attributePerEventCountLimit: 1 },
    });

  test.each([
    ['JSON', JsonExporter, CompressionAlgorithm.NONE],
    ['JSON in gzip', JsonExporter, CompressionAlgorithm.GZIP],
    ['protobuf', ProtoExporter, CompressionAlgorithm.NONE],
    ['protobuf in gzip', ProtoExporter, CompressionAlgorithm.GZIP],
  ])('as %s', async (name, Exporter, compression) => {
    const bot = newBot();
    passed.splice(0);
    const headers = { authorization: `Bearer ${await tokenOf(bot)}` };
    const provider = saying(new Exporter({ url, headers, compression }));
    sayEverything(provider);
    await provider.forceFlush();
    await provider.shutdown();
    expect(passed).toHaveLength(1);
    const sent = passed.map(({ body, headers: { 'content-type': type, 'content-encoding': encoding } }) => ({
      body: encoding === 'gzip' ? gunzipSync(body) : body,
      isJson: type === 'application/json',
      isGzip: encoding === 'gzip',
    }));
    expect(sent).toMatchObject([{ isJson: name.startsWith('JSON'), isGzip: name.endsWith('gzip') }]);
    const expected = expectedOf(sent);
    // What is compared says something: a lack on both sides would be equal, too.
    expect(expected).toHaveLength(3);
    expect(expected.some(({ droppedAttributesCount }) => droppedAttributesCount > 0)).toBe(true);
    expect(expected.some(({ droppedEventsCount }) => droppedEventsCount > 0)).toBe(true);
    expect(expected.some(({ droppedLinksCount }) => droppedLinksCount > 0)).toBe(true);
    expect(expected.some(({ traceState }) => traceState !== '')).toBe(true);
    expect(expected.some(({ flags }) => flags > 0xff)).toBe(true);
    expect(await storedOf(bot)).toEqual(expected);
  });

  const sayEverything = (provider: NodeTracerProvider) => {
    const tracer = provider.getTracer('a library', '1.2.3', { schemaUrl: 'https://opentelemetry.io/schemas/1.30.0' });
    const remote = trace.setSpanContext(ROOT_CONTEXT, {
      traceId: 'ab'.repeat(16),
      spanId: 'cd'.repeat(8),
      traceFlags: TraceFlags.SAMPLED,
      isRemote: true,
      traceState: createTraceState('vendor=1,other=x'),
    });
    const linked = (digit: string) => ({
      context: {
        traceId: digit.repeat(32),
        spanId: digit.repeat(16),
        traceFlags: TraceFlags.SAMPLED,
        traceState: createTraceState(`link=${digit}`),
      },
      attributes: { why: digit, times: 3 },
    });
    const root = tracer.startSpan('served', { kind: SpanKind.SERVER, links: ['1', '2', '3'].map(linked) }, remote);
    root.setAttributes({
      text: 'äöü 😀 "quoted" \\ \n',
      empty: '',
      whole: 7,
      negative: -9_007_199_254_740_991,
      double: 0.1,
      large: 123_456_789_012.125,
      small: 5e-324,
      yes: true,
      no: false,
      texts: ['a', '', 'ß'],
      numbers: [1, 2.5, -3],
      truths: [true, false],
    });
    root.setAttribute('one too many', 1);
    for (const event of ['first', 'second', 'third']) root.addEvent(event, { place: event, other: 1.5 });
    const child = tracer.startSpan('chat', { kind: SpanKind.CLIENT }, trace.setSpan(ROOT_CONTEXT, root));
    child.setAttributes({ 'gen_ai.request.model': 'm', 'gen_ai.input.messages': 'a long story', 'llm.prompts': ['x'] });
    child.addEvent('gen_ai.user.message', { content: 'what was said' });
    child.setStatus({ code: SpanStatusCode.ERROR, message: 'no luck "at all"' });
    child.end();
    root.setStatus({ code: SpanStatusCode.OK });
    root.end();
    provider.getTracer('').startSpan('').end();
  };
});

test.each(['turn1-plain', 'turn2-tool-loop', 'turn3-one-tool'])('what OpenClaw sent in %s', async (turn) => {
  for (const isJson of [false, true]) {
    const bot = newBot();
    const sent = captured(turn).map((body) => ({ body: isJson ? toJson(body) : body, isJson }));
    for (const one of sent) await expectTaken(bot, one);
    const expected = expectedOf(sent);
    expect(expected.length).toBeGreaterThan(4);
    expect(await storedOf(bot)).toEqual(expected);
  }
});

const examples = join(import.meta.dirname, '../../../../../shared/data/public/opentelemetry-proto/examples');
test("opentelemetry-proto's example of a trace", async () => {
  const file = join(examples, 'trace.json');
  if (!existsSync(file)) throw new Error(`${file} is not there: it is trace.json of opentelemetry-proto's examples.`);
  const bot = newBot();
  const sent = { body: readFileSync(file), isJson: true };
  await expectTaken(bot, sent);
  const expected = expectedOf([sent]);
  expect(expected).toMatchObject([{ kind: 2, scope: { version: '1.0.0' } }]);
  expect(await storedOf(bot)).toEqual(expected);
});

const text = (key: string, stringValue: string) => ({ key, value: { stringValue } });
const largest = 2 ** 32 - 1;
/** Whatever a span can say, at the bounds of what it can be. */
const everything = () => {
  const startNs = nowNs() - 1_000_000_001n;
  const id = (bytes: number, first: number) => Buffer.from(Array.from({ length: bytes }, (_, i) => (first + i) % 256));
  const values = [
    { stringValue: '\0 NUL \0, 😀, "quotes", \\ and \u0001\u007f\u2028' },
    { stringValue: '' },
    ...['9223372036854775807', '-9223372036854775808', '0', '9007199254740993'].map((intValue) => ({ intValue })),
    ...[0, -0, 1, 0.1, 5e-324, 1.797_693_134_862_315_7e308, 1e21, -1e-7, Number.NaN, Infinity, -Infinity].map(
      (doubleValue) => ({ doubleValue }),
    ),
    { boolValue: true },
    { boolValue: false },
    { bytesValue: id(256, 0) },
    { bytesValue: Buffer.alloc(0) },
    {},
    { arrayValue: { values: [{ intValue: 1 }, { doubleValue: 1 }, {}, { arrayValue: { values: [] } }] } },
    { kvlistValue: { values: [text('__proto__', 'a'), text('k\0', 'b'), { key: 'n', value: { kvlistValue: {} } }] } },
  ];
  const attributes = values.map((value, i) => ({ key: `k${i}`, value }));
  const counts = { droppedAttributesCount: largest };
  const span = (first: number, more: object) => ({
    traceId: id(16, 1),
    spanId: id(8, first),
    startTimeUnixNano: String(startNs),
    endTimeUnixNano: String(startNs + 1_000_000_001n),
    ...more,
  });
  const one = span(1, {
    parentSpanId: Buffer.alloc(8, 0xff),
    traceState: 'a=1,b=\0',
    flags: largest,
    name: 'a\0name',
    kind: 5,
    attributes: [...attributes, text('constructor', 'c'), text('', 'no key'), text('gen_ai.prompt.0', '\0 x')],
    ...counts,
    events: [
      { timeUnixNano: '18446744073709551615', name: '\0', attributes, ...counts },
      { name: 'gen_ai.user.message', attributes: [text('content', '\0'), text('role', 'user')] },
    ],
    droppedEventsCount: largest,
    links: [
      { traceId: id(16, 9), spanId: id(8, 9), traceState: '\0=1', attributes, ...counts, flags: largest },
      { traceId: id(16, 9), spanId: id(8, 9) },
    ],
    droppedLinksCount: largest,
    status: { code: 2, message: 'wrong\0' },
  });
  const scope = { name: 's\0', version: '\0v', attributes, ...counts };
  const spans = [one, span(9, { kind: 77, status: { code: 9 }, parentSpanId: Buffer.alloc(8) })];
  return encode({
    resourceSpans: [
      { resource: { attributes, ...counts }, schemaUrl: 'r\0', scopeSpans: [{ scope, schemaUrl: 's', spans }] },
      { scopeSpans: [{ spans: [span(17, {})] }] },
    ],
  });
};

test.each([false, true])('every field at its bounds, in JSON: %s', async (isJson) => {
  const bot = newBot();
  const body = everything();
  const sent = { body: isJson ? toJson(body) : body, isJson };
  await expectTaken(bot, sent);
  const expected = expectedOf([{ body, isJson: false }]);
  expect(expected).toHaveLength(3);
  expect(await storedOf(bot)).toEqual(expected);
});

test('messages that come in several parts are one, as protobuf has it', async () => {
  const bot = newBot();
  const message = (tag: number, ...parts: readonly (Buffer | readonly number[])[]) => {
    const content = Buffer.concat(parts.map((part) => Buffer.from(part)));
    return Buffer.concat([Buffer.from([tag, (content.length & 0x7f) | 0x80, content.length >> 7]), content]);
  };
  const attribute = (tag: number, key: string, ...values: readonly (readonly number[])[]) =>
    message(tag, message(0x0a, Buffer.from(key)), ...values.map((value) => message(0x12, value)));
  const [one, two, anA] = [
    [0x2a, 4, 0x0a, 2, 0x18, 1],
    [0x2a, 4, 0x0a, 2, 0x10, 1],
    [0x0a, 1, 0x41],
  ];
  const attributes = (tag: number) =>
    Buffer.concat([
      attribute(tag, 'a list of two', one, two),
      attribute(tag, 'a list of three', [...one, ...two, ...one]),
      attribute(tag, 'a list after a text', one, anA, two),
      attribute(tag, 'the last of two', [0x18, 1], anA),
    ]);
  const time = Buffer.alloc(8);
  time.writeBigUInt64LE(nowNs());
  const span = message(
    0x12,
    message(0x0a, Buffer.alloc(16, 1)),
    message(0x12, Buffer.alloc(8, 1)),
    [0x39, ...time, 0x41, ...time],
    message(0x7a, [0x18, 2]),
    message(0x7a, message(0x12, Buffer.from('no luck'))),
    message(0x1a, Buffer.from('a=1')),
    message(0x1a, Buffer.alloc(0)),
    [0x50, 7, 0x50, 0],
    attributes(0x4a),
    message(0x5a, attributes(0x1a)),
    message(0x6a, attributes(0x22)),
  );
  const scope = [message(0x0a, attributes(0x1a)), message(0x0a, message(0x0a, Buffer.from('a scope')))];
  const resource = [message(0x0a, attributes(0x0a)), message(0x0a, attribute(0x0a, 'more', [0x18, 5]), [0x10, 3])];
  const body = message(0x0a, ...resource, message(0x12, ...scope, span));
  await expectTaken(bot, { body, isJson: false });
  const expected = expectedOf([{ body, isJson: false }]);
  expect(expected).toMatchObject([{ status: { code: 2, message: 'no luck' }, traceState: '' }]);
  expect(await storedOf(bot)).toEqual(expected);
});

test('3,000 changed bodies: what is answered 200 is there, and no commit fails for what is in it', async () => {
  const seeds = [everything(), everything(), ...['turn1-plain', 'turn3-one-tool'].flatMap((turn) => captured(turn))];
  const seed = Date.now() % 2 ** 31;
  const next = randomOf(seed);
  let place = 0;
  let taken = 0;
  const sender = async () => {
    while (place < 3_000) {
      place += 1;
      const isJson = place % 4 === 0;
      const given = seeds[next(seeds.length)] ?? Buffer.alloc(0);
      const change = place % 3 === 0 ? mutate : touch;
      const sent = { body: change(isJson ? toJson(given) : given, next), isJson };
      const bot = newBot();
      const { status, body } = await post(bot, sent);
      const about = `seed ${seed}, ${isJson ? 'JSON' : 'protobuf'} ${sent.body.toString('hex')}`;
      expect([200, 400], about).toContain(status);
      expect(body.toString(), about).not.toContain('The database');
      if (status !== 200) continue;
      taken += 1;
      expect(await storedOf(bot), about).toEqual(expectedOf([sent]));
    }
  };
  await Promise.all(Array.from({ length: 8 }, sender));
  expect(taken).toBeGreaterThan(500);
});
