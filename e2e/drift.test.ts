// Drift that somebody decides about: accepted it becomes a version of the manifest like every other, reverted it is gone.
import { until } from '@molthub/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { isConverged, makeBot, makeFleet, simulatedManifest, untilBot } from './src/bots.ts';
import { layersOf } from './src/layers.ts';
import { type Molthub, prepareMolthub } from './src/molthub.ts';
import { Problem, Published } from './src/shapes.ts';

let molthub: Molthub;
beforeAll(async () => {
  molthub = await prepareMolthub();
  await molthub.start();
}, 180_000);
afterAll(() => molthub.remove(), 120_000);
const { make } = layersOf(() => molthub);

const Drift = z.object({
  status: z.string(),
  items: z.array(z.object({ class: z.string(), path: z.string(), owner: z.string() })),
});
const drift = async (id: string) => Drift.parse((await molthub.call('GET', `/bot-instances/${id}/drift`)).body);
const drifted = (id: string) =>
  until(async () => (await drift(id)).status === 'DRIFTED', { what: `drift of ${id}`, timeoutMs: 30_000 });

/** Changes its own configuration every few seconds, and is only watched. */
const restless = (name: string, labels: Readonly<Record<string, string>> = {}) => {
  const manifest = simulatedManifest(name, { driftEveryS: 2 });
  return { ...manifest, metadata: { name, labels }, spec: { ...manifest.spec, drift: { mode: 'detect' } } };
};
const watched = async (fleetName: string, labels?: Readonly<Record<string, string>>) => {
  const fleet = await makeFleet(molthub, fleetName);
  const bot = await makeBot(molthub, fleet.id, restless(`${fleetName}-bot`, labels));
  await drifted(bot.id);
  return bot;
};
const newest = async (id: string) => {
  const { body } = await molthub.call('GET', `/bot-instances/${id}/manifests?limit=1`);
  const Version = z.object({
    version: z.int(),
    origin: z.string(),
    reason: z.string(),
    manifest: z.object({ spec: z.object({ config: z.record(z.string(), z.unknown()) }) }),
  });
  return z.object({ items: z.array(Version).length(1) }).parse(body).items[0];
};

test('accepting makes a version of what the bot runs, which names whose change it was and is released like any', async () => {
  const bot = await watched('accepting');
  expect((await drift(bot.id)).items).toMatchObject([{ class: 'config', path: 'spec.config.selfEdits', owner: 'bot' }]);
  const answer = await molthub.call('POST', `/bot-instances/${bot.id}/drift/accept`, { reason: 'it knows better' });
  expect(answer.status, JSON.stringify(answer.body)).toBe(201);
  expect(Published.parse(answer.body)).toMatchObject({ version: 2 });
  const version = await newest(bot.id);
  expect(version).toMatchObject({
    version: 2,
    origin: 'accept-drift',
    reason: 'it knows better (drift of selfEdits, made by the bot itself, was accepted)',
  });
  expect(version?.manifest.spec.config['selfEdits']).toBeGreaterThan(0);
  await untilBot(molthub, bot.id, 'at generation 2', (seen) => seen.generation === 2 && seen.observedGeneration === 2);
}, 120_000);

test('policy judges what is accepted, and a bot that is as released has nothing to accept or revert', async () => {
  await make('policy-packs', {
    name: 'no-own-edits',
    isEnforced: true,
    targetTags: { own: 'no' },
    rules: [{ id: 'none', type: 'field_range', config: { field: 'spec.config.selfEdits', max: 0 } }],
  });
  const bot = await watched('judged', { own: 'no' });
  const denied = await molthub.call('POST', `/bot-instances/${bot.id}/drift/accept`);
  expect(denied.status).toBe(422);
  expect(Problem.parse(denied.body).code).toBe('policy.denied');
  expect((await newest(bot.id))?.version).toBe(1);

  const reverted = await molthub.call('POST', `/bot-instances/${bot.id}/drift/revert`, { reason: 'not ours' });
  expect(reverted.status).toBe(200);
  await untilBot(molthub, bot.id, 'as released', isConverged);

  const calm = await makeBot(molthub, bot.fleetId, simulatedManifest('calm'));
  await untilBot(molthub, calm.id, 'running', isConverged);
  for (const verb of ['accept', 'revert']) {
    const refused = await molthub.call('POST', `/bot-instances/${calm.id}/drift/${verb}`);
    expect([refused.status, Problem.parse(refused.body).code]).toEqual([409, 'reconciler.not-drifted']);
  }
}, 120_000);

test('a fleet says whether it is healed, and one that is has nothing to resume', async () => {
  const fleet = await makeFleet(molthub, 'healed');
  const { body } = await molthub.call('GET', `/fleets/${fleet.id}/healing`);
  expect(body).toEqual({ fleetId: fleet.id, isHeld: false, held: null });
  const refused = await molthub.call('POST', `/fleets/${fleet.id}/resume-healing`);
  expect([refused.status, Problem.parse(refused.body).code]).toEqual([409, 'reconciler.not-held']);
});
