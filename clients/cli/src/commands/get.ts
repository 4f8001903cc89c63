// Lists the things of a kind, or shows one of them as a line.
import type { Command } from 'commander';
import { Loose } from '../answers.ts';
import { find, findOne, Identified } from '../find.ts';
import { kindOf } from '../kinds.ts';
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
    return show(one, () => table(kind.columns, [one]));
  }
  const fleetId = options.fleet && (await find(client, kindOf('fleets'), options.fleet, Identified)).id;
  const items = await client.all(Loose, kind.path, fleetId ? { fleetId } : {}, options.limit);
  if (format === 'table' && items.length === 0) return print(`no ${kind.name}`);
  show(items, () => table(kind.columns, items));
};
