// `molthub apply` of a layer: which bots it moves, and exit code 1 where its change set did not take them all.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeFleet } from './src/bots.ts';
import { environment } from './src/env.ts';
import { labelled, layersOf } from './src/layers.ts';
import { type Molthub, prepareMolthub } from './src/molthub.ts';

let molthub: Molthub;
beforeAll(async () => {
  molthub = await prepareMolthub();
  await molthub.start();
}, 180_000);
afterAll(() => molthub.remove(), 120_000);
const { make, running, changeSets } = layersOf(() => molthub);

const cli = join(import.meta.dirname, '../clients/cli/src/main.ts');
const apply = async (document: unknown) => {
  const env = { PATH: environment['PATH'] ?? '', MOLTHUB_HOME: molthub.home };
  const child = spawn(process.execPath, [cli, 'apply', '-f', '-'], { env, stdio: ['pipe', 'pipe', 'pipe'] });
  const ended = once(child, 'close');
  child.stdin.end(JSON.stringify(document));
  const [, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  await ended;
  return { status: child.exitCode, stderr };
};
const profile = (latencyMs: number) => ({
  apiVersion: 'molthub/v1',
  kind: 'Profile',
  metadata: { name: 'told' },
  spec: { fleets: ['told'], defaults: { spec: { config: { simulation: { latencyMs } } } } },
});

test('tells each bot it moves with both hashes and the change set, and fails where policy refuses one', async () => {
  const fleet = await makeFleet(molthub, 'told');
  const anna = await running(fleet.id, labelled('anna', { told: 'yes' }));
  const moved = await apply(profile(5));
  expect(moved.status, moved.stderr).toBe(0);
  const [changeSet] = await changeSets(fleet.id);
  expect(moved.stderr).toContain('profile/told moves 1 bot');
  expect(moved.stderr).toContain(`told/anna  ${anna.desiredHash.replace('sha256:', '').slice(0, 12)} → `);
  expect(moved.stderr).toContain(`change set ${changeSet?.id}`);

  await make('policy-packs', {
    name: 'never-slow',
    isEnforced: true,
    targetTags: { told: 'yes' },
    rules: [{ id: 'not-slow', type: 'field_range', config: { field: 'spec.config.simulation.latencyMs', max: 500 } }],
  });
  const refused = await apply(profile(900));
  expect(refused.status, refused.stderr).toBe(1);
  expect(refused.stderr).toContain('bot/told/anna');
}, 120_000);
