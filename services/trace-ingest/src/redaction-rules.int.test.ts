// What a fleet wants taken out of its spans never reaches a table.
import { randomUUID } from 'node:crypto';
import { ChangeFleetTelemetry, EndTrace, FleetTelemetry, OpenTrace } from '@molthub/contracts';
import { until, withNats, withPostgres } from '@molthub/testing';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { asJson, jsonOf, jsonSpan, newBot, tokenOf, withTelemetry } from './testing.ts';

const telemetry = withTelemetry(withPostgres(), withNats());

test("a fleet's rules hold for spans that come after they were said, and for no other fleet's", async () => {
  const [ruled, other] = [newBot(), newBot()];
  const settings = FleetTelemetry.parse({
    redaction: { attributes: [{ key: 'user.*', action: 'drop' }], patterns: ['CUST-[0-9]+'] },
  });
  const { trace } = telemetry.running();
  const data = { fleetId: ruled.fleetId ?? '', settings };
  await trace.runtime.execute(ChangeFleetTelemetry, data, { workspace: 'default' });
  const text = (key: string, stringValue: string) => ({ key, value: { stringValue } });
  const send = async (bot: typeof ruled) => {
    const span = jsonSpan({
      spanId: randomUUID().replaceAll('-', '').slice(0, 16),
      name: 'for CUST-1',
      attributes: [text('user.id', 'ada'), text('about', 'CUST-2 called')],
    });
    expect(await telemetry.post(await tokenOf(bot), jsonOf(span), asJson)).toMatchObject({ status: 200 });
    return (await telemetry.spansOf(bot)).at(-1);
  };
  await until(async () => (await send(ruled))?.name === 'for [redacted]', { what: 'the rules to hold' });
  expect((await telemetry.spansOf(ruled)).at(-1)?.attributes).toEqual({ about: '[redacted] called' });
  expect(await send(other)).toMatchObject({
    name: 'for CUST-1',
    attributes: { 'user.id': 'ada', about: 'CUST-2 called' },
  });
});

/** What becomes of an attribute that the bot says itself, once its fleet's rules hold at the door. */
const hashOfSpoken = async (
  bot: ReturnType<typeof newBot>,
  attribute: { readonly key: string; readonly value: object },
) => {
  let hashed: unknown;
  const isHashed = async () => {
    const [spanId, name] = [randomUUID().replaceAll('-', '').slice(0, 16), 'spoken'];
    const body = jsonOf(jsonSpan({ spanId, name, attributes: [attribute] }));
    expect(await telemetry.post(await tokenOf(bot), body, asJson)).toMatchObject({ status: 200 });
    const spans = await telemetry.spansOf(bot);
    const found = spans.filter((span) => span.name === name).map(({ attributes }) => Attributes.parse(attributes));
    hashed = found.map((attributes) => attributes[attribute.key]).find((value) => String(value).startsWith('sha256:'));
    return hashed !== undefined;
  };
  await until(isHashed, { what: 'the rules to hold' });
  return hashed;
};
const Attributes = z.record(z.string(), z.unknown());

test("a fleet's rules hold for traces that are begun and ended over the API, in what is kept of them for ever", async () => {
  const bot = newBot();
  const fleetId = bot.fleetId ?? '';
  const settings = FleetTelemetry.parse({
    redaction: {
      attributes: [
        { key: 'user.*', action: 'drop' },
        { key: 'email', action: 'hash' },
        { key: 'plan', action: 'mask' },
      ],
      patterns: ['CUST-[0-9]+'],
    },
  });
  const { runtime } = telemetry.running().trace;
  const inWorkspace = { workspace: 'default' };
  await runtime.execute(ChangeFleetTelemetry, { fleetId, settings }, inWorkspace);
  const traceId = randomUUID().replaceAll('-', '');
  const said = { 'user.id': 'ada', email: 'a@b', plan: 'gold', about: 'CUST-2 called', retries: 3 };
  const [startedAt, endedAt] = [new Date(Date.now() - 1_000).toISOString(), new Date().toISOString()];
  const opened = { botId: bot.botId, fleetId, simulated: false, traceId, spanId: '2'.repeat(16), parentTraceId: null };
  const names = { name: 'for CUST-1', type: 'TASK', session: 'CUST-3' } as const;
  await runtime.execute(OpenTrace, { ...opened, ...names, startedAt, attributes: said }, inWorkspace);
  const ended = { botId: bot.botId, traceId, endedAt, status: 'ERROR', message: 'CUST-4 left' } as const;
  await runtime.execute(EndTrace, { ...ended, attributes: { 'user.name': 'Ada', last: 'CUST-5' } }, inWorkspace);

  await until(async () => (await telemetry.spansOf(bot)).length > 0, { what: 'the span of the trace' });
  const [span] = await telemetry.spansOf(bot);
  const hashed = await hashOfSpoken(bot, { key: 'email', value: { stringValue: 'a@b' } });
  expect(span).toMatchObject({ name: 'for [redacted]', status_message: '[redacted] left' });
  expect(span?.attributes).toEqual({
    email: hashed,
    plan: '[redacted]',
    about: '[redacted] called',
    last: '[redacted]',
    retries: 3,
    'molthub.span.type': 'TASK',
    'gen_ai.conversation.id': '[redacted]',
  });
  const events = await runtime.reads("select data from events where type like 'trace.trace.%'");
  expect(events).toHaveLength(2);
  expect(JSON.stringify(events)).not.toMatch(/CUST-|ada|Ada|a@b|gold/);
});
