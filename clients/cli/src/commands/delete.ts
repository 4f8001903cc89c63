// Deletes a fleet, a bot, a policy pack, a waiver or a layer.
import type { Command } from 'commander';
import { usageError } from '../cli-error.ts';
import { findOne } from '../find.ts';
import { kindOf } from '../kinds.ts';
import { note } from '../output.ts';
import { printable } from '../printable.ts';
import { sessionOf } from '../session.ts';

export const remove = async (kindWord: string, name: string, command: Command): Promise<void> => {
  const kind = kindOf(kindWord);
  if (!kind.deletable) throw usageError(`${kind.name} cannot be deleted`);
  const { client } = await sessionOf(command);
  const one = await findOne(client, kind, name);
  await client.delete(`${kind.path}/${one.id}`);
  note(`${kind.aliases[0] ?? kind.name} ${printable(name)} is being deleted`);
};
