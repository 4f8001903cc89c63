import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nothingMore } from '../redact.ts';
import type { SpanRecord } from '../span-record.ts';
import { decodeJson } from './decode-json.ts';
import { decodeProtobuf } from './decode-protobuf.ts';
import { decodeSpans, spansPerRequestMax } from './decode-spans.ts';
import { mutate, randomOf } from './mutants.ts';
import { createPace } from './pace.ts';
import { Refusal } from './refusal.ts';
import { columnsOf, encode, referenceRefuses, toJson } from './testing.ts';
import { type WireSpan, valueDepthMax } from './wire-span.ts';

const samples = join(import.meta.dirname, '../../samples');
const bodiesOf = (turn: string) =>
  readdirSync(join(samples, turn))
    .filter((name) => name.endsWith('traces.bin'))
    .map((name) => readFileSync(join(samples, turn, name)));

const records = async (bodies: readonly Buffer[], encoding: 'protobuf' | 'json' = 'protobuf') =>
  (await Promise.all(bodies.map((body) => decodeSpans(body, encoding)))).flatMap((decoded) => decoded.records);
const countOf = (spans: readonly SpanRecord[], name: string) => spans.filter((span) => span.name === name).length;

const startNs = '1763687640123456789';
const span = (more: object = {}) => ({
  traceId: Buffer.alloc(16, 7),
  spanId: Buffer.alloc(8, 9),
  name: 'work',
  kind: 1,
  startTimeUnixNano: startNs,
  endTimeUnixNano: '1763687641123456790',
  ...more,
});
const requestOf = (...spans: readonly object[]) => ({ resourceSpans: [{ scopeSpans: [{ spans }] }] });

describe('spans captured from OpenClaw', () => {
  test('of one plain turn', async () => {
    const spans = await records(bodiesOf('turn1-plain'));
    expect(spans).toHaveLength(5);
    const run = spans.find((s) => s.name === 'openclaw.run');
    expect(run).toMatchObject({
      traceId: '92416d7e4331e03acb2d1634c0d28891',
      spanId: 'e1002d65cc4f854f',
      parentSpanId: null,
      type: 'REQUEST',
      kind: 1,
      status: 0,
      request: true,
    });
    expect(JSON.parse(columnsOf(run).attributes)).toEqual({
      'openclaw.provider': 'fake',
      'openclaw.model': 'fake-1',
      'openclaw.channel': 'webchat',
      'openclaw.trigger': 'user',
      'openclaw.outcome': 'completed',
    });
    expect(JSON.parse(run?.surroundings.resource ?? '')).toMatchObject({
      'service.name': 'openclaw-bot-o',
      'process.pid': 18936,
    });
    expect(spans.filter((s) => s.type === 'MODEL')).toHaveLength(1);
  });

  test('of a turn with one tool', async () => {
    const spans = await records(bodiesOf('turn3-one-tool'));
    expect(countOf(spans, 'openclaw.model.call')).toBe(2);
    expect(spans.filter((s) => s.type === 'TOOL')).toHaveLength(1);
  });

  test('of the runaway: 184 model calls, 183 tool calls, one request', async () => {
    const spans = await records(bodiesOf('turn2-tool-loop'));
    expect(countOf(spans, 'openclaw.model.call')).toBe(184);
    expect(countOf(spans, 'openclaw.tool.execution')).toBe(183);
    expect(spans.filter((s) => s.type === 'MODEL')).toHaveLength(184);
    expect(spans.filter((s) => s.type === 'TOOL')).toHaveLength(183);
    expect(spans.filter((s) => s.request)).toHaveLength(1);
  });

  test('are the same in JSON, parsed whole or cut into elements', async () => {
    for (const body of ['turn1-plain', 'turn2-tool-loop', 'turn3-one-tool'].flatMap(bodiesOf)) {
      const json = toJson(body);
      expect((await decodeSpans(json, 'json')).records).toEqual((await decodeSpans(body, 'protobuf')).records);
      const whole = await wireSpansOf((sink) => decodeJson(json, sink, createPace(), nothingMore));
      expect(whole.length).toBeGreaterThan(0);
      expect(await wireSpansOf((sink) => decodeJson(json, sink, createPace(), nothingMore, 0))).toEqual(whole);
    }
  });
});

