// Deletes a fleet, a bot, a policy pack, a waiver or a layer; the bots that a layer's end moves are waited for.
import type { Command } from 'commander';
import { Layer } from '../answers.ts';
import { CliError, reworded, usageError } from '../cli-error.ts';
import { findOne } from '../find.ts';
import { type Kind, kindOf } from '../kinds.ts';
import { note } from '../output.ts';
import { printable } from '../printable.ts';
import { sessionOf } from '../session.ts';
import { notThere, waitForMoved } from '../wait-for-moved.ts';

type Options = { readonly wait: boolean; readonly timeout: number };

export const remove = async (kindWord: string, name: string, options: Options, command: Command): Promise<void> => {
  const kind = kindOf(kindWord);
  if (!kind.deletable) throw usageError(`${kind.name} cannot be deleted`);
  const { client } = await sessionOf(command);
  const one = await findOne(client, kind, name);
  const layer = layers.has(kind.name) ? Layer.parse(one) : undefined;
  // Its end is the version after the one that was found, and no other.
  await unlessChanged(client.delete(`${kind.path}/${one.id}`, layer?.version));
  note(`${nounOf(kind)} ${printable(name)} is being deleted`);
  if (layer === undefined) return;
  const title = `${nounOf(kind)}/${layer.name}`;
  const ended = { title, path: `${kind.path}/${layer.id}`, version: layer.version + 1 };
  const problems = await waitForMoved(client, { changed: [], layers: [ended] }, options);
  if (problems.length > 0) throw notThere(problems);
};

const unlessChanged = async (deletion: Promise<void>): Promise<void> => {
  try {
    await deletion;
  } catch (error) {
    if (!(error instanceof CliError) || error.status !== 412) throw error;
    throw reworded(error, 'somebody changed it while it was looked up, and nothing was deleted; delete it again');
  }
};

const layers = new Set(['templates', 'profiles', 'overlays']);

const nounOf = (kind: Kind): string => kind.aliases[0] ?? kind.name;
