// What is forwarded is what was received: both are read by the reference decoder.
import { randomUUID } from 'node:crypto';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { withContent } from '../ingest/contents.ts';
import { surroundingsId } from '../ingest/surroundings.ts';
import { decodeSpans, type Encoding } from '../otlp/decode-spans.ts';
import { Refusal } from '../otlp/refusal.ts';
import { encode, toJson } from '../otlp/testing.ts';
import { captured } from '../testing.ts';
import { bytesPerRequestMax, requestsOf, spansPerRequestMax } from './requests-of.ts';
import { spansIn } from './testing.ts';

const source = { workspace: 'default', botId: randomUUID(), fleetId: null, simulated: false };
const rowsOf = async (bodies: readonly Buffer[], encoding: Encoding = 'protobuf') => {
  const decoded = await Promise.all(bodies.map((body) => decodeSpans(body, encoding)));
  return withContent(
    decoded.flatMap(({ records }) =>
      records.map((record) => ({ source, record, surroundings: surroundingsId(record.surroundings) })),
    ),
  );
};
const neverLeftOut = ({ spanId }: { readonly spanId: string }) => {
  throw new Error(`${spanId} cannot be read.`);
};
const forwarded = async (bodies: readonly Buffer[], encoding?: Encoding) =>
  requestsOf(await rowsOf(bodies, encoding), neverLeftOut).map(({ body }) => body);

test.each(['turn1-plain', 'turn2-tool-loop', 'turn3-one-tool'])('%s as OpenClaw sent it', async (turn) => {
  const bodies = captured(turn);
  const received = spansIn(bodies);
  expect(received.size).toBeGreaterThan(0);
  expect(spansIn(await forwarded(bodies))).toEqual(received);
  expect(spansIn(await forwarded(bodies.map(toJson), 'json'))).toEqual(received);
});

const text = (key: string, stringValue: string) => ({ key, value: { stringValue } });
const values = [
  { stringValue: '' },
  { stringValue: 'a"b\\c\n\u0001ü😀 {"otlp:bytes":"AQI="}' },
  { boolValue: true },
  { boolValue: false },
  ...['0', '-1', '127', '128', '1234567890123456', '9223372036854775807', '-9223372036854775808'].map((intValue) => ({
    intValue,
  })),
  ...[0, -0, 1, -1.5, 1e-7, 1e21, 1.7976931348623157e308, Number.NaN, Infinity, -Infinity].map((doubleValue) => ({
    doubleValue,
  })),
  { bytesValue: Buffer.from([]) },
  { bytesValue: Buffer.from([0, 1, 0xff]) },
  { arrayValue: { values: [] } },
  { arrayValue: { values: [{ stringValue: 'x' }, { intValue: '1' }, { doubleValue: 1 }, { arrayValue: {} }, {}] } },
  { kvlistValue: { values: [] } },
  {
    kvlistValue: {
      values: [text('z', '1'), text('a', '2'), { key: '10', value: { intValue: 1 } }, text('9', '3'), text('"', '')],
    },
  },
  { kvlistValue: { values: [text('otlp:bytes', 'AQI='), text('more', '')] } },
  { kvlistValue: { values: [{ key: 'otlp:double', value: { intValue: '1' } }] } },
  {},
];
const attributes = values.map((value, i) => ({ key: `key ${i}`, value }));

