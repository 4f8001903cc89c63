// Compares documents with the server, and says what would change.
import pc from 'picocolors';
import { Bot, Fleet, Layer, PolicyPack, StoredManifest } from './answers.ts';
import type { Client } from './client.ts';
import { concurrently } from './concurrently.ts';
import {
  type Desired,
  type DesiredBot,
  type DesiredFleet,
  type DesiredLayer,
  type DesiredPack,
  titleOf,
} from './desired.ts';
import { fieldsOf, fleetNamesOf, layerPaths } from './layer-documents.ts';
import { cell } from './output.ts';
import { botStep, fleetStep, layerStep, packStep, type Step } from './plan.ts';
import { printable } from './printable.ts';
import { unreachable } from './unreachable.ts';
import { veiled } from './veiled.ts';

export type Planned = Step<DesiredFleet> | Step<DesiredPack> | Step<DesiredLayer> | Step<DesiredBot>;

export const isLayer = (desired: Desired): desired is DesiredLayer => Object.hasOwn(layerPaths, desired.kind);

const readsAtOnce = 8;

/**
 * One step per document: fleets first, then packs, layers, and the bots that they judge and reach, each in the order they
 * were written.
 */
export const planFor = async (client: Client, desired: readonly Desired[]): Promise<Planned[]> => {
  const fleets = desired.filter((one) => one.kind === 'Fleet');
  const packs = desired.filter((one) => one.kind === 'PolicyPack');
  const bots = desired.filter((one) => one.kind === 'MoltbotInstance');
  const layers = desired.filter(isLayer);
  const named = [
    ...bots.map((bot) => bot.fleetName),
    ...layers.flatMap(({ layer }) => fleetNamesOf(layer)),
    ...fleets.map((one) => one.fleet.metadata.name),
  ];
  const known = await knownFleets(client, named);
  return [
    ...fleets.map((fleet) => fleetStep(fleet, known.get(fleet.fleet.metadata.name))),
    ...(await concurrently(packs, readsAtOnce, (pack) => planPack(client, pack))),
    ...(await concurrently(layers, readsAtOnce, (layer) => planLayer(client, layer, known, fleets))),
    ...(await concurrently(bots, readsAtOnce, (bot) => planBot(client, bot, known, fleets))),
  ];
};

const knownFleets = async (client: Client, named: readonly string[]): Promise<ReadonlyMap<string, Fleet>> => {
  const found = await concurrently([...new Set(named)], readsAtOnce, (name) =>
    client.all(Fleet, '/fleets', { name }, 1),
  );
  return new Map(found.flat().map((fleet) => [fleet.name, fleet]));
};

const planLayer = async (
  client: Client,
  desired: DesiredLayer,
  known: ReadonlyMap<string, Fleet>,
  coming: readonly DesiredFleet[],
): Promise<Step<DesiredLayer>> => {
  const name = desired.layer.metadata.name;
  // The id of a fleet that is still to be made is not known, and none that the server has.
  const idOf = (fleet: string) =>
    known.get(fleet)?.id ?? (coming.some((one) => one.fleet.metadata.name === fleet) ? fleet : undefined);
  const missing = fleetNamesOf(desired.layer).find((fleet) => idOf(fleet) === undefined);
  if (missing !== undefined) {
    const reason = `there is no fleet '${missing}', and no document describes one`;
    return { action: 'impossible', desired, reason };
  }
  const [layer] = await client.all(Layer, layerPaths[desired.kind], { name }, 1);
  return layerStep(desired, fieldsOf(desired.layer, idOf), layer);
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
