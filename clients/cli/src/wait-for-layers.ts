// Tells which bots a changed layer moves, and follows the change sets that move them.
import { setTimeout as wait } from 'node:timers/promises';
import type { Problem } from '@molthub/contracts';
import pc from 'picocolors';
import { ChangeSet, LayerChanged, PlannedBot } from './answers.ts';
import { isEnded, watchChangeSet, whyByHand } from './change-set.ts';
import { CliError } from './cli-error.ts';
import type { Client } from './client.ts';
import type { LayerChange } from './document-kind.ts';
import { amount, note } from './output.ts';
import { printable } from './printable.ts';

type Options = {
  /** When the time is over, in ms since 1970. */
  readonly end: number;
  /** Otherwise only the change sets are named, not waited for. */
  readonly wait: boolean;
  /** Nothing is waited for after it. */
  readonly stop?: AbortSignal;
  /** Told of each bot that is moved. */
  readonly moves?: (botId: string) => void;
};

const pollMs = 200;
const hashShown = 12;

/**
 * Answers what is wrong with the bots that the layers move; an empty list means that all of them are moved. What waits for
 * a person to start it has the code `manual`.
 */
export const waitForLayers = async (
  client: Client,
  layers: readonly LayerChange[],
  options: Options,
): Promise<Problem[]> => {
  const problems: Problem[] = [];
  for (const layer of layers) problems.push(...(await waitForLayer(client, layer, options)));
  return problems;
};

const waitForLayer = async (client: Client, layer: LayerChange, options: Options): Promise<Problem[]> => {
  const change = await foundBots(client, layer, options);
  if (change === undefined) {
    const message = 'which bots it moves was not known when the time was over';
    return [{ path: layer.title, code: 'timeout', message }];
  }
  if ('code' in change) return [{ path: layer.title, ...change }];
  if (change.bots === 0) note(`${layer.title} moves no bot`);
  else note(pc.bold(`${layer.title} moves ${amount(change.bots, 'bot')}`));
  const problems: Problem[] = [];
  for (const id of change.changeSetIds) {
    if (options.wait) problems.push(...(await waitForChangeSet(client, layer.title, id, options)));
    else note(`  by change set ${id}; molthub rollout status ${id} --watch shows how it goes`);
  }
  return problems;
};

/** Looks until there is something or the time is over; it looks once at least. */
const sought = async <T>({ end, stop }: Options, look: () => Promise<T | undefined>): Promise<T | undefined> => {
  for (;;) {
    const found = await look();
    if (found !== undefined || Date.now() >= end || stop?.aborted === true) return found;
    await wait(pollMs);
  }
};

/** The bots that it moves, or why it moves none. */
const foundBots = (client: Client, { path, version }: LayerChange, options: Options) =>
  sought(options, async () => {
    const [change] = await client.all(LayerChanged, `${path}/changes`, { version }, 1);
    if (change?.refused) return change.refused;
    const { bots, changeSetIds } = change ?? { bots: null, changeSetIds: [] };
    return bots === null ? undefined : { bots, changeSetIds };
  });

/** A change set is planned once each of its bots is judged; until then there is none. */
const planned = (client: Client, id: string, options: Options): Promise<ChangeSet | undefined> =>
  sought(options, async () => {
    try {
      return await client.get(ChangeSet, `/change-sets/${id}`);
    } catch (error) {
      if (error instanceof CliError && error.status === 404) return undefined;
      throw error;
    }
  });

const waitForChangeSet = async (client: Client, title: string, id: string, options: Options): Promise<Problem[]> => {
  const plan = await planned(client, id, options);
  const path = `${title}, change set ${id}`;
  if (plan === undefined) return [{ path, code: 'timeout', message: 'not planned when the time was over' }];
  const bots = await client.all(PlannedBot, `/change-sets/${id}/plan`);
  for (const bot of bots) {
    note(movesLine(plan, bot));
    options.moves?.(bot.botInstanceId);
  }
  const refused = refusalsOf(path, plan);
  const why = plan.status === 'PLANNED' ? await whyByHand(client, plan.fleetId) : undefined;
  if (why !== undefined) {
    const message = `is not started: ${why}; molthub rollout start ${id}`;
    note(`  change set ${id} ${message}`);
    return [...refused, { path, code: 'manual', message }];
  }
  const leftMs = Math.max(options.end - Date.now(), 0);
  const { status, message } = isEnded(plan) ? plan : await watchChangeSet(client, id, leftMs, options.stop);
  if (status === 'SUCCEEDED') return refused;
  return [...refused, ...(await unfinished(client, { id, path, fleetName: plan.fleetName, status, message }))];
};

/** Such as `support/anna  3f2a… → 91bc…  change set 018f…`. */
const movesLine = ({ id, fleetName }: ChangeSet, { name, before, after }: PlannedBot): string => {
  const from = before === null ? 'nothing' : before.hash.slice(0, hashShown);
  const bot = printable(`${fleetName}/${name}`);
  return `  ${bot}  ${from} → ${after.hash.slice(0, hashShown)}  change set ${id}`;
};

/** The bots whose new version was not taken; the change set names the first of them only. */
const refusalsOf = (path: string, { fleetName, refused, refusedBots }: ChangeSet): Problem[] => {
  const named = refusedBots.map(({ botName, code, message }) => ({
    path: `bot/${fleetName}/${botName}`,
    code,
    message,
  }));
  const more = refused - refusedBots.length;
  if (more <= 0) return named;
  return [...named, { path, code: 'refused', message: `${amount(more, 'more bot')} refused` }];
};

type Unfinished = {
  readonly id: string;
  readonly path: string;
  readonly fleetName: string;
  readonly status: string;
  readonly message: string;
};

/** The change set, and each of its bots that failed. */
const unfinished = async (client: Client, { id, path, fleetName, status, message }: Unfinished): Promise<Problem[]> => {
  const why = message === '' ? '' : `: ${message}`;
  if (!isEnded({ status })) return [{ path, code: 'timeout', message: `still ${status} when the time was over${why}` }];
  const failed = await client.all(PlannedBot, `/change-sets/${id}/plan`, { state: 'FAILED' });
  return [
    { path, code: 'failed', message: `ended as ${status}${why}` },
    ...failed.map((bot) => ({ path: `bot/${fleetName}/${bot.name}`, code: 'failed', message: bot.message })),
  ];
};
