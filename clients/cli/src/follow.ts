// Waiting for a bot to be what it is to be, telling its timeline meanwhile.
import { setTimeout as wait } from 'node:timers/promises';
import { z } from 'zod';
import { Bot, isAssigned, isConverged, TimelineItem } from './answers.ts';
import type { Client } from './client.ts';

export type Following =
  | { readonly outcome: 'converged'; readonly bot: Bot }
  | { readonly outcome: 'failed'; readonly bot: Bot; readonly message: string }
  | { readonly outcome: 'timeout'; readonly bot: Bot };

const pollMs = 300;
/** A manifest that cannot be applied as it is; anything else the reconciler tries again. */
const isFinal = (bot: Bot): boolean => isAssigned(bot) && bot.status === 'ERROR' && bot.lastError?.permanent === true;

/**
 * Looks at a bot until its target reports the desired generation and hash, until it failed for good, or until the
 * time is over. `tell` gets each line of its timeline that `timeline` has not given yet, once and in order.
 */
export const followBot = async (
  client: Client,
  botId: string,
  options: { timeoutMs: number; tell: (item: TimelineItem) => void; timeline?: Timeline },
): Promise<Following> => {
  const end = Date.now() + options.timeoutMs;
  const timeline = options.timeline ?? timelineOf(client, botId);
  for (;;) {
    const bot = await client.get(Bot, `/bot-instances/${botId}`);
    for (const item of await timeline.next()) options.tell(item);
    if (isConverged(bot)) return { outcome: 'converged', bot };
    if (isFinal(bot)) return { outcome: 'failed', bot, message: bot.lastError?.message ?? 'no reason was given' };
    if (Date.now() >= end) return { outcome: 'timeout', bot };
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