const traceId = Buffer.alloc(16, 7);
const startTimeUnixNano = '1763687640123456789';
const span = (place: number, more: object = {}) => ({
  traceId,
  spanId: Buffer.from(String(place + 1).padStart(16, '0'), 'hex'),
  startTimeUnixNano,
  endTimeUnixNano: '1763687640123456790',
  ...more,
});
const full = span(0, {
  traceState: 'a=1,b="2"',
  parentSpanId: Buffer.alloc(8, 0xff),
  name: 'näme "1"',
  kind: 5,
  attributes: [
    text('gen_ai.input.messages', '[{"role":"user"}]\n'),
    ...attributes,
    { key: 'output.value', value: { kvlistValue: { values: attributes } } },
    { key: 'openclaw.tool.params', value: {} },
  ],
  droppedAttributesCount: 4_294_967_295,
  events: [
    { timeUnixNano: '18446744073709551615', name: 'e', attributes, droppedAttributesCount: 3 },
    { name: 'gen_ai.user.message', attributes: [text('role', 'user'), text('content', 'hé'), text('x', 'y')] },
    {},
    { name: 'gen_ai.choice', attributes: [text('index', '0'), ...attributes] },
  ],
  droppedEventsCount: 2,
  links: [
    {
      traceId: Buffer.alloc(16, 1),
      spanId: Buffer.alloc(8, 2),
      traceState: 'c=3',
      attributes,
      droppedAttributesCount: 1,
      flags: 0x301,
    },
    { traceId: Buffer.alloc(16, 1), spanId: Buffer.alloc(8, 2) },
  ],
  droppedLinksCount: 1,
  status: { code: 2, message: 'no\tluck' },
  flags: 0xffffffff,
});
const bodyOf = (...spans: readonly object[]) =>
  encode({
    resourceSpans: [
      {
        resource: { attributes: [text('service.name', 'bot'), ...attributes], droppedAttributesCount: 5 },
        schemaUrl: 'https://opentelemetry.io/schemas/1.30.0',
        scopeSpans: [
          {
            scope: { name: 'scope', version: '1.0', attributes, droppedAttributesCount: 6 },
            schemaUrl: 'https://example.com/"scope"',
            spans,
          },
          { spans: [span(1)] },
        ],
      },
      { scopeSpans: [{ scope: { name: 'other' }, spans: [span(2, { status: { code: 1 } })] }] },
    ],
  });

test('everything that OTLP knows of a span, its resource and its scope', async () => {
  const received = spansIn([bodyOf(full)]);
  expect(received.size).toBe(3);
  expect(spansIn(await forwarded([bodyOf(full)]))).toEqual(received);
});

test('any text, and any double', async () => {
  const any = fc.oneof(
    fc.string({ unit: 'grapheme' }).map((stringValue) => ({ stringValue: stringValue.replaceAll('\0', '') })),
    fc.double().map((doubleValue) => ({ doubleValue })),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((value) => ({ intValue: String(value) })),
    fc.uint8Array().map((bytes) => ({ bytesValue: Buffer.from(bytes) })),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(any, { minLength: 1 }), async (list) => {
      const body = bodyOf(span(0, { attributes: list.map((value, i) => ({ key: `output.value.${i}`, value })) }));
      expect(spansIn(await forwarded([body]))).toEqual(spansIn([body]));
    }),
    { numRuns: 200 },
  );
});

test('whatever bytes were changed in what came, all that is stored is forwarded', async () => {
  const anyBody = fc.constantFrom(...captured('turn3-one-tool'), bodyOf(full));
  const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 });
  let stored = 0;
  await fc.assert(
    fc.asyncProperty(anyBody, changes, async (body, bytes) => {
      const changed = Buffer.from(body);
      for (const [at, byte] of bytes) changed[at % changed.length] = byte;
      const rows = await rowsOf([changed]).catch((error: unknown) => {
        if (!(error instanceof Refusal)) throw error;
        return [];
      });
      const ids = new Set(rows.map(({ record }) => `${record.traceId} ${record.spanId}`));
      expect(spansIn(requestsOf(rows, neverLeftOut).map((request) => request.body)).size).toBe(ids.size);
      stored += rows.length;
    }),
    { numRuns: 2_000 },
  );
  expect(stored).toBeGreaterThan(300);
});

