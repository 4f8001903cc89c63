// Compares documents with the server, and says what would change.
import pc from 'picocolors';
import { Bot, Fleet, PolicyPack, StoredManifest } from './answers.ts';
import type { Client } from './client.ts';
import { concurrently } from './concurrently.ts';
import { type Desired, type DesiredBot, type DesiredFleet, type DesiredPack, titleOf } from './desired.ts';
import { cell } from './output.ts';
import { botStep, fleetStep, packStep, type Step } from './plan.ts';
import { printable } from './printable.ts';
import { unreachable } from './unreachable.ts';
import { veiled } from './veiled.ts';
import { type DesiredWaiver, planWaiver } from './waiver.ts';

export type Planned = Step<DesiredFleet> | Step<DesiredPack> | Step<DesiredWaiver> | Step<DesiredBot>;

const readsAtOnce = 8;

/** One step per document: fleets first, then packs and waivers, then the bots that they judge, each in the order they were written. */
export const planFor = async (client: Client, desired: readonly Desired[]): Promise<Planned[]> => {
  const fleets = desired.filter((one) => one.kind === 'Fleet');
  const packs = desired.filter((one) => one.kind === 'PolicyPack');
  const waivers = desired.filter((one) => one.kind === 'Waiver');
  const bots = desired.filter((one) => one.kind === 'MoltbotInstance');
  const known = await knownFleets(client, fleets, bots);
  return [
    ...fleets.map((fleet) => fleetStep(fleet, known.get(fleet.fleet.metadata.name))),
    ...(await concurrently(packs, readsAtOnce, (pack) => planPack(client, pack))),
    ...(await concurrently(waivers, readsAtOnce, (waiver) => planWaiver(client, waiver))),
    ...(await concurrently(bots, readsAtOnce, (bot) => planBot(client, bot, known, fleets))),
  ];
};

const knownFleets = async (
  client: Client,
  fleets: readonly DesiredFleet[],
  bots: readonly DesiredBot[],
): Promise<ReadonlyMap<string, Fleet>> => {
  const names = new Set([...fleets.map((one) => one.fleet.metadata.name), ...bots.map((bot) => bot.fleetName)]);
  const found = await concurrently([...names], readsAtOnce, (name) => client.all(Fleet, '/fleets', { name }, 1));
  return new Map(found.flat().map((fleet) => [fleet.name, fleet]));
};

const planPack = async (client: Client, desired: DesiredPack): Promise<Step<DesiredPack>> => {
  const [pack] = await client.all(PolicyPack, '/policy-packs', { name: desired.pack.metadata.name }, 1);
  return packStep(desired, pack);
};

const planBot = async (
  client: Client,
  desired: DesiredBot,
  known: ReadonlyMap<string, Fleet>,
  coming: readonly DesiredFleet[],
): Promise<Step<DesiredBot>> => {
  const name = desired.manifest.metadata.name;
  const fleet = known.get(desired.fleetName);
  if (fleet === undefined) {
    if (coming.some((one) => one.fleet.metadata.name === desired.fleetName)) return { action: 'create', desired };
    const reason = `there is no fleet '${desired.fleetName}', and no document describes one`;
    return { action: 'impossible', desired, reason };
  }
  const [bot] = await client.all(Bot, '/bot-instances', { name, fleetId: fleet.id }, 1);
  if (bot === undefined) return { action: 'create', desired };
  const path = `/bot-instances/${bot.id}/manifests/${bot.manifestVersion}`;
  const { manifest } = await client.get(StoredManifest, path);
  return botStep(desired, { id: bot.id, manifest });
};

/** The plan as people read it: one line per thing, one more per changed field, and the sum. */
export const planText = (plan: readonly Planned[]): string => {
  const count = (action: Planned['action']) => plan.filter((step) => step.action === action).length;
  const sum = `${count('create')} to create, ${count('change')} to change, ${count('unchanged')} unchanged`;
  return [...plan.flatMap(stepLines), sum].join('\n');
};

const stepLines = (step: Planned): string[] => {
  const title = titleOf(step.desired);
  switch (step.action) {
    case 'create':
      return [pc.green(`+ ${title}`)];
    case 'change':
      return [pc.yellow(`~ ${title}`), ...step.changes.map(({ path, from, to }) => changeLine(path, from, to))];
    case 'unchanged':
      return [pc.dim(`= ${title}`)];
    case 'impossible':
      return [pc.red(`! ${title}`)];
    default:
      return unreachable(step);
  }
};

const changeLine = (path: string, from: unknown, to: unknown): string =>
  `    ${printable(path)}: ${pc.red(cell(veiled(from, path)))} → ${pc.green(cell(veiled(to, path)))}`;
