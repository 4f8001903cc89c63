// Events that kept failing: a person looks at them, and has them run again or gives them up.
import type { Command } from 'commander';
import { Loose, Parked } from '../answers.ts';
import { CliError } from '../cli-error.ts';
import { cell, encoded, note, print, table } from '../output.ts';
import { sessionOf } from '../session.ts';

type Row = Awaited<ReturnType<typeof Parked.parse>>;
const columns = ['id', 'service', 'consumer', 'key', 'type', 'attempts', 'error'].map((name) => ({
  title: name.toUpperCase(),
  of: (row: Row) => cell(row[name]),
}));

export const list = async (command: Command): Promise<void> => {
  const { client, show, format } = await sessionOf(command);
  const parked = await client.whole(Parked, '/parked');
  if (format === 'table' && parked.length === 0) return print('nothing is parked');
  show(parked, () => table(columns, parked));
};

export const show = async (id: string, command: Command): Promise<void> => {
  const { client, show: print } = await sessionOf(command);
  const found = (await client.whole(Parked, '/parked')).find((row) => row.id === id);
  if (found === undefined) throw new CliError(`nothing is parked under ${id}; 'molthub parked list' shows what is`);
  print(found, () => encoded('yaml', found));
};

export const retry = async (id: string, command: Command): Promise<void> => {
  const { client } = await sessionOf(command);
  await client.post(Loose, `/parked/${encodeURIComponent(id)}/retry`);
  note('it runs again; should it fail once more it will be listed again');
};

export const drop = async (id: string, options: { reason: string }, command: Command): Promise<void> => {
  const { client } = await sessionOf(command);
  await client.post(Loose, `/parked/${encodeURIComponent(id)}/drop`, options.reason ? { reason: options.reason } : {});
  note('dropped; what waited behind it goes on');
};
