// What a fleet wants taken out of its spans never reaches a table.
import { randomUUID } from 'node:crypto';
import { ChangeFleetTelemetry, FleetTelemetry } from '@molthub/contracts';
import { until, withNats, withPostgres } from '@molthub/testing';
import { expect, test } from 'vitest';
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
