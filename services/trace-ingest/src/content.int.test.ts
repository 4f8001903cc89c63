// Prompts, messages and arguments lie apart from spans, for as long as their fleet keeps them.
import { zstdDecompressSync } from 'node:zlib';
import { ChangeFleetTelemetry, FleetTelemetry } from '@molthub/contracts';
import { until, withNats, withPostgres } from '@molthub/testing';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { sweep } from './sweep.ts';
import { asJson, jsonOf, jsonSpan, newBot, tokenOf, withTelemetry } from './testing.ts';

const telemetry = withTelemetry(withPostgres(), withNats());

const text = (key: string, stringValue: string) => ({ key, value: { stringValue } });
const talk = () =>
  jsonSpan({
    name: 'chat',
    attributes: [text('gen_ai.request.model', 'm'), text('gen_ai.input.messages', 'tell sk-abcdefghijklmnopqrstuvwx')],
    events: [
      { timeUnixNano: '1', name: 'other', attributes: [text('a', 'b')] },
      { timeUnixNano: '2', name: 'gen_ai.user.message', attributes: [text('content', 'a secret recipe')] },
    ],
  });

const Body = z.array(z.object({ body: z.instanceof(Buffer) }));
const contentsOf = async (bot: ReturnType<typeof newBot>) => {
  const { runtime } = telemetry.running().trace;
  const rows = Body.parse(await runtime.reads('select body from span_contents where bot_id = $1', [bot.botId]));
  return rows.map(({ body }): unknown => JSON.parse(zstdDecompressSync(body).toString()));
};
const send = async (bot: ReturnType<typeof newBot>, ...spans: readonly object[]) =>
  expect(await telemetry.post(await tokenOf(bot), jsonOf(...spans), asJson)).toMatchObject({ status: 200 });

test('content is in no column of a span, without secrets, and is stored once', async () => {
  const bot = newBot();
  const spans = [jsonSpan(), talk(), talk()];
  await send(bot, ...spans);
  await send(bot, ...spans);
  const element = {
    attributes: { 'gen_ai.input.messages': 'tell [redacted]' },
    events: [{ index: 1, attributes: { content: 'a secret recipe' } }],
  };
  expect(await contentsOf(bot)).toEqual([[element, element]]);
  const stored = await telemetry.spansOf(bot);
  expect(stored.filter((span) => span.has_content)).toHaveLength(2);
  expect(JSON.stringify(stored)).not.toMatch(/recipe|tell/);
  expect(stored.find((span) => span.has_content)?.attributes).toEqual({ 'gen_ai.request.model': 'm' });
});

test('a new span beside one that is there already has its content, and the other keeps its own', async () => {
  const bot = newBot();
  const [first, second] = [talk(), talk()];
  await send(bot, first);
  await send(bot, first, second);
  const [own, added] = await contentsOf(bot);
  expect(own).toHaveLength(1);
  expect(added).toEqual([null, expect.objectContaining({ events: expect.any(Array) })]);
});

test('a fleet that keeps no content has none stored', async () => {
  const bot = newBot();
  const settings = FleetTelemetry.parse({ retention: { contentDays: 0 } });
  const data = { fleetId: bot.fleetId ?? '', settings };
  await telemetry.running().trace.runtime.execute(ChangeFleetTelemetry, data, { workspace: 'default' });
  await until(
    async () => {
      const span = talk();
      await send(bot, span);
      const [stored] = await telemetry.spansOf(bot, span.traceId);
      return stored?.has_content === false;
    },
    { what: 'the settings to hold' },
  );
});

test('content of a fleet that said nothing is kept for three days', async () => {
  const bot = newBot();
  await send(bot, talk());
  const { runtime } = telemetry.running().trace;
  const days = (count: number) => Date.now() + count * 86_400_000;
  await sweep(runtime, days(3));
  expect(await contentsOf(bot)).toHaveLength(1);
  await sweep(runtime, days(4));
  expect(await contentsOf(bot)).toHaveLength(0);
  expect(await telemetry.spansOf(bot)).toHaveLength(1);
});