/** Integers as bigint and doubles as number, as the text tells them apart. */
const exactly = (json: string): unknown =>
  JSON.parse(json, (_key, value: unknown, { source }: { readonly source?: string }) =>
    typeof value === 'number' && source !== undefined && /^-?\d+$/.test(source) ? BigInt(source) : value,
  );

const wireSpansOf = async (decode: (sink: Parameters<typeof decodeProtobuf>[1]) => Promise<void>) => {
  const spans: WireSpan[] = [];
  await decode({
    span: (found) => {
      spans.push(found);
    },
    reject: (reason) => {
      throw new Error(reason);
    },
  });
  return spans;
};

describe('values', () => {
  const attributesOf = async (values: Readonly<Record<string, object>>) => {
    const attributes = Object.entries(values).map(([key, value]) => ({ key, value }));
    const [record] = await records([encode(requestOf(span({ attributes })))]);
    return columnsOf(record).attributes;
  };

  test('of every kind become JSON, exactly', async () => {
    const json = await attributesOf({
      text: { stringValue: 'a"b\\ü😀' },
      yes: { boolValue: true },
      no: { boolValue: false },
      large: { intValue: '9223372036854775807' },
      small: { intValue: '-9223372036854775808' },
      safe: { intValue: '-9007199254740991' },
      half: { doubleValue: 0.5 },
      whole: { doubleValue: 1 },
      huge: { doubleValue: 1e300 },
      nan: { doubleValue: Number.NaN },
      infinite: { doubleValue: Number.NEGATIVE_INFINITY },
      list: { arrayValue: { values: [{ stringValue: 'x' }, { intValue: '1' }] } },
      pairs: { kvlistValue: { values: [{ key: 'k', value: { boolValue: true } }] } },
      bytes: { bytesValue: Buffer.from([0, 255]) },
      nothing: {},
    });
    expect(exactly(json)).toEqual({
      text: 'a"b\\ü😀',
      yes: true,
      no: false,
      large: 9_223_372_036_854_775_807n,
      small: -9_223_372_036_854_775_808n,
      safe: -9_007_199_254_740_991n,
      half: 0.5,
      whole: 1,
      huge: 1e300,
      nan: { 'otlp:double': 'NaN' },
      infinite: { 'otlp:double': '-Infinity' },
      list: ['x', 1n],
      pairs: { k: true },
      bytes: { 'otlp:bytes': 'AP8=' },
      nothing: null,
    });
  });

  test('under keys that reach into prototypes are data', async () => {
    const keys = ['__proto__', 'constructor.prototype.x', 'a.__proto__.b', '1000000000'];
    const json = await attributesOf(Object.fromEntries(keys.map((key) => [key, { stringValue: 'v' }] as const)));
    expect(json).toContain('"constructor.prototype.x":"v"');
    const [record] = await records([
      encode(requestOf(span({ attributes: [{ key: '__proto__', value: { stringValue: 'v' } }] }))),
    ]);
    expect(columnsOf(record).attributes).toBe('{"__proto__":"v"}');
  });

  test('lose NUL and half surrogates, which Postgres refuses', async () => {
    const json = `{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"${'AB'.repeat(16)}","spanId":"${'cd'.repeat(8)}",
      "name":"a\\u0000b\\ud800c","startTimeUnixNano":"${startNs}","endTimeUnixNano":${startNs.slice(0, -3)}999,
      "attributes":[{"key":"k\\u0000","value":{"stringValue":"\\u0000\\udfff"}}]}]}]}]}`;
    const [record] = await records([Buffer.from(json)], 'json');
    expect(record).toMatchObject({ name: 'ab\ufffdc', traceId: 'ab'.repeat(16), spanId: 'cd'.repeat(8) });
    expect(columnsOf(record).attributes).toBe('{"k":"\ufffd"}');
  });

  test('that JavaScript calls integers but are beyond 64 bits are doubles, and cost no span', async () => {
    const json = `{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"${'ab'.repeat(16)}","spanId":"${'cd'.repeat(8)}",
      "startTimeUnixNano":"${startNs}","endTimeUnixNano":"${startNs}","attributes":[
        {"key":"beyond","value":{"intValue":9223372036854775808}},{"key":"least","value":{"intValue":-9223372036854775808}}]}]}]}]}`;
    const [record] = await records([Buffer.from(json)], 'json');
    expect(columnsOf(record).attributes).toBe('{"beyond":9223372036854776000.0,"least":-9223372036854775808}');
  });

  test('that look like secrets, or stand under the name of one, are not kept', async () => {
    const json = await attributesOf({
      prompt: { stringValue: 'use sk-abcdefghijklmnopqrstuvwx and ghp_abcdefghijklmnopqrstuvwx1234 please' },
      cloud: { stringValue: 'AKIAIOSFODNN7EXAMPLE' },
      pem: { stringValue: '-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\nrest' },
      'http.request.header.authorization': { stringValue: 'Bearer x' },
      'gen_ai.usage.input_tokens': { intValue: '7' },
    });
    expect(JSON.parse(json)).toEqual({
      prompt: 'use [redacted] and [redacted] please',
      cloud: '[redacted]',
      pem: '[redacted]\nrest',
      'http.request.header.authorization': '[redacted]',
      'gen_ai.usage.input_tokens': 7,
    });
  });

  test('are bounded in number and length', async () => {
    const many = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`k${i}`, { boolValue: true }] as const));
    expect(Object.keys(JSON.parse(await attributesOf(many)))).toHaveLength(256);
    const long = JSON.parse(await attributesOf({ long: { stringValue: 'x'.repeat(40_000) } }));
    expect(long.long).toHaveLength(32_768);
    expect(long.long.endsWith('x…')).toBe(true);
  });

  test('are nested at most 32 deep', async () => {
    const nested = (depth: number): object =>
      depth === 0 ? { boolValue: true } : { arrayValue: { values: [nested(depth - 1)] } };
    await attributesOf({ deep: nested(valueDepthMax) });
    await expect(attributesOf({ deep: nested(valueDepthMax + 1) })).rejects.toThrow(/nested/);
    const json = toJson(encode(requestOf(span({ attributes: [{ key: 'deep', value: nested(valueDepthMax + 1) }] }))));
    await expect(decodeSpans(json, 'json')).rejects.toThrow(/nested/);
  });
});

