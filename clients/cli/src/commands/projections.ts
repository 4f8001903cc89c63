// Read models, and building one anew.
import { setTimeout as wait } from 'node:timers/promises';
import type { Command } from 'commander';
import type { z } from 'zod';
import { Loose, Projection } from '../answers.ts';
import type { Client } from '../client.ts';
import { cell, note, status, table } from '../output.ts';
import { printable } from '../printable.ts';
import { progress } from '../progress.ts';
import { sessionOf } from '../session.ts';

const pollMs = 250;

export const list = async (command: Command): Promise<void> => {
  const { client, show } = await sessionOf(command);
  const all = await client.whole(Projection, '/projections');
  show(all, () =>
    table(
      [
        { title: 'NAME', of: (row) => cell(nameOf(row)) },
        { title: 'STATUS', of: (row) => status(row.status) },
        { title: 'GENERATION', of: (row) => cell(row['generation']) },
        { title: 'PROCESSED', of: (row) => (row.total === 0 ? '–' : `${row.processed}/${row.total}`) },
      ],
      all,
    ),
  );
};

/** Ends when the new one serves; `--watch` shows how far it is. */
export const rebuild = async (name: string, options: { watch?: boolean }, command: Command): Promise<void> => {
  const { client } = await sessionOf(command);
  const work = client.post(Loose, `/projections/${encodeURIComponent(name)}/rebuild`);
  if (options.watch === true) await watch(client, name, work);
  await work;
  note(`${printable(name)} is built anew and serves`);
};

export const cancel = async (name: string, command: Command): Promise<void> => {
  const { client } = await sessionOf(command);
  await client.delete(`/projections/${encodeURIComponent(name)}/rebuild`);
  note(`the rebuild of ${printable(name)} is cancelled; the old one goes on serving`);
};

const watch = async (client: Client, name: string, work: Promise<unknown>): Promise<void> => {
  const bar = progress(name);
  let going = true;
  const stop = () => {
    going = false;
  };
  // How it ended is the caller's to tell; the bar only has to go.
  const ended = work.then(stop, stop);
  try {
    while (going) {
      const found = (await client.whole(Projection, '/projections')).find((row) => nameOf(row) === name);
      if (found?.status === 'REBUILDING') bar.update(found.processed, found.total);
      await Promise.race([ended, wait(pollMs)]);
    }
  } finally {
    bar.end();
  }
};

/** As `rebuild` takes it: the service, and its read model. */
const nameOf = ({ service, name }: z.infer<typeof Projection>): string => `${service}.${name}`;