test('of what is too long or too much, all that is stored is forwarded', async () => {
  const long = '"\\\n'.repeat(50_000);
  const one = span(0, {
    attributes: [
      text('gen_ai.input.messages', long),
      {
        key: 'output.value',
        value: { arrayValue: { values: Array.from({ length: 300 }, () => ({ stringValue: '"' })) } },
      },
      ...Array.from({ length: 300 }, (_, i) => text(`key ${i}`, long.slice(0, 1_000))),
    ],
    events: Array.from({ length: 300 }, (_, i) => ({
      name: 'gen_ai.user.message',
      attributes: [text('content', `${i} ${long.slice(0, 500)}`), text('role', 'user')],
    })),
  });
  const [forward] = spansIn(
    await forwarded([encode({ resourceSpans: [{ scopeSpans: [{ spans: [one] }] }] })]),
  ).values();
  const { attributes: kept, events } = Cut.parse(forward);
  // What of content does not fit with the rest of it is left out.
  expect(kept).toHaveLength(255);
  expect(kept.find(({ key }) => key === 'gen_ai.input.messages')?.value.stringValue).toMatch(/^"\\\n.*…$/s);
  expect(events).toHaveLength(256);
});
const Cut = z.object({
  attributes: z.array(z.object({ key: z.string(), value: z.object({ stringValue: z.string().optional() }) })),
  events: z.array(z.unknown()),
});

test('what a fleet or Molthub hides is hidden', async () => {
  const hidden = text('gen_ai.input.messages', 'use sk-abcdefghijklmnopqrstuvwx');
  const [body] = await forwarded([bodyOf(span(0, { attributes: [hidden, text('password', 'hunter2')] }))]);
  expect(body?.toString()).toContain('use [redacted]');
  expect(body?.toString()).not.toMatch(/hunter2|sk-abc/);
});

test('a request has at most so many spans, and so many bytes', async () => {
  const many = bodyOf(...Array.from({ length: 1_500 }, (_, i) => span(i + 10)));
  const requests = requestsOf(await rowsOf([many]), neverLeftOut);
  expect(requests.map(({ spans }) => spans)).toEqual([spansPerRequestMax, spansPerRequestMax, 478]);
  expect(spansIn(requests.map(({ body }) => body))).toEqual(spansIn([many]));
  const large = span(0, { attributes: Array.from({ length: 20 }, (_, i) => text(`${i}`, 'x'.repeat(30_000))) });
  const heavy = bodyOf(...Array.from({ length: 12 }, (_, i) => ({ ...large, ...span(i + 10) })));
  const parts = requestsOf(await rowsOf([heavy]), neverLeftOut);
  expect(parts.length).toBeGreaterThan(1);
  for (const { body } of parts) expect(body.length).toBeLessThanOrEqual(bytesPerRequestMax);
  expect(spansIn([Buffer.concat(parts.map(({ body }) => body))])).toEqual(spansIn([heavy]));
});

test('a span that cannot be read is left out and told, and the others are forwarded', async () => {
  const rows = await rowsOf([bodyOf(span(10), span(11), span(12))]);
  const json = Buffer.from('{"a":');
  const columns = Buffer.concat([Buffer.from([0, 0, 0, json.length]), json, Buffer.alloc(12, 0xff)]);
  const broken = rows.map((row, place) =>
    place === 1 ? { ...row, record: { ...row.record, body: { columns, content: null } } } : row,
  );
  const told: string[] = [];
  const requests = requestsOf(broken, ({ spanId }) => told.push(spanId));
  expect(told).toEqual([rows[1]?.record.spanId]);
  const around = broken.map((row) => ({
    ...row,
    record: { ...row.record, surroundings: { ...row.record.surroundings, resource: '{"a"' } },
  }));
  expect(requestsOf(around, ({ spanId }) => told.push(spanId))).toEqual([]);
  expect(told).toHaveLength(1 + rows.length);
  const whole = spansIn(await forwarded([bodyOf(span(10), span(12))]));
  expect(spansIn(requests.map(({ body }) => body))).toEqual(whole);
});