describe('one bad span is rejected alone', () => {
  test.each([
    ['a short trace id', { traceId: Buffer.alloc(15, 1) }, /trace_id/],
    ['a trace id of zeros', { traceId: Buffer.alloc(16) }, /trace_id/],
    ['no span id', { spanId: Buffer.alloc(0) }, /span_id/],
    ['a span id of 1 KB', { spanId: Buffer.alloc(1024, 1) }, /span_id/],
    ['a parent id of 3 bytes', { parentSpanId: Buffer.alloc(3, 1) }, /parent_span_id/],
    ['no start', { startTimeUnixNano: 0 }, /start_time/],
    ['a start in seconds', { startTimeUnixNano: '1763687640' }, /start_time/],
    ['an end before the start', { endTimeUnixNano: '1763687640123456788' }, /end_time/],
    ['an end beyond 64 signed bits', { endTimeUnixNano: '18446744073709551615' }, /future/],
    ['a megabyte of name', { name: 'x'.repeat(1024 * 1024) }, /1048576 bytes/],
  ])('%s', async (_, change, message) => {
    const body = encode(requestOf(span(), span(change)));
    for (const decoded of [await decodeSpans(body, 'protobuf'), await decodeSpans(toJson(body), 'json')]) {
      expect(decoded).toMatchObject({ rejected: 1, message: expect.stringMatching(message) });
      expect(decoded.records).toHaveLength(1);
    }
  });

  test('times are exact to the nanosecond', async () => {
    const [record] = await records([encode(requestOf(span()))]);
    expect(record).toMatchObject({ startedNs: BigInt(startNs), durationNs: 1_000_000_001n });
  });

  test('a request of more than 50,000 spans is refused', async () => {
    const many = encode(requestOf(...Array.from({ length: spansPerRequestMax + 1 }, () => span())));
    await expect(decodeSpans(many, 'protobuf')).rejects.toMatchObject({ status: 413 });
  });

  test('a million empty spans cost time in slices and no memory', async () => {
    const spans = Buffer.from(Array.from({ length: 2_000_000 }, (_, i) => (i % 2 === 0 ? 0x12 : 0)));
    const message = (tag: number, content: Buffer) => Buffer.concat([Buffer.from([tag]), lengthOf(content), content]);
    let rests = 0;
    const pace = createPace();
    const decoded = await decodeSpans(message(0x0a, message(0x12, spans)), 'protobuf', {
      pace: {
        due: pace.due,
        rest: () => {
          rests += 1;
          return pace.rest();
        },
      },
    });
    expect(decoded).toMatchObject({ records: [], rejected: 1_000_000 });
    expect(rests).toBeGreaterThan(0);
  });
});

