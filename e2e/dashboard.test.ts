// The first page of a console, through the gateway: its figures are those of what there is, and of what a key may see.
import { until } from '@molthub/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { isConverged, makeBot, makeFleet, simulatedManifest, untilBot } from './src/bots.ts';
import { type Molthub, prepareMolthub } from './src/molthub.ts';

let molthub: Molthub;
const fleets = { busy: '', quiet: '' };
const bots = { busy: '', quiet: '' };
let quietKey = '';

beforeAll(async () => {
  molthub = await prepareMolthub();
  await molthub.start();
  for (const [name, simulation] of [
    ['busy', { requestsPerMinute: 600 }],
    ['quiet', {}],
  ] as const) {
    fleets[name] = (await makeFleet(molthub, name)).id;
    bots[name] = (await makeBot(molthub, fleets[name], simulatedManifest(name, simulation))).id;
    await untilBot(molthub, bots[name], 'well', (bot) => isConverged(bot) && bot.health === 'HEALTHY');
  }
  const answer = await molthub.call('POST', '/api-keys', {
    name: 'quiet',
    role: 'VIEWER',
    scopes: ['dashboard:read', 'bot:read'],
    fleetIds: [fleets.quiet],
  });
  quietKey = z.object({ key: z.string() }).parse(answer.body).key;
}, 180_000);
afterAll(() => molthub.remove());

const read = async (path: string, key?: string) => {
  const answer = await molthub.call('GET', path, undefined, key === undefined ? {} : { key });
  expect(answer.status, path).toBe(200);
  return answer.body;
};
const Metrics = z.object({
  lastHour: z.object({ requests: z.number(), latencyMs: z.object({ p50: z.number() }).nullable() }).loose(),
});
const Activity = z.object({
  items: z.array(z.object({ kind: z.string(), at: z.string(), fleetId: z.string().nullable() })),
});

test('the figures are those of the bots there are; what cannot be known is null', async () => {
  const { lastHour } = await until(
    async () => {
      const metrics = Metrics.parse(await read('/dashboard/metrics'));
      return metrics.lastHour.requests > 0 ? metrics : undefined;
    },
    { what: 'the first requests', timeoutMs: 120_000 },
  );
  expect(lastHour).toMatchObject({ failureRate: 0, simulatedRequests: expect.any(Number) });
  expect(lastHour.latencyMs?.p50).toBeGreaterThan(0);
  expect(await read('/dashboard/metrics')).toMatchObject({
    fleets: 2,
    bots: { total: 2, healthy: 2, degraded: 0, unhealthy: 0, unknown: 0, drifted: 0, failed: 0, simulated: 2 },
    findings: { warning: 0, critical: 0 },
    changeSets: { active: 0, failedLastDay: 0 },
  });
  expect(await read('/bot-instances/dashboard')).toMatchObject({ total: 2, byHealth: { HEALTHY: 2 } });
  expect(await read('/dashboard/health')).toMatchObject({ status: 'HEALTHY', counts: { healthy: 2 }, findings: [] });
}, 180_000);

test('a key for one fleet sees the figures of that one, and no kind of news that it may not read', async () => {
  expect(await read('/dashboard/metrics', quietKey)).toMatchObject({
    fleets: 1,
    bots: { total: 1, healthy: 1 },
    lastHour: { requests: 0, failureRate: null, latencyMs: null, costUsd: 0 },
  });
  expect(await read('/dashboard/health', quietKey)).toMatchObject({
    counts: { healthy: 1 },
    fleets: [{ fleetId: fleets.quiet }],
  });
  expect(await read('/bot-instances/dashboard', quietKey)).toMatchObject({ total: 1 });
  const { items } = Activity.parse(await read('/dashboard/activity', quietKey));
  expect([...new Set(items.map(({ kind }) => kind))]).toEqual(['BOT']);
  expect(items.every(({ fleetId }) => fleetId === fleets.quiet)).toBe(true);
});

test('what happened lately is told newest first, of every kind', async () => {
  const { items } = Activity.parse(await read('/dashboard/activity'));
  const kinds = new Set(items.map(({ kind }) => kind));
  for (const kind of ['BOT', 'CHANGE_SET', 'TRACE']) expect(kinds).toContain(kind);
  const times = items.map(({ at }) => Date.parse(at));
  expect(times).toEqual(times.toSorted((a, b) => b - a));
});
