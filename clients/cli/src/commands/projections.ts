// Read models, and building one anew.
import { setTimeout as wait } from 'node:timers/promises';
import type { Command } from 'commander';
import { Loose, Projection } from '../answers.ts';
import { CliError } from '../cli-error.ts';
import type { Client } from '../client.ts';
import { cell, note, status, table } from '../output.ts';
import { progress } from '../progress.ts';
import { sessionOf } from '../session.ts';

const pollMs = 250;

export const list = async (command: Command): Promise<void> => {
  const { client, show } = await sessionOf(command);
  const all = await client.all(Projection, '/projections');
  show(all, () =>
    table(
      [
        { title: 'SERVICE', of: (row) => cell(row.service) },
        { title: 'NAME', of: (row) => cell(row.name) },
        { title: 'STATUS', of: (row) => status(row.status) },
        { title: 'GENERATION', of: (row) => cell(row['generation']) },
        { title: 'PROCESSED', of: (row) => `${row.processed}/${row.total}` },
      ],
      all,
    ),
  );
};

export const rebuild = async (name: string, options: { watch?: boolean }, command: Command): Promise<void> => {
  const { client } = await sessionOf(command);
  await client.post(Loose, `/projections/${encodeURIComponent(name)}/rebuild`);
  if (options.watch !== true) return note(`${name} is being built anew; the old one serves until it is done`);
  await watch(client, name);
  note(`${name} is built anew`);
};

const watch = async (client: Client, name: string): Promise<void> => {
  const bar = progress(name);
  try {
    for (;;) {
      const found = (await client.all(Projection, '/projections')).find((row) => names(row).includes(name));
      if (found === undefined) throw new CliError(`there is no projection '${name}' any more`);
      if (found.status === 'FAILED') throw new CliError(`the rebuild of ${name} failed: ${found.message}`);
      bar.update(found.processed, found.total);
      if (found.status === 'SERVING') return;
      await wait(pollMs);
    }
  } finally {
    bar.end();
  }
};

const names = (row: { name: string; service?: string | undefined }): string[] => [
  row.name,
  `${row.service}.${row.name}`,
];
