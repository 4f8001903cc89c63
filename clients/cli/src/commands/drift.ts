// How bots differ from what was released for them, and what is to become of it.
import type { Command } from 'commander';
import { z } from 'zod';
import { Bot, Published } from '../answers.ts';
import { CliError } from '../cli-error.ts';
import type { Client } from '../client.ts';
import { find, findBot, Identified } from '../find.ts';
import { kindOf } from '../kinds.ts';
import { ago, cell, print, status, table } from '../output.ts';
import { printable } from '../printable.ts';
import { sessionOf } from '../session.ts';

const Item = z.looseObject({
  class: z.string(),
  path: z.string(),
  desired: z.unknown(),
  observed: z.unknown(),
  owner: z.string(),
  since: z.string(),
});
const Drift = z.looseObject({ status: z.string(), items: z.array(Item) });

const column = (title: string, of: (item: z.infer<typeof Item>) => unknown) => ({
  title,
  of: (item: z.infer<typeof Item>) => cell(of(item)),
});
const columns = [
  column('CLASS', (item) => item.class),
  column('PATH', (item) => item.path),
  column('RELEASED', (item) => item.desired),
  column('FOUND', (item) => item.observed),
  column('BY', (item) => item.owner),
  column('AGE', (item) => ago(item.since, Date.now())),
];

/** Ends with 1 where it drifted, so that a script can ask. */
export const show = async (botName: string, command: Command): Promise<void> => {
  const { client, show: shown } = await sessionOf(command);
  const bot = await findBot(client, botName);
  const drift = await client.get(Drift, `/bot-instances/${bot.id}/drift`);
  shown(drift, () =>
    drift.items.length === 0 ? `${printable(bot.name)}  ${status(drift.status)}` : table(columns, drift.items),
  );
  if (drift.status === 'DRIFTED') throw new CliError(`${bot.name} differs from what was released for it`);
};

export const accept = async (botName: string, options: { reason: string }, command: Command): Promise<void> => {
  const { client, show: shown } = await sessionOf(command);
  const bot = await findBot(client, botName);
  const { reason } = options;
  const answer = await client.post(Published, `/bot-instances/${bot.id}/drift/accept`, { reason });
  shown(answer, () => `${printable(bot.name)}: what it runs is version ${answer.version} of its manifest`);
};

export const revert = async (botName: string, options: { reason: string }, command: Command): Promise<void> => {
  const { client, show: shown } = await sessionOf(command);
  const bot = await findBot(client, botName);
  const { reason } = options;
  const answer = await client.post(Bot, `/bot-instances/${bot.id}/drift/revert`, { reason });
  shown(answer, () => `${printable(bot.name)} is being put back to version ${answer.manifestVersion}`);
};

/** Bots that differ now. */
export const list = async (options: { fleet?: string }, command: Command): Promise<void> => {
  const { client, show: shown, format } = await sessionOf(command);
  const fleet = options.fleet === undefined ? {} : { fleetId: (await fleetOf(client, options.fleet)).id };
  const found = await client.all(Bot, '/bot-instances', { driftStatus: 'DRIFTED', ...fleet });
  if (format === 'table' && found.length === 0) return print('every bot is as it was released');
  shown(found, () => table(botColumns, found));
};

const botColumns = [
  { title: 'BOT', of: (bot: Bot) => printable(bot.name) },
  { title: 'STATUS', of: (bot: Bot) => status(bot.status) },
  { title: 'HEALTH', of: (bot: Bot) => status(bot.health) },
  { title: 'BOT ID', of: (bot: Bot) => bot.id },
];

const fleetOf = (client: Client, name: string) => find(client, kindOf('fleets'), name, Identified);
