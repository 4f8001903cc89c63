// What the demo does with a server, step by step, over the same calls that `apply` makes.
import { setTimeout as wait } from 'node:timers/promises';
import pc from 'picocolors';
import { z } from 'zod';
import { Bot, Loose, Published, StoredManifest } from './answers.ts';
import { applyPlan } from './apply-plan.ts';
import { watchChangeSet } from './change-set.ts';
import { CliError } from './cli-error.ts';
import type { Client } from './client.ts';
import { demoFleetName, demoManifest, demoName } from './demo-fleet.ts';
import { type Desired, desiredAs } from './desired.ts';
import type { BotChange } from './document-kind.ts';
import { botKind } from './document-kinds/bot.ts';
import { fleetKind } from './document-kinds/fleet.ts';
import { findBot } from './find.ts';
import { valueAt } from './kinds.ts';
import { desiredFrom } from './manifest-files.ts';
import { amount, note } from './output.ts';
import { planFor } from './read-plan.ts';
import { waitForBots } from './wait-for-bots.ts';

/** Where the demo's documents stand: in no file. */
export const place = { file: 'demo', line: 1, lineOf: () => 1 };
export const simulatedTimeoutMs = 180_000;
/** A real bot's runtime is installed first, from npm. */
const realTimeoutMs = 600_000;

/** Creates what is missing of the fleet, waits until every bot runs, and adds the real one where it is wanted. */
export const bringUp = async (client: Client, bots: number, realBotPath: string | undefined): Promise<void> => {
  note(`${pc.bold('1.')} a fleet of ${amount(bots, 'simulated bot')}`);
  await converge(client, demoDocuments(bots), simulatedTimeoutMs);
  if (realBotPath === undefined) return;
  note(`${pc.bold('+')}  a real OpenClaw bot; its runtime is installed the first time`);
  await converge(client, await desiredFrom([realBotPath]), realTimeoutMs);
};

const demoDocuments = (bots: number): Desired[] => [
  desiredAs(
    fleetKind,
    {
      apiVersion: 'molthub/v1',
      kind: 'Fleet',
      metadata: { name: demoFleetName },
      spec: { environment: 'dev', description: 'Simulated bots of the demo' },
    },
    { ...place, number: 1 },
  ),
  ...Array.from({ length: bots }, (_, index) =>
    desiredAs(botKind, demoManifest(index + 1), { ...place, number: index + 2 }),
  ),
];

export const apply = async (client: Client, desired: readonly Desired[]): Promise<readonly BotChange[]> => {
  const { changed, refused } = await applyPlan(client, await planFor(client, desired));
  const [first] = refused;
  if (first !== undefined) throw first;
  return changed;
};

export const converge = async (client: Client, desired: readonly Desired[], timeoutMs: number): Promise<void> => {
  const changed = await apply(client, desired);
  const problems = await waitForBots(client, changed, { timeoutMs, timelines: changed.length === 1 });
  if (problems.length > 0) throw new CliError('not every bot of the demo came up', { problems });
  note(changed.length === 0 ? '   as it was left' : `   converged: ${changed.length} created or changed`);
};

const Simulated = z.looseObject({
  spec: z.looseObject({ config: z.looseObject({ simulation: z.looseObject({ latencyMs: z.number() }) }) }),
});

export const latencyOf = ({ manifest }: z.infer<typeof StoredManifest>): number =>
  Simulated.parse(manifest).spec.config.simulation.latencyMs;

/** Gives the first bot another latency, so that there is a change to see, also the second time. */
export const changeOne = async (client: Client): Promise<{ bot: Bot; changeSetId: string | undefined }> => {
  const bot = await findBot(client, `${demoFleetName}/${demoName(1)}`);
  note(`${pc.bold('2.')} a new version of ${bot.name}`);
  const current = await client.get(StoredManifest, `/bot-instances/${bot.id}/manifests/${bot.manifestVersion}`);
  const { version, changeSetId } = await client.post(Published, `/bot-instances/${bot.id}/manifests`, {
    manifest: demoManifest(1, latencyOf(current) === 80 ? 240 : 80),
    reason: 'demo: another latency',
  });
  if (!changeSetId) return { bot, changeSetId: undefined };
  const { status } = await watchChangeSet(client, changeSetId, simulatedTimeoutMs);
  note(`   version ${version} was rolled out: change set ${changeSetId} ${status}`);
  return { bot, changeSetId };
};

/** The id of a trace that a bot sent, or undefined where none came in half a minute. */
export const firstTrace = async (client: Client): Promise<string | undefined> => {
  const end = Date.now() + 30_000;
  for (;;) {
    const [trace] = await client.all(Loose, '/traces', {}, 1);
    const id = z.string().safeParse(valueAt(trace, 'traceId'));
    if (id.success) return id.data;
    if (Date.now() > end) return undefined;
    await wait(500);
  }
};
