// Two rollouts in waves for the demo: one reaches every bot, one is taken back when its first bot is not well.
import type { Release } from '@molthub/contracts';
import pc from 'picocolors';
import { ChangeSet, Fleet, StoredManifest } from './answers.ts';
import { watchChangeSet } from './change-set.ts';
import type { Client } from './client.ts';
import { wavesBots, wavesFleetName, wavesManifest } from './demo-fleet.ts';
import { apply, converge, latencyOf, place, simulatedTimeoutMs } from './demo-steps.ts';
import { type Desired, desiredAs } from './desired.ts';
import { botKind } from './document-kinds/bot.ts';
import { fleetKind } from './document-kinds/fleet.ts';
import { findBot } from './find.ts';
import { note } from './output.ts';

const atOnce: Release = { mode: 'auto', strategy: { kind: 'ALL' } };
const inWaves: Release = {
  mode: 'manual',
  strategy: { kind: 'CANARY', canary: { count: 1 }, steps: [50, 100], gates: { health: {} } },
};

type Version = Parameters<typeof wavesManifest>[1];

const documents = (release: Release, version: Version): Desired[] => [
  desiredAs(
    fleetKind,
    {
      apiVersion: 'molthub/v1',
      kind: 'Fleet',
      metadata: { name: wavesFleetName },
      spec: { environment: 'dev', description: 'New versions come in waves here', release },
    },
    { ...place, number: 1 },
  ),
  ...Array.from({ length: wavesBots }, (_, index) =>
    desiredAs(botKind, wavesManifest(index + 1, version), { ...place, number: index + 2 }),
  ),
];

/** The ids of both change sets. */
export const rollOutInWaves = async (client: Client): Promise<readonly string[]> => {
  note(`${pc.bold('3.')} two rollouts in waves, in a fleet of their own: ${wavesFleetName}`);
  const [fleet] = await client.all(Fleet, '/fleets', { name: wavesFleetName }, 1);
  if (fleet === undefined)
    await converge(client, documents(atOnce, { latencyMs: 200, isWell: true }), simulatedTimeoutMs);
  // Another one than they have, so that there is a change also the second time.
  const first = await findBot(
    client,
    `${wavesFleetName}/${wavesManifest(1, { latencyMs: 0, isWell: true }).metadata.name}`,
  );
  const current = await client.get(StoredManifest, `/bot-instances/${first.id}/manifests/${first.manifestVersion}`);
  const latencyMs = latencyOf(current) === 120 ? 240 : 120;
  const better = await rollOut(client, 'quicker', { latencyMs, isWell: true }, first.fleetId);
  const worse = await rollOut(client, 'unwell', { latencyMs, isWell: false }, first.fleetId);
  return [better, worse];
};

const rollOut = async (client: Client, name: string, version: Version, fleetId: string): Promise<string> => {
  await apply(client, documents(inWaves, version));
  const changeSet = await client.post(
    ChangeSet,
    '/change-sets',
    { name, targets: { fleetId }, strategy: inWaves.strategy, onConflict: 'SUPERSEDE', reason: `demo: ${name}` },
    (id) => `/change-sets/${id}`,
  );
  await client.post(ChangeSet, `/change-sets/${changeSet.id}/start`, {}, (id) => `/change-sets/${id}`);
  const { status, message } = await watchChangeSet(client, changeSet.id, simulatedTimeoutMs);
  note(`   ${name}: change set ${changeSet.id} ${status}${message === '' ? '' : `, ${message}`}`);
  return changeSet.id;
};
