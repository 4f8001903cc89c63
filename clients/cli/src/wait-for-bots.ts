// Follows changed bots until each is what it is to be.
import { setTimeout as wait } from 'node:timers/promises';
import type { Problem } from '@molthub/contracts';
import pc from 'picocolors';
import type { Client } from './client.ts';
import { concurrently } from './concurrently.ts';
import type { BotChange } from './document-kind.ts';
import { followBot, type Following } from './follow.ts';
import { note } from './output.ts';
import { progress } from './progress.ts';
import { timelineLine } from './timeline-line.ts';
import { unreachable } from './unreachable.ts';

const readsAtOnce = 4;

/**
 * Answers what is wrong with those that did not get there in time; an empty list means that all did. With `timelines`
 * every step of every bot is told, otherwise a bar says how many are done.
 */
export const waitForBots = async (
  client: Client,
  bots: readonly BotChange[],
  options: { timeoutMs: number; timelines: boolean; stop?: AbortSignal },
): Promise<Problem[]> => {
  if (bots.length === 0) return [];
  const end = Date.now() + options.timeoutMs;
  const follow = (bot: BotChange, timeoutMs: number) =>
    followBot(client, bot.id, {
      timeoutMs,
      timeline: options.timelines ? bot.timeline : { next: async () => [] },
      tell: (item) => note(timelineLine(item)),
    });
  if (options.timelines) {
    const problems: Problem[] = [];
    for (const bot of bots) {
      note(pc.bold(bot.title));
      const outcome = await follow(bot, Math.max(end - Date.now(), 0));
      if (outcome.outcome === 'converged') note(`  ${pc.green('converged')} at generation ${outcome.bot.generation}`);
      problems.push(...problemOf(bot, outcome));
    }
    return problems;
  }
  const isOver = () => Date.now() >= end || options.stop?.aborted === true;
  return followMany(bots, isOver, (bot) => follow(bot, 0));
};

const followMany = async (
  bots: readonly BotChange[],
  isOver: () => boolean,
  look: (bot: BotChange) => Promise<Following>,
): Promise<Problem[]> => {
  const bar = progress('bots');
  const failed: Problem[] = [];
  let open = [...bots];
  try {
    for (;;) {
      const seen = await concurrently(open, readsAtOnce, async (bot) => ({ bot, outcome: await look(bot) }));
      failed.push(...seen.filter(({ outcome }) => outcome.outcome === 'failed').flatMap(problems));
      const waiting = seen.filter(({ outcome }) => outcome.outcome === 'timeout');
      open = waiting.map(({ bot }) => bot);
      bar.update(bots.length - open.length, bots.length, failed.length === 0 ? 'converged' : `${failed.length} failed`);
      if (open.length === 0) return failed;
      if (isOver()) return [...failed, ...waiting.flatMap(problems)];
      await wait(500);
    }
  } finally {
    bar.end();
  }
};

const problems = ({ bot, outcome }: { bot: BotChange; outcome: Following }): Problem[] => problemOf(bot, outcome);

const problemOf = (bot: BotChange, following: Following): Problem[] => {
  switch (following.outcome) {
    case 'converged':
      return [];
    case 'failed':
      return [{ path: bot.title, code: 'failed', message: following.message }];
    case 'timeout': {
      const { status, lastError } = following.bot;
      const why = lastError ? `: ${lastError.message}` : '';
      return [{ path: bot.title, code: 'timeout', message: `still ${status} when the time was over${why}` }];
    }
    default:
      return unreachable(following);
  }
};
