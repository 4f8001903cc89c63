// Why a bot is to run what it runs: each value with the layer that says it.
import { type ExplainedLeaf, Explanation } from '@molthub/contracts';
import type { Command } from 'commander';
import type { z } from 'zod';
import { findBot } from '../find.ts';
import { cell, note, table } from '../output.ts';
import { printable } from '../printable.ts';
import { sessionOf } from '../session.ts';
import { veiled } from '../veiled.ts';

type Leaf = z.infer<typeof ExplainedLeaf>;

const columns = [
  { title: 'PATH', of: ({ path }: Leaf) => printable(path) },
  { title: 'VALUE', of: ({ path, value }: Leaf) => cell(veiled(value, path)) },
  { title: 'LAYER', of: ({ layer }: Leaf) => layer },
  { title: 'NAME', of: ({ layerName }: Leaf) => cell(layerName) },
  { title: 'VERSION', of: ({ version }: Leaf) => String(version) },
  { title: 'BY', of: ({ author }: Leaf) => cell(author.name) },
];

export const explain = async (
  name: string,
  path: string | undefined,
  options: { readonly at?: number },
  command: Command,
): Promise<void> => {
  const { client, show } = await sessionOf(command);
  const bot = await findBot(client, name);
  const query = { path, version: options.at };
  const explained = await client.get(Explanation, `/bot-instances/${bot.id}/explain`, query);
  show(explained, () => table(columns, explained.leaves));
  note(`what version ${explained.version} of ${printable(bot.name)} is made of`);
};
