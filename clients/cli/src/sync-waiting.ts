// What of a commit has not reached its bots, told apart by what it waits for: time, a correction, or a person.
import type { Problem } from '@molthub/contracts';
import { z } from 'zod';
import type { Client } from './client.ts';
import type { BotChange, KnownBot, LayerChange } from './document-kind.ts';
import { movedByLayer } from './moved-by-layer.ts';
import { unreleased } from './unreleased.ts';
import { waitForBots } from './wait-for-bots.ts';

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

export type Sent = {
  readonly changed: readonly BotChange[];
  readonly layers: readonly LayerChange[];
  /** Bots and layers that were found as they are to be: whether what was sent earlier has reached them is not known. */
  readonly others: readonly KnownBot[];
  readonly earlier: readonly LayerChange[];
};
type Options = { readonly waitMs: number; readonly stop: AbortSignal };

/** Waits for all of it; an empty list means that it has reached its bots. */
export const waitForSent = async (client: Client, sent: Sent, { waitMs, stop }: Options): Promise<Waiting[]> => {
  const end = Date.now() + waitMs;
  const waiting: Waiting[] = [];
  const bots = new Map<string, KnownBot>();
  const heard = new Set<string>();
  for (const bot of sent.changed) {
    if (bot.released) continue;
    const message = unreleased('its fleet releases manually', 'start a change set for it');
    waiting.push({ path: bot.title, message, state: 'manual', botId: bot.id });
    heard.add(bot.id);
  }
  const layers = [
    ...sent.layers.map((layer) => ({ layer, isQuiet: false })),
    ...sent.earlier.map((layer) => ({ layer, isQuiet: true })),
  ];
  for (const { layer, isQuiet } of layers) {
    const moved = await movedByLayer(client, layer, { end, wait: true, stop, isQuiet });
    waiting.push(...moved.problems.map((problem) => ({ ...waitingOf(problem), layer })));
    for (const { id } of moved.held) heard.add(id);
    for (const bot of moved.bots) bots.set(bot.id, bot);
  }
  for (const bot of [...sent.others, ...sent.changed]) bots.set(bot.id, bot);
  const awaited = [...bots.values()].filter(({ id }) => !heard.has(id));
  const timeoutMs = Math.max(end - Date.now(), 0);
  const problems = await waitForBots(client, awaited, { timeoutMs, timelines: false, stop });
  const ids = new Map(awaited.map(({ title, id }) => [title, id]));
  return [...waiting, ...problems.map((problem) => ({ ...waitingOf(problem), botId: ids.get(problem.path) }))];
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
  const sent: Sent = { changed: [], layers: [], others, earlier: [...layers.values()] };
  return [...rest, ...(await waitForSent(client, sent, options))];
};

const waitingOf = ({ path, message, code }: Problem): Waiting => ({
  path,
  message,
  state: code === 'timeout' ? 'late' : code === 'manual' ? 'manual' : 'failed',
});