test('a large JSON body is decoded in slices, and its spans are those of the small ones', async () => {
  const one = JSON.parse(toJson(encode(requestOf(span()))).toString()).resourceSpans[0].scopeSpans[0].spans[0];
  const spans = Array.from({ length: 40_000 }, () => one);
  let rests = 0;
  const pace = createPace(1);
  const counted = {
    due: pace.due,
    rest: () => {
      rests += 1;
      return pace.rest();
    },
  };
  const body = Buffer.from(JSON.stringify(requestOf(...spans)));
  const { records: stored } = await decodeSpans(body, 'json', { pace: counted });
  expect(stored).toHaveLength(40_000);
  expect(stored.at(-1)).toEqual((await records([encode(requestOf(span()))]))[0]);
  expect(rests).toBeGreaterThan(3);
  const tooMany = Buffer.from(JSON.stringify(requestOf(...spans, ...spans)));
  await expect(decodeSpans(tooMany, 'json')).rejects.toMatchObject({ status: 413 });
});

const lengthOf = (content: Buffer) => {
  const bytes: number[] = [];
  let rest = content.length;
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  return Buffer.from([...bytes, rest]);
};

describe('a broken body is refused', () => {
  test.each([
    ['a group', [0x0b]],
    ['the end of a group', [0x0c]],
    ['wire type 6', [0x0e]],
    ['field number 0', [0x02, 0x00]],
    ['a length past the end', [0x0a, 0x7f, 0x00]],
    ['a length of 2^63', [0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]],
    ['a number of 11 bytes', [0x10, ...Array.from({ length: 10 }, () => 0xff), 0x01]],
    ['a number that does not end', [0x10, 0xff]],
    ['a known field of another wire type', [0x08, 0x01]],
    ['a fixed64 cut short', [0x11, 0x00]],
    ['text that is not UTF-8', [0x0a, 0x07, 0x12, 0x05, 0x0a, 0x03, 0x0a, 0x01, 0xff]],
  ])('protobuf: %s', async (_, bytes) => {
    await expect(decodeSpans(Buffer.from(bytes), 'protobuf')).rejects.toMatchObject({ status: 400 });
  });

  test.each([
    '',
    '[]',
    'null',
    '{"resourceSpans":{}}',
    '{"resourceSpans":[1]}',
    '{"resourceSpans":[{"scopeSpans":[{"spans":[7]}]}]}',
    '{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":5}]}]}]}',
    '{"resourceSpans":[{"scopeSpans":[{"spans":[{"kind":"SPAN_KIND_SERVER"}]}]}]}',
    '{"resourceSpans":[{"scopeSpans":[{"spans":[{"startTimeUnixNano":"soon"}]}]}]}',
    '{"resourceSpans":[{"scopeSpans":[{"spans":[{"startTimeUnixNano":"18446744073709551616"}]}]}]}',
    '{"resourceSpans":[{"scopeSpans":[{"spans":[{"attributes":[{"value":{"intValue":1.5}}]}]}]}]}',
    '{"resourceSpans":[{"scopeSpans":[{"spans":[{},]}]}]}',
    '{"resourceSpans":[{"scopeSpans":[{"spans":[{}]}]}]',
    `{"x":${'['.repeat(300)}${']'.repeat(300)}`,
  ])('JSON: %s', async (json) => {
    await expect(decodeSpans(Buffer.from(json), 'json')).rejects.toMatchObject({ status: 400 });
    const cut = decodeJson(
      Buffer.from(json),
      { span: () => undefined, reject: () => undefined },
      createPace(),
      nothingMore,
      0,
    );
    await expect(cut).rejects.toMatchObject({ status: 400 });
  });

  test('an empty request and unknown fields are fine', async () => {
    expect(await decodeSpans(Buffer.alloc(0), 'protobuf')).toEqual({ records: [], rejected: 0, message: '' });
    expect(await decodeSpans(Buffer.from([0x7a, 0x01, 0x00, 0x70, 0x05]), 'protobuf')).toMatchObject({ rejected: 0 });
    const unknown = '{"later":[{"a":"}]"}],"resourceSpans":[{"scopeSpans":[{"spans":[],"more":null}]}]}';
    expect(await decodeSpans(Buffer.from(unknown), 'json')).toMatchObject({ rejected: 0 });
  });

  test('100,000 changed bodies crash nothing, hold up nobody, and what the reference decoder refuses is refused', {
    timeout: 120_000,
  }, async () => {
    const bodies = ['turn1-plain', 'turn3-one-tool'].flatMap(bodiesOf);
    const seed = Date.now() % 2 ** 31;
    const next = randomOf(seed);
    let refusedByBoth = 0;
    let longestMs = 0;
    for (let run = 0; run < 100_000; run += 1) {
      const mutated = mutate(bodies[next(bodies.length)] ?? Buffer.alloc(0), next);
      const began = process.threadCpuUsage();
      const ours = await decodeSpans(mutated, 'protobuf').catch((error: unknown) => error);
      const { user, system } = process.threadCpuUsage(began);
      longestMs = Math.max(longestMs, (user + system) / 1_000);
      if (ours instanceof Error && !(ours instanceof Refusal)) throw ours;
      if (!referenceRefuses(mutated)) continue;
      refusedByBoth += 1;
      expect(ours, `seed ${seed}, run ${run}: ${mutated.toString('hex')}`).toBeInstanceOf(Refusal);
    }
    expect(refusedByBoth).toBeGreaterThan(20_000);
    expect(longestMs, `seed ${seed}`).toBeLessThan(50);
  });

  test('whatever bytes of JSON are changed, cutting it into elements changes no answer', async () => {
    const anyBody = fc.constantFrom(...bodiesOf('turn1-plain').map(toJson));
    const changes = fc.array(fc.tuple(fc.nat(), fc.constantFrom(...Buffer.from('{}[],:"\\x1 '))), {
      minLength: 1,
      maxLength: 3,
    });
    await fc.assert(
      fc.asyncProperty(anyBody, changes, async (body, bytes) => {
        const mutated = Buffer.from(body);
        for (const [at, byte] of bytes) mutated[at % mutated.length] = byte;
        const told = (splitAbove: number) =>
          wireSpansOf((sink) => decodeJson(mutated, sink, createPace(), nothingMore, splitAbove)).catch(
            (error: unknown) => {
              if (!(error instanceof Refusal)) throw error;
              return 'refused';
            },
          );
        expect(await told(0)).toEqual(await told(Number.POSITIVE_INFINITY));
      }),
      { numRuns: 2_000 },
    );
  });
});
