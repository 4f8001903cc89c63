// What a pack suggests for a bot: shown as a merge patch, and proposed as a new version.
import { Fixed } from '@molthub/contracts';
import type { Command } from 'commander';
import { z } from 'zod';
import { Published } from '../answers.ts';
import { find, findBot, Identified } from '../find.ts';
import { kindOf } from '../kinds.ts';
import { amount, encoded, note } from '../output.ts';
import { printable } from '../printable.ts';
import { sessionOf } from '../session.ts';

const Answer = z.looseObject({ ...Fixed.shape, published: Published.nullable() });

export const fix = async (
  packName: string,
  botName: string,
  options: { readonly dryRun?: boolean; readonly reason: string },
  command: Command,
): Promise<void> => {
  const { client, show } = await sessionOf(command);
  const pack = await find(client, kindOf('policy-packs'), packName, Identified);
  const bot = await findBot(client, botName);
  const body = { botInstanceId: bot.id, dryRun: options.dryRun === true, reason: options.reason };
  const fixed = await client.post(Answer, `/policy-packs/${pack.id}/fix`, body);
  show(fixed, () =>
    [
      encoded('yaml', fixed.patch),
      ...fixed.remaining.map(({ ruleId, path, message }) => printable(`left: ${ruleId}  ${path}  ${message}`)),
    ].join('\n'),
  );
  const sum = `${amount(fixed.fixed.length, 'finding')} fixed, ${fixed.remaining.length} left`;
  note(
    fixed.published === null ? `dry run: nothing was changed; ${sum}` : `version ${fixed.published.version}: ${sum}`,
  );
};
