// Windows and failures: said once per minute, for the configuration that a bot had.
import { randomUUID } from 'node:crypto';
import { BotConverged } from '@molthub/contracts';
import { newEvent } from '@molthub/event-store/testing';
import type { IngestClaims } from '@molthub/ingest-token';
import { until, withNats, withPostgres } from '@molthub/testing';
import { describe, expect, test } from 'vitest';
import type { z } from 'zod';
import { asJson, jsonOf, jsonSpan, newBot, nowNs, simulatorKey, tokenOf, withTelemetry } from './testing.ts';

const telemetry = withTelemetry(withPostgres(), withNats());
const { post, minutesOf, eventsOf } = telemetry;

describe('windows', () => {
  // A minute that is over, so that the test need not wait for one; the same one throughout.
  const endNs = (nowNs() / 60_000_000_000n - 3n) * 60_000_000_000n + 1_000_000n;
  const times = { startTimeUnixNano: String(endNs - 200_000_000n), endTimeUnixNano: String(endNs) };
  const ended = (count: number, status?: object) =>
    Array.from({ length: count }, () => jsonSpan({ ...(status ? { status } : {}), ...times }));
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
    await telemetry
      .running()
      .reconciler.log.commit({ streams: [{ stream: `bot-${bot.botId}`, expected: 'any', events: [event] }] });
    const known = () =>
      telemetry.running().trace.runtime.reads('select from bot_configs where bot_id = $1', [bot.botId]);
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

  test('say what was called and what it cost, and how tokens and costs of traces are spread', async () => {
    const bot = newBot();
    const turn = (model: string, input: number, output: number) => {
      const root = jsonSpan(times);
      const attributes = [
        { key: 'gen_ai.operation.name', value: { stringValue: 'chat' } },
        { key: 'gen_ai.request.model', value: { stringValue: model } },
        { key: 'gen_ai.usage.input_tokens', value: { intValue: String(input) } },
        { key: 'gen_ai.usage.output_tokens', value: { intValue: String(output) } },
      ];
      const { traceId, spanId } = root;
      return [root, jsonSpan({ ...times, traceId, parentSpanId: spanId, name: 'chat', attributes })];
    };
    // Two of 1,100 tokens and $0.0035, one of 1,024 tokens, which is a bound, and without a price.
    const spans = [...turn('gpt-4o', 1_000, 100), ...turn('gpt-4o', 1_000, 100), ...turn('of-our-own', 1_000, 24)];
    await post(await tokenOf(bot), jsonOf(...spans), asJson);
    const [event] = await until(async () => ((await eventsOf(bot)).length === 1 ? eventsOf(bot) : null), {
      what: 'the window',
    });
    const at = (length: number, counts: Readonly<Record<number, number>>) =>
      Array.from({ length }, (_, place) => counts[place] ?? 0);
    const called = { errors: 0, cachedTokens: 0 };
    expect(event?.data).toMatchObject({
      requests: 3,
      durationMsSum: 600,
      modelCalls: 3,
      toolCalls: 0,
      cachedTokens: 0,
      costUsd: '0.007',
      unpricedCalls: 1,
      models: [
        { ...called, name: 'gpt-4o', calls: 2, inputTokens: 2_000, outputTokens: 200, costUsd: '0.007' },
        { ...called, name: 'of-our-own', calls: 1, inputTokens: 1_000, outputTokens: 24, costUsd: '0' },
      ],
      traceTokenCounts: at(19, { 4: 1, 5: 2 }),
      traceCostCounts: at(21, { 6: 2 }),
    });
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
