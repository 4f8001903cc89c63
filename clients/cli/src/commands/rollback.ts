// Gives a bot an earlier version of its manifest again, and waits until it runs it.
import type { Command } from 'commander';
import { Published } from '../answers.ts';
import { CliError, usageError } from '../cli-error.ts';
import { findBot } from '../find.ts';
import { timelineOf } from '../follow.ts';
import { kindOf } from '../kinds.ts';
import { note } from '../output.ts';
import { printable } from '../printable.ts';
import { sessionOf } from '../session.ts';
import { waitForBots } from '../wait-for-bots.ts';

type Options = { readonly to?: number; readonly reason: string; readonly timeout: number; readonly wait: boolean };

export const rollback = async (kind: string, name: string, options: Options, command: Command): Promise<void> => {
  if (kindOf(kind).name !== 'bots') throw usageError('only a bot is rolled back by name; a change set by its id');
  const { client, show } = await sessionOf(command);
  const bot = await findBot(client, name);
  const timeline = timelineOf(client, bot.id);
  await timeline.next();
  const answer = await client.post(Published, `/bot-instances/${bot.id}/rollback`, {
    ...(options.to === undefined ? {} : { toVersion: options.to }),
    ...(options.reason === '' ? {} : { reason: options.reason }),
  });
  show(answer, () => `version ${answer.version} of ${printable(bot.name)} has the earlier content`);
  if (!options.wait) return;
  if (!answer.changeSetId) return note('its fleet releases manually; start a change set for it');
  const problems = await waitForBots(client, [{ id: bot.id, title: bot.name, released: true, timeline }], {
    timeoutMs: options.timeout * 1_000,
    timelines: true,
  });
  if (problems.length > 0) throw new CliError('the bot is not what it is to be', { problems });
};
