// What of a commit has not reached its bots, told apart by what it waits for: time, a correction, or a person.
import type { Problem } from '@molthub/contracts';
import { z } from 'zod';
import { type Bot, ChangeSetStatus, isAssigned } from './answers.ts';
import { isGoing, whyByHand } from './change-set.ts';
import { CliError } from './cli-error.ts';
import type { Client } from './client.ts';
import { concurrently } from './concurrently.ts';
import type { BotChange, LayerChange } from './document-kind.ts';
import { followBot, type Following, timelineOf } from './follow.ts';
import { waitForBots } from './wait-for-bots.ts';
import { waitForLayers } from './wait-for-layers.ts';

export const Waiting = z.looseObject({
  path: z.string(),
  message: z.string(),
  /** Not there in time; cannot get there as it is; a person has to start it. */
  state: z.enum(['late', 'failed', 'manual']).catch('late'),
  /** What to look at again: a bot, or the change of a layer. */
  botId: z.string().optional(),
  layer: z.object({ title: z.string(), path: z.string(), version: z.int() }).optional(),
});
export type Waiting = z.infer<typeof Waiting>;

type Known = Pick<BotChange, 'id' | 'title'>;
export type Sent = {
  readonly changed: readonly BotChange[];
  readonly layers: readonly LayerChange[];
  /** Bots that were found as they are to be: whether what was sent earlier has reached them is not known. */
  readonly others: readonly Known[];
};
type Options = { readonly waitMs: number; readonly stop: AbortSignal };

/** Waits for all of it; an empty list means that it has reached its bots. */
export const waitForSent = async (client: Client, sent: Sent, { waitMs, stop }: Options): Promise<Waiting[]> => {
  const end = Date.now() + waitMs;
  const moved = new Set<string>();
  const waiting: Waiting[] = [];
  for (const layer of sent.layers) {
    const problems = await waitForLayers(client, [layer], { end, wait: true, stop, moves: (id) => moved.add(id) });
    waiting.push(...problems.map((problem) => ({ ...waitingOf(problem), layer })));
  }
  const manual = sent.changed.filter(({ released }) => !released);
  waiting.push(...manual.map((bot) => unreleased(bot, 'its fleet releases manually')));
  const looked = await concurrently(
    sent.others.filter(({ id }) => !moved.has(id)),
    looksAtOnce,
    (bot) => look(client, bot),
  );
  waiting.push(...looked.flatMap(({ told }) => told ?? []));
  const late = looked.flatMap(({ late: bot }) => (bot === undefined ? [] : [changeOf(client, bot)]));
  const awaited = [...sent.changed.filter(({ released }) => released), ...late];
  const timeoutMs = Math.max(end - Date.now(), 0);
  const problems = await waitForBots(client, awaited, { timeoutMs, timelines: false, stop });
  const byBots = await concurrently(problems, looksAtOnce, (problem) => toldOf(client, awaited, problem));
  return [...waiting, ...byBots.flat()];
};

/** Looks again at what an earlier run left waiting; what is gone by now is waited for no more. */
export const lookAgain = async (
  client: Client,
  waiting: readonly Waiting[],
  options: Options,
): Promise<readonly Waiting[]> => {
  const others = waiting.flatMap(({ path: title, botId: id }) => (id === undefined ? [] : [{ id, title }]));
  const layers = new Map(waiting.flatMap(({ layer }) => (layer === undefined ? [] : [[layer.title, layer] as const])));
  const rest = waiting.filter(({ botId, layer }) => botId === undefined && layer === undefined);
  return [...rest, ...(await waitForSent(client, { changed: [], layers: [...layers.values()], others }, options))];
};

const looksAtOnce = 4;

const waitingOf = ({ path, message, code }: Problem): Waiting => ({
  path,
  message,
  state: code === 'timeout' ? 'late' : code === 'manual' ? 'manual' : 'failed',
});

/** A bot that is late may also be one that nobody has released. */
const toldOf = async (client: Client, bots: readonly Known[], problem: Problem): Promise<readonly Waiting[]> => {
  const bot = bots.find(({ title }) => title === problem.path);
  if (bot === undefined) return [waitingOf(problem)];
  const told = { ...waitingOf(problem), botId: bot.id };
  if (told.state !== 'late') return [told];
  const looked = await look(client, bot);
  return looked.late === undefined ? (looked.told ?? []) : [told];
};

const unreleased = ({ id, title }: Known, why: string): Waiting => ({
  path: title,
  message: `is not released: ${why}; start a change set for it`,
  state: 'manual',
  botId: id,
});

const changeOf = (client: Client, { id, title }: Known): BotChange => ({
  id,
  title,
  released: true,
  timeline: timelineOf(client, id),
});

/** What there is to tell of a bot; `late` is one that may still come by itself. */
type Looked = { readonly told?: readonly Waiting[]; readonly late?: Known };

const look = async (client: Client, bot: Known): Promise<Looked> => {
  const seen = await lookAt(client, bot.id);
  if (seen === undefined || seen.outcome === 'converged') return {};
  if (seen.outcome === 'failed') {
    return { told: [{ path: bot.title, message: seen.message, state: 'failed', botId: bot.id }] };
  }
  const why = await whyUnreleased(client, seen.bot);
  return why === undefined ? { late: bot } : { told: [unreleased(bot, why)] };
};

const lookAt = async (client: Client, id: string): Promise<Following | undefined> => {
  try {
    return await followBot(client, id, {
      timeoutMs: 0,
      timeline: { next: async () => [] },
      tell: () => undefined,
    });
  } catch (error) {
    if (error instanceof CliError && error.status === 404) return undefined;
    throw error;
  }
};

const ListedChangeSet = ChangeSetStatus.pick({ status: true });
/** The newest of a bot: older ones are over. */
const changeSetsMax = 20;

/** Why somebody has to release it, where nobody has started a change set for it. */
const whyUnreleased = async (client: Client, bot: Bot): Promise<string | undefined> => {
  if (isAssigned(bot)) return undefined;
  const why = await whyByHand(client, bot.fleetId);
  if (why === undefined) return undefined;
  const own = await client.all(ListedChangeSet, '/change-sets', { botInstanceId: bot.id }, changeSetsMax);
  return own.some(({ status }) => isGoing(status)) ? undefined : why;
};
