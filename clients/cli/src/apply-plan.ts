// Carries a plan out: fleets and packs in order, then bots, several at a time.
import { z } from 'zod';
import { Bot, Fleet, PolicyPack, Published } from './answers.ts';
import { CliError, reworded } from './cli-error.ts';
import type { Client } from './client.ts';
import { concurrently } from './concurrently.ts';
import { type DesiredBot, type DesiredFleet, type DesiredPack, titleOf } from './desired.ts';
import { type Timeline, timelineOf } from './follow.ts';
import { note } from './output.ts';
import type { Step } from './plan.ts';
import type { Planned } from './read-plan.ts';
import { applyWaiver, type DesiredWaiver } from './waiver.ts';

export type BotChange = {
  readonly id: string;
  readonly title: string;
  /** Whether the change reaches the bot by itself: a fleet may release by hand. */
  readonly released: boolean;
  /** The bot's timeline, read up to the change. */
  readonly timeline: Timeline;
};

const writesAtOnce = 8;

export type Applied = { readonly changed: readonly BotChange[]; readonly refused: readonly CliError[] };

/**
 * A refused fleet, pack or waiver ends the work, since bots come after it; a refused bot does not keep the others from
 * theirs. A waiver for one bot comes after the bot.
 */
export const applyPlan = async (client: Client, plan: readonly Planned[]): Promise<Applied> => {
  for (const step of plan) if (isFleetStep(step)) await named(titleOf(step.desired), applyFleet(client, step));
  for (const step of plan) if (isPackStep(step)) await named(titleOf(step.desired), applyPack(client, step));
  const waivers = plan.filter(isWaiverStep);
  const applyWaivers = async (steps: typeof waivers) => {
    for (const step of steps) await named(titleOf(step.desired), applyWaiver(client, step));
  };
  await applyWaivers(waivers.filter((step) => step.desired.waiver.spec.bot === undefined));
  const fleets = await fleetsOf(client, plan);
  const results = await concurrently(plan.filter(isBotStep), writesAtOnce, async (step) => {
    try {
      const change = await named(titleOf(step.desired), applyBot(client, step, fleets));
      return change;
    } catch (error) {
      if (error instanceof CliError && error.status !== undefined) return error;
      throw error;
    }
  });
  const refused = results.filter((result) => result instanceof CliError);
  await applyWaivers(waivers.filter((step) => step.desired.waiver.spec.bot !== undefined));
  return { refused, changed: results.filter(isChange) };
};

const isChange = (result: BotChange | CliError | undefined): result is BotChange =>
  result !== undefined && !(result instanceof CliError);
const isFleetStep = (step: Planned): step is Step<DesiredFleet> => step.desired.kind === 'Fleet';
const isPackStep = (step: Planned): step is Step<DesiredPack> => step.desired.kind === 'PolicyPack';
const isWaiverStep = (step: Planned): step is Step<DesiredWaiver> => step.desired.kind === 'Waiver';
const isBotStep = (step: Planned): step is Step<DesiredBot> => step.desired.kind === 'MoltbotInstance';

const applyFleet = async (client: Client, step: Step<DesiredFleet>): Promise<void> => {
  const { metadata, spec } = step.desired.fleet;
  if (step.action === 'create')
    await client.post(Fleet, '/fleets', { name: metadata.name, ...spec }, (id) => `/fleets/${id}`);
  if (step.action !== 'change') return;
  const { environment: _, ...fields } = spec;
  await client.patch(z.unknown(), `/fleets/${step.id}`, fields);
};

const applyPack = async (client: Client, step: Step<DesiredPack>): Promise<void> => {
  const { metadata, spec } = step.desired.pack;
  if (step.action === 'create') {
    const body = { name: metadata.name, ...spec };
    await client.post(PolicyPack, '/policy-packs', body, (id) => `/policy-packs/${id}`);
  }
  if (step.action === 'change') await client.patch(z.unknown(), `/policy-packs/${step.id}`, spec);
};

const fleetsOf = async (client: Client, plan: readonly Planned[]): Promise<ReadonlyMap<string, Fleet>> => {
  const changing = plan.filter(isBotStep).filter((step) => step.action !== 'unchanged');
  const names = [...new Set(changing.map((step) => step.desired.fleetName))];
  const found = await concurrently(names, writesAtOnce, (name) => client.all(Fleet, '/fleets', { name }, 1));
  return new Map(found.flat().map((fleet) => [fleet.name, fleet]));
};

const applyBot = async (
  client: Client,
  step: Step<DesiredBot>,
  fleets: ReadonlyMap<string, Fleet>,
): Promise<BotChange | undefined> => {
  const { manifest, fleetName } = step.desired;
  const title = titleOf(step.desired);
  if (step.action === 'create') {
    const fleet = fleets.get(fleetName);
    if (fleet === undefined) throw new CliError(`the fleet '${fleetName}' is gone`);
    const bot = await client.post(
      Bot,
      '/bot-instances',
      { fleetId: fleet.id, manifest },
      (id) => `/bot-instances/${id}`,
    );
    return { id: bot.id, title, released: fleet.release?.mode !== 'manual', timeline: timelineOf(client, bot.id) };
  }
  if (step.action !== 'change') return undefined;
  const timeline = timelineOf(client, step.id);
  await timeline.next();
  const answer = await client.post(Published, `/bot-instances/${step.id}/manifests`, { manifest, reason: 'apply' });
  return { id: step.id, title, released: typeof answer.changeSetId === 'string', timeline };
};

const silenceMs = 3_000;

/** Says which document a refusal is about, and that the work goes on where it takes its time. */
const named = async <T>(title: string, work: Promise<T>): Promise<T> => {
  const telling = setTimeout(
    () => note(`${title}: still being checked; a version of OpenClaw that is new here is installed first`),
    silenceMs,
  );
  try {
    const result = await work;
    return result;
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    throw reworded(error, `${title}: ${error.message}`);
  } finally {
    clearTimeout(telling);
  }
};
