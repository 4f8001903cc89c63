// Lists the things of a kind, or shows one of them as a line.
import type { Command } from 'commander';
import { Loose } from '../answers.ts';
import type { Client } from '../client.ts';
import { find, findOne, Identified } from '../find.ts';
import { type Kind, kindOf } from '../kinds.ts';
import { namedRows } from '../names.ts';
import { print, table } from '../output.ts';
import { sessionOf } from '../session.ts';

export const get = async (
  kindWord: string,
  name: string | undefined,
  options: { limit: number; fleet?: string },
  command: Command,
): Promise<void> => {
  const kind = kindOf(kindWord);
  const { client, show, format } = await sessionOf(command);
  if (name !== undefined) {
    const one = await findOne(client, kind, name);
    const named = format === 'table' ? await namedRows(client, kind, [one]) : [];
    return show(one, () => table(kind.columns, named));
  }
  const items = await itemsOf(client, kind, options);
  if (format === 'table' && items.length === 0) return print(`no ${kind.name}`);
  const named = format === 'table' ? await namedRows(client, kind, items) : [];
  show(items, () => table(kind.columns, named));
};

const itemsOf = async (client: Client, kind: Kind, options: { limit: number; fleet?: string }): Promise<Loose[]> => {
  if (kind.whole) return client.whole(Loose, kind.path);
  if (options.fleet === undefined) return client.all(Loose, kind.path, {}, options.limit);
  const fleet = await find(client, kindOf('fleets'), options.fleet, Identified);
  return client.all(Loose, kind.path, { fleetId: fleet.id }, options.limit);
};
