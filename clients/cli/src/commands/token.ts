// A token with which a bot may send spans.
import type { Command } from 'commander';
import { z } from 'zod';
import { findBot } from '../find.ts';
import { note } from '../output.ts';
import { printable } from '../printable.ts';
import { sessionOf } from '../session.ts';

const Token = z.looseObject({ token: z.string(), expiresAt: z.string() });

/** The token alone on standard output, so that `$(molthub token anna)` is one. */
export const token = async (name: string, command: Command): Promise<void> => {
  const { client, show } = await sessionOf(command);
  const bot = await findBot(client, name);
  const issued = await client.post(Token, `/bot-instances/${bot.id}/ingest-token`);
  show(issued, () => printable(issued.token));
  note(`for bot ${printable(bot.name)}, until ${printable(issued.expiresAt)}; it is not shown again`);
};
