// Waiting for a bot to be what it is to be, telling its timeline meanwhile.
import { setTimeout as wait } from 'node:timers/promises';
import { z } from 'zod';
import { Bot, isAssigned, isConverged, TimelineItem } from './answers.ts';
import { CliError } from './cli-error.ts';
import type { Client } from './client.ts';
import { whyUnreleased } from './unreleased.ts';

export type Following =
  | { readonly outcome: 'converged'; readonly bot: Bot }
  /** It cannot get there as it is; or a person has to hand it over, or to start it. */
  | { readonly outcome: 'failed' | 'manual'; readonly message: string }
  | { readonly outcome: 'timeout'; readonly bot: Bot }
  | { readonly outcome: 'gone' };

const pollMs = 300;
/** Every so many looks it is asked why a bot was not handed its newest version, which mostly takes a moment only. */
export const looksPerQuestion = 5;
/** A manifest that cannot be applied as it is; anything else the reconciler tries again. */
const isFinal = (bot: Bot): boolean => isAssigned(bot) && bot.status === 'ERROR' && bot.lastError?.permanent === true;

/** What a bot is now; with `asks` also why it was not handed what it waits for. */
export const lookAtBot = async (client: Client, botId: string, asks: boolean): Promise<Following> => {
  const bot = await foundBot(client, botId);
  if (bot === undefined) return { outcome: 'gone' };
  if (isConverged(bot)) return { outcome: 'converged', bot };
  if (isFinal(bot)) return { outcome: 'failed', message: bot.lastError?.message ?? 'no reason was given' };
  if (isAssigned(bot) && bot.status === 'STOPPED') {
    return { outcome: 'manual', message: bot.lastError?.message ?? 'it is stopped; start it' };
  }
  const why = asks && !isAssigned(bot) ? await whyUnreleased(client, bot) : undefined;
  return why ?? { outcome: 'timeout', bot };
};

const foundBot = async (client: Client, id: string): Promise<Bot | undefined> => {
  try {
    return await client.get(Bot, `/bot-instances/${id}`);
  } catch (error) {
    if (error instanceof CliError && error.status === 404) return undefined;
    throw error;
  }
};

/**
 * Looks at a bot until its target reports the desired generation and hash, until that cannot be as it is, or until the
 * time is over. `tell` gets each line of its timeline that `timeline` has not given yet, once and in order.
 */
export const followBot = async (
  client: Client,
  botId: string,
  options: { timeoutMs: number; tell: (item: TimelineItem) => void; timeline?: Timeline },
): Promise<Following> => {
  const end = Date.now() + options.timeoutMs;
  const timeline = options.timeline ?? timelineOf(client, botId);
  for (let looks = 1; ; looks += 1) {
    const isOver = Date.now() >= end;
    const following = await lookAtBot(client, botId, isOver || looks % looksPerQuestion === 0);
    if (following.outcome === 'gone') return following;
    for (const item of await timeline.next()) options.tell(item);
    if (isOver || following.outcome !== 'timeout') return following;
    await wait(pollMs);
  }
};

export type Timeline = {
  /** What came since the last call, oldest first. */
  readonly next: () => Promise<TimelineItem[]>;
};

const Page = z.looseObject({ items: z.array(TimelineItem), nextCursor: z.string().nullish() });

/** Reads a bot's timeline on and on; each call goes on from the page where the last one ended. */
export const timelineOf = (client: Client, botId: string): Timeline => {
  let cursor: string | undefined;
  let last = 0;
  return {
    next: async () => {
      const news: TimelineItem[] = [];
      for (;;) {
        const page = await client.get(Page, `/bot-instances/${botId}/events`, { cursor, limit: 500 });
        news.push(...page.items.filter((item) => item.sequence > last));
        last = Math.max(last, ...page.items.map((item) => item.sequence));
        if (!page.nextCursor) return news;
        cursor = page.nextCursor;
      }
    },
  };
};
