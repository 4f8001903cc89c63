// What is wrong with a bot, through the gateway: the doctor, findings and their repair.
import { until } from '@molthub/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { isConverged, makeBot, makeFleet, simulatedManifest, timelineOf, untilBot } from './src/bots.ts';
import { type Molthub, prepareMolthub } from './src/molthub.ts';
import { Problem } from './src/shapes.ts';

let molthub: Molthub;
let fleetId = '';
beforeAll(async () => {
  molthub = await prepareMolthub();
  await molthub.start();
  fleetId = (await makeFleet(molthub, 'support')).id;
}, 180_000);
afterAll(() => molthub.remove());

const Doctor = z.object({
  overall: z.string(),
  checks: z.array(z.object({ check: z.string(), status: z.string(), evidence: z.record(z.string(), z.unknown()) })),
});
const examine = async (id: string) => {
  const answer = await molthub.call('POST', `/bot-instances/${id}/doctor`);
  const { overall, checks } = Doctor.parse(answer.body);
  return { overall, checks: Object.fromEntries(checks.map(({ check, ...rest }) => [check, rest])) };
};
const Findings = z.object({
  items: z.array(
    z.object({
      id: z.uuid(),
      kind: z.string(),
      closedAt: z.string().nullable(),
      repair: z.object({ action: z.string() }),
    }),
  ),
});
const findingsOf = async (botId: string) =>
  Findings.parse((await molthub.call('GET', `/health/findings?botInstanceId=${botId}`)).body).items;
const repair = (findingId: string) => molthub.call('POST', `/health/findings/${findingId}/repair`);

test('the doctor asks a bot anew and passes one that is well; of one that is stopped it invents nothing', async () => {
  const { id } = await makeBot(molthub, fleetId, simulatedManifest('anna'));
  await untilBot(molthub, id, 'well', (bot) => isConverged(bot) && bot.health === 'HEALTHY');
  const { overall, checks } = await examine(id);
  // It has served nobody yet.
  expect(overall).toBe('WARN');
  const passed = [
    'instance-exists',
    'manifest-valid',
    'configuration-released',
    'configuration-applied',
    'drift',
    'status',
  ];
  for (const check of [...passed, 'reachable', 'own-health', 'health', 'findings']) {
    expect(checks[check], check).toMatchObject({ status: 'PASS' });
  }
  expect(checks['traces']).toMatchObject({ status: 'WARN', evidence: { lastRequestAt: null } });
  await molthub.call('POST', `/bot-instances/${id}/stop`, {});
  await untilBot(molthub, id, 'stopped', ({ status, health }) => status === 'STOPPED' && health === 'UNKNOWN');
  const stopped = await examine(id);
  expect(stopped.checks['reachable']).toMatchObject({ status: 'SKIP' });
  expect(stopped.checks['own-health']).toMatchObject({ status: 'SKIP' });
});

test('a bot that goes down again and again is a finding, whose repair is done by the reconciler', async () => {
  const { id } = await makeBot(molthub, fleetId, simulatedManifest('bert', { crashEveryS: 1 }));
  const found = await until(async () => (await findingsOf(id)).find(({ kind }) => kind === 'RESTARTING'), {
    what: 'the finding',
    timeoutMs: 120_000,
  });
  expect(found).toMatchObject({ closedAt: null, repair: { action: 'reconcile' } });
  expect((await examine(id)).checks['findings']).toMatchObject({ status: 'FAIL' });
  const answer = await repair(found.id);
  expect(answer.status).toBe(200);
  expect(answer.body).toMatchObject({ findingId: found.id, botInstanceId: id, started: { action: 'reconcile' } });
  await until(async () => JSON.stringify(await timelineOf(molthub, id)).includes(`Repair of finding ${found.id}`), {
    what: 'the repair on the timeline',
  });
  await molthub.call('DELETE', `/bot-instances/${id}`);
  await until(async () => (await findingsOf(id)).every(({ closedAt }) => closedAt !== null), {
    what: 'the end of the finding',
    timeoutMs: 60_000,
  });
  const again = await repair(found.id);
  expect([again.status, Problem.parse(again.body).code]).toEqual([409, 'gateway.finding-closed']);
}, 240_000);

test('nobody is examined or repaired who is not there', async () => {
  const nobody = '0193a000-0000-7000-8000-0000000000b1';
  for (const path of [`/bot-instances/${nobody}/doctor`, `/health/findings/${nobody}/repair`]) {
    expect((await molthub.call('POST', path)).status, path).toBe(404);
  }
});
