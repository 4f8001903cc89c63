import { defaultFleetTelemetry } from '@molthub/contracts';
import { expect, test } from 'vitest';
import { createRunawayFinder } from './find-runaways.ts';

const suspect = {
  workspace: 'default',
  bot_id: '0199c0de-0000-7000-8000-000000000001',
  fleet_id: null,
  trace_id: '0199c0de-0000-7000-8000-000000000002',
  minute: null,
  calls: defaultFleetTelemetry.runaway.callsPerMinute,
};

test('a trace is looked at once for the calls it has, but again where the transaction that looked was lost', async () => {
  const finder = createRunawayFinder(() => defaultFleetTelemetry.runaway);
  let looks = 0;
  const sql = async () => {
    looks += 1;
    return [];
  };
  await finder.find(sql, [suspect]);
  const looked = await finder.find(sql, [suspect]);
  expect(looks).toBe(2);
  finder.noted(looked);
  await finder.find(sql, [suspect]);
  expect(looks).toBe(2);
});
