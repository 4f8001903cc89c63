// The API with the door for spans, bots of a test and the spans they send, as OTLP JSON through the real door.
import { randomBytes } from 'node:crypto';
import { until, withNats, withPostgres } from '@molthub/testing';
import { afterAll, beforeAll, expect } from 'vitest';
import { z } from 'zod';
import { type ApiUnderTest, openApi } from './api-under-test.ts';

export type SentSpan = {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name?: string;
  readonly kind?: number;
  readonly startMs: number;
  readonly durationMs?: number;
  readonly attributes?: Readonly<Record<string, string | number | boolean>>;
  /** Its presence is the error. */
  readonly error?: string;
};

export type SendingBot = Sender & { readonly botId: string; readonly fleetId: string };

/** Opens the API over every service and the door for spans before the first test of the file; closes them after the last. */
export const withTraces = () => {
  const servers = { postgres: withPostgres(), nats: withNats() };
  let api: ApiUnderTest;
  let otlpUrl = '';
  beforeAll(async () => {
    api = await openApi(servers);
    otlpUrl = await api.openOtlp();
  });
  afterAll(() => api.close());
  return {
    api: () => api,
    /** A new bot in a fleet of its own, which sends as a service of this name. */
    bot: async (name: string, service = name): Promise<SendingBot> => {
      const bot = await makeBot(api, name);
      return { ...bot, ...(await senderOf(api, otlpUrl, bot.botId, service)) };
    },
    senderOf: (botId: string, service: string): Promise<Sender> => senderOf(api, otlpUrl, botId, service),
  };
};

export const newTraceId = () => randomBytes(16).toString('hex');
export const newSpanId = () => randomBytes(8).toString('hex');

export const makeBot = async (api: ApiUnderTest, name: string): Promise<{ botId: string; fleetId: string }> => {
  const fleet = await api.call('POST', '/api/v1/fleets', { body: { name: `${name}-fleet`, environment: 'dev' } });
  const manifest = {
    apiVersion: 'molthub/v1',
    kind: 'MoltbotInstance',
    metadata: { name },
    spec: { runtime: { engine: 'simulated' }, target: { kind: 'simulated' }, config: {} },
  };
  const bot = await api.call('POST', '/api/v1/bot-instances', { body: { fleetId: fleet.body['id'], manifest } });
  expect(bot.status, bot.text).toBe(201);
  return { botId: z.uuid().parse(bot.body['id']), fleetId: z.uuid().parse(fleet.body['id']) };
};

type Sender = {
  readonly send: (spans: readonly SentSpan[]) => Promise<void>;
  readonly post: (body: string, signal?: 'traces' | 'metrics' | 'logs') => Promise<void>;
};

/** How a bot of the test sends: with a token of the API, until it is taken. */
export const senderOf = async (api: ApiUnderTest, otlpUrl: string, botId: string, service: string): Promise<Sender> => {
  const issued = await api.call('POST', `/api/v1/bot-instances/${botId}/ingest-token`);
  expect(issued.status, issued.text).toBe(201);
  const headers = { authorization: `Bearer ${String(issued.body['token'])}`, 'content-type': 'application/json' };
  const post: Sender['post'] = async (body, signal = 'traces') => {
    const isTaken = async () =>
      (await fetch(`${otlpUrl}/v1/${signal}`, { method: 'POST', headers, body })).status === 200;
    await until(isTaken, { what: `the ${signal} to be taken` });
  };
  return {
    post,
    send: (spans) => {
      const resource = { attributes: [{ key: 'service.name', value: { stringValue: service } }] };
      return post(JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ spans: spans.map(wire) }] }] }));
    },
  };
};

const wire = ({ traceId, spanId, parentSpanId, name, kind, startMs, durationMs, attributes, error }: SentSpan) => {
  const start = BigInt(Math.round(startMs * 1_000)) * 1_000n;
  return {
    traceId,
    spanId,
    ...(parentSpanId === undefined ? {} : { parentSpanId }),
    name: name ?? 'step',
    kind: kind ?? 1,
    startTimeUnixNano: String(start),
    endTimeUnixNano: String(start + BigInt(Math.round((durationMs ?? 1) * 1_000_000))),
    attributes: Object.entries(attributes ?? {}).map(([key, value]) => ({ key, value: valueOf(value) })),
    ...(error === undefined ? {} : { status: { code: 2, message: error } }),
  };
};

const valueOf = (value: string | number | boolean) => {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  return Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value };
};
