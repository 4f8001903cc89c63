// Bots that stay at what they run: held, which keeps what is automatic off them, or pinned, which keeps everybody off.
import type { Command } from 'commander';
import { Loose } from '../answers.ts';
import { findBot } from '../find.ts';
import { ago, cell, note, print, table } from '../output.ts';
import { printable } from '../printable.ts';
import { sessionOf } from '../session.ts';
import { valueAt } from '../kinds.ts';

type Kept = 'holds' | 'pins';

const field = (title: string, path: string) => ({ title, of: (row: Loose) => cell(valueAt(row, path)) });
const columns = [
  field('BOT', 'name'),
  field('REASON', 'reason'),
  field('BY', 'placedBy.name'),
  { title: 'AGE', of: ({ placedAt }: Loose) => ago(typeof placedAt === 'string' ? placedAt : null, Date.now()) },
  field('CHANGE SET', 'changeSetId'),
  field('BOT ID', 'botInstanceId'),
];

export const list = async (kept: Kept, command: Command): Promise<void> => {
  const { client, show, format } = await sessionOf(command);
  const found = await client.all(Loose, `/${kept}`);
  if (format === 'table' && found.length === 0) return print(`no ${kept}`);
  show(found, () => table(columns, found));
};

export const pin = async (botName: string, options: { reason: string }, command: Command): Promise<void> => {
  const { client, show } = await sessionOf(command);
  const bot = await findBot(client, botName);
  const answer = await client.post(Loose, '/pins', { botInstanceId: bot.id, reason: options.reason });
  show(answer, () => `${printable(bot.name)} stays at what it runs`);
};

export const lift = async (kept: Kept, botName: string, command: Command): Promise<void> => {
  const { client } = await sessionOf(command);
  const bot = await findBot(client, botName);
  await client.delete(`/${kept}/${bot.id}`);
  note(`${printable(bot.name)} takes new versions again`);
};
