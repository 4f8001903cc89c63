// A trace out of Molthub and into it again, through the real API and the real door.
import { withNats, withPostgres } from '@molthub/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { type ApiUnderTest, openApi } from './api-under-test.ts';
import { makeBot, newTraceId, type Sender, senderOf } from './traces-under-test.ts';

const postgres = withPostgres();
const nats = withNats();
let api: ApiUnderTest;
let anna: Sender;
let berta: Sender;
let bots: readonly string[] = [];
const traceId = newTraceId();
const started = 1_790_000_000_123_456_789n;

const sent = {
  resourceSpans: [
    {
      resource: { attributes: [{ key: 'service.name', value: { stringValue: 'front' } }] },
      scopeSpans: [
        {
          scope: { name: 'a scope' },
          spans: [
            {
              traceId,
              spanId: 'aaaaaaaaaaaaaaaa',
              name: 'root',
              kind: 2,
              startTimeUnixNano: String(started),
              endTimeUnixNano: String(started + 1n),
              attributes: [
                { key: 'a', value: { stringValue: 'tëxt "\\ \u2028' } },
                { key: 'bb', value: { boolValue: false } },
                { key: 'ccc', value: { intValue: '9007199254740991' } },
                { key: 'dddd', value: { doubleValue: 0.1 } },
                { key: 'eeeee', value: { arrayValue: { values: [{ intValue: '1' }, { stringValue: '2' }] } } },
                {
                  key: 'ffffff',
                  value: { kvlistValue: { values: [{ key: '__proto__', value: { intValue: '-1' } }] } },
                },
              ],
              status: {},
            },
            {
              traceId,
              spanId: 'bbbbbbbbbbbbbbbb',
              parentSpanId: 'aaaaaaaaaaaaaaaa',
              name: 'child',
              kind: 1,
              startTimeUnixNano: String(started + 1_000n),
              endTimeUnixNano: String(started + 1_001n),
              events: [
                { timeUnixNano: String(started), name: 'it', attributes: [{ key: 'x', value: { intValue: '3' } }] },
              ],
              links: [{ traceId: 'c'.repeat(32), spanId: 'd'.repeat(16) }],
              status: { code: 2, message: 'no' },
            },
          ],
        },
      ],
    },
  ],
};

beforeAll(async () => {
  api = await openApi({ postgres, nats });
  const otlpUrl = await api.openOtlp();
  const [one, two] = [await makeBot(api, 'anna'), await makeBot(api, 'berta')];
  bots = [one.botId, two.botId];
  anna = await senderOf(api, otlpUrl, one.botId);
  berta = await senderOf(api, otlpUrl, two.botId);
  await anna.post(JSON.stringify(sent));
});
afterAll(() => api.close());

const exported = (bot: string | undefined) =>
  api.call('GET', `/api/v1/traces/by-trace-id/${traceId}/export?botInstanceId=${bot}`);

test('what was sent is what comes out, to the nanosecond and the digit', async () => {
  const { status, body, headers } = await exported(bots[0]);
  expect(status).toBe(200);
  expect(body).toEqual(sent);
  expect(headers.get('content-disposition')).toBe(`attachment; filename="trace-${traceId}.json"`);
});

test('what comes out goes in again, and comes out the same', async () => {
  const first = await exported(bots[0]);
  await berta.post(first.text);
  expect((await exported(bots[1])).text).toBe(first.text);
});

test('flags, state, schemas and what was dropped are told where there is any', async () => {
  await api.service('trace').runtime.write(async (sql) => {
    await sql(
      `update span_rows set flags = 257, attributes = '{"big":12345678901234567890,"int":9223372036854775807,"one":1.0}',
         rest = '{"traceState":"a=b","droppedAttributesCount":1,"droppedEventsCount":2,"droppedLinksCount":3}',
         events = '[{"timeNs":"5","name":"e","attributes":{"b":{"otlp:bytes":"AQI="}},"droppedAttributesCount":4}]',
         links = '[{"traceId":"${'c'.repeat(32)}","spanId":"${'d'.repeat(16)}","attributes":{},"traceState":"c=d","flags":1}]'
       where trace_id = $1::uuid and parent_id is null and bot_id = $2`,
      [traceId, bots[0]],
    );
    await sql(
      `update surroundings set rest = '{"version":"2","attributes":{"s":{"otlp:double":"NaN"}},"schemaUrl":"u:scope",
         "resourceSchemaUrl":"u:resource","resourceDroppedAttributesCount":7,"droppedAttributesCount":8}' where bot_id = $1`,
      [bots[0]],
    );
  });
  const Spans = z.object({
    resourceSpans: z.array(z.looseObject({ scopeSpans: z.array(z.looseObject({ spans: z.array(z.unknown()) })) })),
  });
  const [resource] = Spans.parse((await exported(bots[0])).body).resourceSpans;
  expect(resource).toMatchObject({ schemaUrl: 'u:resource', resource: { droppedAttributesCount: 7 } });
  expect(resource?.scopeSpans[0]).toMatchObject({
    schemaUrl: 'u:scope',
    scope: {
      name: 'a scope',
      version: '2',
      attributes: [{ key: 's', value: { doubleValue: 'NaN' } }],
      droppedAttributesCount: 8,
    },
  });
  expect(resource?.scopeSpans[0]?.spans[0]).toMatchObject({
    flags: 257,
    traceState: 'a=b',
    droppedAttributesCount: 1,
    droppedEventsCount: 2,
    droppedLinksCount: 3,
    attributes: [
      { key: 'big', value: { doubleValue: Number('12345678901234567890') } },
      { key: 'int', value: { intValue: '9223372036854775807' } },
      { key: 'one', value: { doubleValue: 1 } },
    ],
    events: [
      {
        timeUnixNano: '5',
        name: 'e',
        attributes: [{ key: 'b', value: { bytesValue: 'AQI=' } }],
        droppedAttributesCount: 4,
      },
    ],
    links: [{ traceId: 'c'.repeat(32), spanId: 'd'.repeat(16), traceState: 'c=d', flags: 1 }],
  });
});
