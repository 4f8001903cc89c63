// A trace out of Molthub and into it again, and one of two bots, through the real API and the real door.
import { beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import type { ApiUnderTest } from './api-under-test.ts';
import { molthubOf } from './cli-under-test.ts';
import { newTraceId, type SendingBot, withTraces } from './traces-under-test.ts';

const traces = withTraces();
let api: ApiUnderTest;
let anna: SendingBot;
let berta: SendingBot;
let bots: readonly string[] = [];
const traceId = newTraceId();
const Groups = z.object({ items: z.array(z.object({ fingerprint: z.string() })) });
const started = 1_790_000_000_123_456_789n;

const sent = {
  resourceSpans: [
    {
      resource: {
        attributes: [{ key: 'service.name', value: { stringValue: 'front' } }],
        droppedAttributesCount: 7,
      },
      schemaUrl: 'https://example.org/resource',
      scopeSpans: [
        {
          scope: {
            name: 'a scope',
            version: '2',
            attributes: [{ key: 's', value: { doubleValue: 'NaN' } }],
            droppedAttributesCount: 8,
          },
          schemaUrl: 'https://example.org/scope',
          spans: [
            {
              traceId,
              spanId: 'aaaaaaaaaaaaaaaa',
              traceState: 'a=b',
              flags: 0x8000_0101,
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
                { key: 'ggggggg', value: { intValue: '9223372036854775807' } },
                { key: 'hhhhhhhh', value: { doubleValue: 1 } },
                { key: 'iiiiiiiii', value: { bytesValue: 'AP8=' } },
                { key: 'jjjjjjjjjj', value: { doubleValue: 1e300 } },
              ],
              droppedAttributesCount: 1,
              droppedEventsCount: 2,
              droppedLinksCount: 3,
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
                {
                  timeUnixNano: String(started),
                  name: 'it',
                  attributes: [{ key: 'x', value: { intValue: '3' } }],
                  droppedAttributesCount: 4,
                },
              ],
              links: [
                {
                  traceId: 'c'.repeat(32),
                  spanId: 'd'.repeat(16),
                  traceState: 'c=d',
                  flags: 1,
                  droppedAttributesCount: 5,
                },
              ],
              status: { code: 2, message: 'no' },
            },
          ],
        },
      ],
    },
  ],
};

beforeAll(async () => {
  api = traces.api();
  [anna, berta] = [await traces.bot('anna'), await traces.bot('berta')];
  bots = [anna.botId, berta.botId];
  await anna.post(JSON.stringify(sent));
});

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

test('a trace of two bots asks which of them is meant, over the API and on the command line', async () => {
  const ambiguous = await api.call('GET', `/api/v1/traces/by-trace-id/${traceId}`);
  expect(ambiguous).toMatchObject({
    status: 409,
    body: { code: 'gateway.ambiguous-trace', errors: [{ path: 'botInstanceId' }] },
  });
  for (const bot of bots) expect(ambiguous.text).toContain(bot);
  const molthub = molthubOf(api.url, api.adminKey);
  for (const command of ['show', 'export']) {
    const asked = await molthub(['trace', command, traceId]);
    expect(asked.status).toBe(1);
    expect(asked.stderr).toContain('say which with --bot');
    for (const bot of bots) expect(asked.stderr).toContain(bot);
    const told = await molthub(['trace', command, traceId.toUpperCase(), '--bot', 'berta']);
    expect(told.status, told.stderr).toBe(0);
    expect(told.stdout).toContain('root');
  }
});

test('ids are taken in capitals or not, and answered in small letters', async () => {
  const capitals = traceId.toUpperCase();
  const ofAnna = `?botInstanceId=${bots[0]}`;
  const at = (rest: string) => api.call('GET', `/api/v1/traces/by-trace-id/${capitals}${rest}${ofAnna}`);
  for (const rest of ['', '/tree']) expect(await at(rest)).toMatchObject({ status: 200, body: { traceId } });
  expect(await at('/spans/AAAAAAAAAAAAAAAA')).toMatchObject({ status: 200, body: { spanId: 'aaaaaaaaaaaaaaaa' } });
  expect((await at('/export')).headers.get('content-disposition')).toContain(traceId);
  expect(await api.call('GET', `/jaeger/api/traces/${capitals}`)).toMatchObject({
    status: 200,
    body: { data: [{ traceID: traceId }] },
  });
  const [group] = Groups.parse((await api.call('GET', '/api/v1/traces/errors')).body).items;
  const fingerprint = group?.fingerprint.toUpperCase();
  for (const path of ['errors', 'search']) {
    const found = await api.call(
      'GET',
      `/api/v1/traces/${path}?fingerprint=${fingerprint}&from=2026-09-01T00:00:00Z&to=2026-10-01T00:00:00Z`,
    );
    expect(found).toMatchObject({ status: 200, body: { items: [{}, {}] } });
  }
});

test('metrics and logs come out as they were sent, without secrets, the latest first', async () => {
  const logs = (text: string) =>
    JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords: [{ body: { stringValue: text } }] }] }] });
  const secret = `ghp_${'a1B2'.repeat(9)}`;
  await anna.post(logs('first'), 'logs');
  await anna.post(logs(`second ${secret}`), 'logs');
  await anna.post(logs('x'.repeat(300_000)), 'logs');
  await anna.post(JSON.stringify({ resourceMetrics: [] }), 'metrics');
  const read = async (query: string, key = api.adminKey) =>
    api.call('GET', `/api/v1/bot-instances/${bots[0]}/telemetry?${query}`, { key });
  const Page = z.object({ items: z.array(z.object({ receivedAt: z.string(), body: z.string().nullable() })) });
  const all = await read('kind=logs');
  expect(all.status, all.text).toBe(200);
  expect(all.text).not.toContain(secret);
  const { items } = Page.parse(all.body);
  expect(items.map(({ body }) => body)).toEqual([null, logs('second [redacted]'), logs('first')]);
  expect(Page.parse((await read(`kind=logs&before=${items[1]?.receivedAt}`)).body).items).toEqual([items[2]]);
  expect(await read('kind=metrics')).toMatchObject({
    body: { items: [{ encoding: 'json', body: '{"resourceMetrics":[]}' }], nextBefore: null },
  });
  const numbered = (n: number) =>
    JSON.stringify({ resourceMetrics: [{ resource: { attributes: [{ key: 'n', value: { intValue: n } }] } }] });
  for (let n = 0; n < 20; n += 1) await anna.post(numbered(n), 'metrics');
  const page = await read('kind=metrics');
  expect(page.body['items']).toHaveLength(20);
  expect(await read(`kind=metrics&before=${String(page.body['nextBefore'])}`)).toMatchObject({
    body: { items: [{ body: '{"resourceMetrics":[]}' }], nextBefore: null },
  });
  expect(await read('kind=traces')).toMatchObject({ status: 400, body: { errors: [{ path: 'kind' }] } });
  const viewer = await api.call('POST', '/api/v1/api-keys', { body: { name: 'viewer', role: 'VIEWER' } });
  expect((await read('kind=logs', String(viewer.body['key']))).status).toBe(403);
});
