// Follows changed bots until each is what it is to be.
import { setTimeout as wait } from 'node:timers/promises';
import type { Problem } from '@molthub/contracts';
import pc from 'picocolors';
import type { Client } from './client.ts';
import { concurrently } from './concurrently.ts';
import type { BotChange, KnownBot } from './document-kind.ts';
import { followBot, type Following, lookAtBot, looksPerQuestion } from './follow.ts';
import { note } from './output.ts';
import { progress } from './progress.ts';
import { timelineLine } from './timeline-line.ts';
import { unreachable } from './unreachable.ts';

const readsAtOnce = 4;

/**
 * Answers what is wrong with those that did not get there in time; an empty list means that all did. What waits for a
 * person has the code `manual`; what was deleted meanwhile is waited for no more. Every step of every bot that comes with
 * its timeline is told, with `timelines`; otherwise a bar says how many are done.
 */
export const waitForBots = async (
  client: Client,
  bots: readonly (KnownBot | BotChange)[],
  options: { timeoutMs: number; timelines: boolean; stop?: AbortSignal },
): Promise<Problem[]> => {
  if (bots.length === 0) return [];
  const end = Date.now() + options.timeoutMs;
  const told = bots.flatMap((bot) => (options.timelines && 'timeline' in bot ? [bot] : []));
  const counted = bots.filter((bot) => !told.some(({ id }) => id === bot.id));
  const found: Problem[] = [];
  for (const bot of told) {
    note(pc.bold(bot.title));
    const following = await followBot(client, bot.id, {
      timeoutMs: Math.max(end - Date.now(), 0),
      timeline: bot.timeline,
      tell: (item) => note(timelineLine(item)),
    });
    if (following.outcome === 'converged') note(`  ${pc.green('converged')} at generation ${following.bot.generation}`);
    found.push(...problemOf(bot, following));
  }
  const isOver = () => Date.now() >= end || options.stop?.aborted === true;
  return [...found, ...(await followMany(client, counted, isOver))];
};

const followMany = async (client: Client, bots: readonly KnownBot[], isOver: () => boolean): Promise<Problem[]> => {
  if (bots.length === 0) return [];
  const bar = progress('bots');
  const found: Problem[] = [];
  let open = [...bots];
  try {
    for (let looks = 1; ; looks += 1) {
      const isLast = isOver();
      const asks = isLast || looks % looksPerQuestion === 0;
      const seen = await concurrently(open, readsAtOnce, async (bot) => ({
        bot,
        following: await lookAtBot(client, bot.id, asks),
      }));
      const late = seen.filter(({ following }) => following.outcome === 'timeout');
      const ended = isLast ? seen : seen.filter((one) => !late.includes(one));
      found.push(...ended.flatMap(({ bot, following }) => problemOf(bot, following)));
      open = late.map(({ bot }) => bot);
      bar.update(bots.length - open.length, bots.length, wordsFor(found));
      if (isLast || open.length === 0) return found;
      await wait(500);
    }
  } finally {
    bar.end();
  }
};

const wordsFor = (problems: readonly Problem[]): string => {
  const failed = problems.filter(({ code }) => code === 'failed').length;
  return failed === 0 ? 'converged' : `${failed} failed`;
};

const problemOf = (bot: KnownBot, following: Following): Problem[] => {
  switch (following.outcome) {
    case 'converged':
    case 'gone':
      return [];
    case 'failed':
    case 'manual':
      return [{ path: bot.title, code: following.outcome, message: following.message }];
    case 'timeout': {
      const { status, lastError } = following.bot;
      const why = lastError ? `: ${lastError.message}` : '';
      return [{ path: bot.title, code: 'timeout', message: `still ${status} when the time was over${why}` }];
    }
    default:
      return unreachable(following);
  }
};
