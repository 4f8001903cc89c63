// The last lines of a bot's log, and those that come.
import { setTimeout as wait } from 'node:timers/promises';
import type { Command } from 'commander';
import { z } from 'zod';
import { findBot } from '../find.ts';
import { newLines } from '../log-tail.ts';
import { print } from '../output.ts';
import { printableLines } from '../printable.ts';
import { sessionOf } from '../session.ts';

const Logs = z.looseObject({ lines: z.array(z.string()) });
const followedLines = 1_000;
const pollMs = 1_000;

export const logs = async (
  name: string,
  options: { lines: number; follow?: boolean },
  command: Command,
): Promise<void> => {
  const { client, show } = await sessionOf(command);
  const bot = await findBot(client, name);
  const read = (lines: number) => client.get(Logs, `/bot-instances/${bot.id}/logs`, { lines });
  const text = (lines: readonly string[]) => lines.map(printableLines).join('\n');
  if (options.follow !== true) {
    const answer = await read(options.lines);
    return show(answer, () => text(answer.lines));
  }
  let seen: readonly string[] = [];
  for (;;) {
    const { lines } = await read(followedLines);
    const news = seen.length === 0 ? lines.slice(-options.lines) : newLines(seen, lines);
    if (news.length > 0) print(text(news));
    seen = lines;
    await wait(pollMs);
  }
};
