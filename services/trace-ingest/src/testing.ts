// trace-ingest with its door on real servers, its neighbours' voices, and bots that send to it: for its own tests.
import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  platformWorkspace,
  SigningKeyPublished,
  SimulatorKeyPublished,
  SpansView,
  TracesView,
} from '@molthub/contracts';
import { newEvent } from '@molthub/event-store/testing';
import { generateKey, type IngestClaims, type SigningKey, sign } from '@molthub/ingest-token';
import type { RunningService } from '@molthub/service';
import { silentService, startTestService } from '@molthub/service/testing';
import { type TestNats, type TestPostgres, until } from '@molthub/testing';
import { afterAll, beforeAll, expect } from 'vitest';
import { z } from 'zod';
import { type OtlpServer, traceService, type TraceSettings } from './service.ts';

export const key = generateKey();
export const simulatorKey = generateKey();

/** Starts everything before the first test of the file, and stops it after the last. */
export const withTelemetry = (
  postgres: TestPostgres,
  nats: TestNats,
  { silenceMs = 120_000, ...more }: { readonly silenceMs?: number } & Pick<TraceSettings, 'backend' | 'forward'> = {},
) => {
  let trace: RunningService;
  let gateway: RunningService;
  let reconciler: RunningService;
  let door: OtlpServer;
  const definition = traceService({
    windows: { latenessMs: 500, lookEveryMs: 50 },
    runaways: { lookEveryMs: 50, silenceMs },
    ...more,
  });
  const openDoor = () => definition.startOtlp({ host: '127.0.0.1', port: 0, runtime: trace.runtime });

  const say = (service: RunningService, type: string, data: unknown, workspace = 'default') =>
    service.log.commit({
      streams: [{ stream: `test-${randomUUID()}`, expected: 'any', events: [{ ...newEvent(type, data), workspace }] }],
    });

  beforeAll(async () => {
    const urls = { databaseUrl: postgres.url, natsUrl: nats.url };
    [trace, gateway, reconciler] = await Promise.all([
      startTestService(definition, urls),
      startTestService(silentService('gateway'), urls),
      startTestService(silentService('reconciler'), urls),
    ]);
    door = await openDoor();
    await say(gateway, SigningKeyPublished.type, { keyId: key.keyId, publicKey: key.publicKey }, platformWorkspace);
    const simulator = { keyId: simulatorKey.keyId, publicKey: simulatorKey.publicKey };
    await say(reconciler, SimulatorKeyPublished.type, simulator, platformWorkspace);
    await until(async () => (await trace.runtime.reads('select from signing_keys')).length === 2, {
      what: 'both keys',
    });
  });

  afterAll(async () => {
    await door?.close();
    await Promise.all([trace?.stop(), gateway?.stop(), reconciler?.stop()]);
  });

  const post = async (
    token: string | null,
    body: Buffer | string,
    headers: Readonly<Record<string, string>> = {},
    path = '/v1/traces',
    url = door.url,
  ) => {
    const authorization = token === null ? {} : { authorization: `Bearer ${token}` };
    const response = await fetch(`${url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-protobuf', ...authorization, ...headers },
      body: typeof body === 'string' ? body : new Uint8Array(body),
    });
    return { status: response.status, headers: response.headers, body: Buffer.from(await response.arrayBuffer()) };
  };

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
      .array(TracesView.row.extend({ started_at: z.date(), ended_at: z.date(), updated_at: z.date() }))
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

  return {
    /** The services, once they run. */
    running: () => ({ trace, gateway, reconciler }),
    url: () => door.url,
    /** Another door to the same tables, as another process has one. */
    openDoor,
    say,
    post,
    sendTurn,
    spansOf,
    tracesOf,
    minutesOf,
    eventsOf,
  };
};

export const tokenOf = (bot: IngestClaims, by: SigningKey = key) => sign(bot, by);

export const newBot = (more: Partial<IngestClaims> = {}): IngestClaims => ({
  botId: randomUUID(),
  workspace: 'default',
  fleetId: randomUUID(),
  tokenId: randomUUID(),
  expiresAt: new Date(Date.now() + 3_600_000).toISOString(),
  simulated: false,
  ...more,
});
export const asJson = { 'content-type': 'application/json' };

const samples = join(import.meta.dirname, '../samples');
export const captured = (turn: string, signal = 'traces') =>
  readdirSync(join(samples, turn))
    .filter((name) => name.endsWith(`${signal}.bin`))
    .map((name) => readFileSync(join(samples, turn, name)));

export const nowNs = () => BigInt(Date.now()) * 1_000_000n;
export const jsonSpan = (more: object = {}) => ({
  traceId: randomUUID().replaceAll('-', ''),
  spanId: randomUUID().replaceAll('-', '').slice(0, 16),
  name: 'openclaw.run',
  kind: 1,
  startTimeUnixNano: String(nowNs() - 200_000_000n),
  endTimeUnixNano: String(nowNs()),
  ...more,
});
export const jsonOf = (...spans: readonly object[]) => JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] });
