// Secrets that a bot says wherever a span says something: no answer of the API and no message of the bus tells one.
import { randomBytes } from 'node:crypto';
import { until, withNats, withPostgres } from '@molthub/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { type ApiUnderTest, openApi } from './api-under-test.ts';
import { makeBot, newSpanId, newTraceId, senderOf } from './traces-under-test.ts';

const postgres = withPostgres();
const nats = withNats();
let api: ApiUnderTest;
let botId = '';
const messages: string[] = [];
const [traceId, spanId] = [newTraceId(), newSpanId()];

/** Made here, so that this file holds none. */
const random = () => randomBytes(12).toString('hex');
const byForm = `sk-${random()}`;
/** Only what stands in front of them tells that these are secrets. */
const [assigned, inAddress, inHeader, inJson, inEscapedJson, asOption, asItem, asValue] = Array.from(
  { length: 8 },
  random,
);
const planted = [byForm, assigned, inAddress, inHeader, inJson, inEscapedJson, asOption, asItem, asValue].map(String);

const said = [
  `the key is ${byForm}`,
  `password=${assigned}`,
  `GET https://example.org/?access_token=${inAddress}&page=2`,
  `Authorization: Basic ${inHeader}`,
  JSON.stringify({ apiKey: inJson, role: 'user' }),
  JSON.stringify(JSON.stringify({ apiKey: inEscapedJson })),
  `tool --token ${asOption} --verbose`,
].join(', ');
const text = (stringValue: string) => ({ stringValue });
const listOf = (values: readonly object[]) => ({ arrayValue: { values } });
const attributes = [
  { key: 'plain', value: text(said) },
  { key: `as.key ${byForm}`, value: text('x') },
  { key: 'process.command_line', value: text(`tool --token ${asOption}`) },
  { key: 'process.command_args', value: listOf(['tool', '--token', String(asItem)].map(text)) },
  { key: 'db.password', value: text(String(asValue)) },
  { key: 'nested', value: { kvlistValue: { values: [{ key: 'secret', value: listOf([text(String(asValue))]) }] } } },
  { key: 'bytes', value: { bytesValue: Buffer.from(said).toString('base64') } },
];
const content = [
  { key: 'gen_ai.input.messages', value: text(JSON.stringify([{ role: 'user', content: said }])) },
  { key: 'gen_ai.tool.call.arguments', value: { kvlistValue: { values: attributes } } },
  { key: 'gen_ai.prompt.0.content', value: text(said) },
];
const traceState = `vendor=${byForm},token=${assigned}`;

const request = () => {
  // Of a minute that is over, so that its window is said at once.
  const at = BigInt(Date.now() - 120_000) * 1_000_000n;
  const span = {
    traceId,
    spanId,
    traceState,
    name: said,
    kind: 2,
    startTimeUnixNano: String(at - 1_000_000n),
    endTimeUnixNano: String(at),
    attributes: [
      ...attributes,
      ...content,
      { key: 'gen_ai.request.model', value: text(`model ${byForm}`) },
      { key: 'gen_ai.conversation.id', value: text(`session ${byForm}`) },
      { key: 'error.type', value: text(`Refused ${byForm}`) },
    ],
    events: [
      { timeUnixNano: String(at), name: said, attributes },
      { timeUnixNano: String(at), name: 'gen_ai.user.message', attributes: [{ key: 'content', value: text(said) }] },
      {
        timeUnixNano: String(at),
        name: 'exception',
        attributes: [{ key: 'exception.message', value: text(said) }, ...attributes],
      },
    ],
    links: [{ traceId: newTraceId(), spanId: newSpanId(), traceState, attributes }],
    status: { code: 2, message: said },
  };
  const scope = { name: said, version: said, attributes };
  const resource = { attributes: [...attributes, { key: 'service.name', value: text(`service ${byForm}`) }] };
  return { resourceSpans: [{ resource, schemaUrl: said, scopeSpans: [{ scope, schemaUrl: said, spans: [span] }] }] };
};

beforeAll(async () => {
  api = await openApi({ postgres, nats });
  const callback = (_: Error | null, message: { readonly subject: string; readonly data: Uint8Array }) => {
    messages.push(`${message.subject} ${Buffer.from(message.data).toString('latin1')}`);
  };
  api.service('gateway').bus.connection.subscribe('>', { callback });
  const otlpUrl = await api.openOtlp();
  ({ botId } = await makeBot(api, 'anna'));
  await (await senderOf(api, otlpUrl, botId, 'anna')).post(JSON.stringify(request()));
});
afterAll(() => api.close());

const Listed = z.object({ items: z.array(z.object({ id: z.string() })) });

test('no answer of the API tells a secret that a span said', async () => {
  const listed = await api.call('GET', '/api/v1/traces');
  const id = Listed.parse(listed.body).items[0]?.id ?? '';
  const ofTrace = `/api/v1/traces/by-trace-id/${traceId}`;
  const service = encodeURIComponent('service [redacted]');
  const paths = [
    '/api/v1/traces',
    '/api/v1/traces/search?spanType=REQUEST',
    '/api/v1/traces/errors',
    '/api/v1/traces/sessions',
    `/api/v1/traces/stats/${botId}`,
    `/api/v1/traces/${id}`,
    ofTrace,
    `${ofTrace}/tree`,
    `${ofTrace}/tree?shape=flat&attributes=none`,
    `${ofTrace}/spans/${spanId}`,
    `${ofTrace}/spans/${spanId}/content`,
    `${ofTrace}/export`,
    '/jaeger/api/services',
    `/jaeger/api/services/${service}/operations`,
    `/jaeger/api/traces?service=${service}`,
    `/jaeger/api/traces/${traceId}`,
    '/jaeger/api/dependencies',
    '/api/v1/events',
  ];
  for (const path of paths) {
    const answer = await api.call('GET', path);
    expect(answer.status, `${path}: ${answer.text}`).toBe(200);
    expect(
      planted.filter((secret) => answer.text.includes(secret)),
      path,
    ).toEqual([]);
    expect(answer.text).not.toContain(Buffer.from(said).toString('base64').slice(0, 40));
  }
  const seen = async (path: string) => (await api.call('GET', path)).text.split('[redacted]').length - 1;
  expect(await seen(`${ofTrace}/spans/${spanId}`)).toBeGreaterThan(20);
  expect(await seen(`${ofTrace}/spans/${spanId}/content`)).toBeGreaterThan(20);
  expect(await seen(`${ofTrace}/export`)).toBeGreaterThan(50);
  expect(await seen(`/jaeger/api/traces/${traceId}`)).toBeGreaterThan(20);
});

test('no message of the bus tells one', async () => {
  await until(
    async () => messages.some((message) => message.includes('trace.trace.failed') && message.includes(botId)),
    {
      what: 'the failure to be told',
      timeoutMs: 30_000,
    },
  );
  expect(planted.filter((secret) => messages.some((message) => message.includes(secret)))).toEqual([]);
});
