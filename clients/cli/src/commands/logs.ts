// The last lines of a bot's log.
import type { Command } from 'commander';
import { z } from 'zod';
import { findBot } from '../find.ts';
import { printableLines } from '../printable.ts';
import { sessionOf } from '../session.ts';

const Logs = z.looseObject({ lines: z.array(z.string()) });

export const logs = async (name: string, options: { lines: number }, command: Command): Promise<void> => {
  const { client, show } = await sessionOf(command);
  const bot = await findBot(client, name);
  const answer = await client.get(Logs, `/bot-instances/${bot.id}/logs`, { lines: options.lines });
  show(answer, () => answer.lines.map(printableLines).join('\n'));
};
