// Deletes a fleet, a bot, a policy pack, a waiver or a layer; the bots that a layer's end moves are waited for.
import type { Command } from 'commander';
import { Layer } from '../answers.ts';
import { CliError, usageError } from '../cli-error.ts';
import type { LayerChange } from '../document-kind.ts';
import { findOne } from '../find.ts';
import { type Kind, kindOf } from '../kinds.ts';
import { note } from '../output.ts';
import { printable } from '../printable.ts';
import { sessionOf } from '../session.ts';
import { waitForLayers } from '../wait-for-layers.ts';

type Options = { readonly wait: boolean; readonly timeout: number };

export const remove = async (kindWord: string, name: string, options: Options, command: Command): Promise<void> => {
  const kind = kindOf(kindWord);
  if (!kind.deletable) throw usageError(`${kind.name} cannot be deleted`);
  const { client } = await sessionOf(command);
  const one = await findOne(client, kind, name);
  await client.delete(`${kind.path}/${one.id}`);
  note(`${nounOf(kind)} ${printable(name)} is being deleted`);
  if (!layers.has(kind.name)) return;
  const end = Date.now() + options.timeout * 1_000;
  const problems = await waitForLayers(client, [endOf(kind, one)], { end, wait: options.wait });
  // What a person has to start was told, and is nothing that went wrong.
  const wrong = problems.filter(({ code }) => code !== 'manual');
  if (wrong.length > 0) throw new CliError('not every bot is what it is to be', { problems: wrong });
};

const layers = new Set(['templates', 'profiles', 'overlays']);

const nounOf = (kind: Kind): string => kind.aliases[0] ?? kind.name;

/** The end of a layer is one more version of it. */
const endOf = (kind: Kind, found: unknown): LayerChange => {
  const { id, name, version } = Layer.parse(found);
  return { title: `${nounOf(kind)}/${name}`, path: `${kind.path}/${id}`, version: version + 1 };
};
