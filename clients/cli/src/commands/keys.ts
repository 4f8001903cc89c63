// API keys.
import type { Command } from 'commander';
import { z } from 'zod';
import { Loose } from '../answers.ts';
import { cell, note, print, table } from '../output.ts';
import { printable } from '../printable.ts';
import { sessionOf } from '../session.ts';

const columns = ['id', 'name', 'role', 'scopes', 'createdAt', 'expiresAt', 'revokedAt'].map((field) => ({
  title: field.replace(/At$/, '').toUpperCase(),
  of: (row: Loose) => cell(row[field]),
}));

export const list = async (command: Command): Promise<void> => {
  const { client, show, format } = await sessionOf(command);
  const keys = await client.all(Loose, '/api-keys');
  if (format === 'table' && keys.length === 0) return print('no keys');
  show(keys, () => table(columns, keys));
};

const Created = z.looseObject({ id: z.string(), key: z.string() });

export const create = async (
  name: string,
  options: { role: string; scope?: readonly string[]; expires?: string },
  command: Command,
): Promise<void> => {
  const { client, show } = await sessionOf(command);
  const created = await client.post(Created, '/api-keys', {
    name,
    role: options.role.toUpperCase(),
    ...(options.scope === undefined ? {} : { scopes: options.scope }),
    ...(options.expires === undefined ? {} : { expiresAt: options.expires }),
  });
  show(created, () => printable(created.key));
  note(`key ${printable(created.id)}; it is not shown again`);
};

export const revoke = async (id: string, command: Command): Promise<void> => {
  const { client } = await sessionOf(command);
  await client.delete(`/api-keys/${encodeURIComponent(id)}`);
  note(`key ${printable(id)} works no more`);
};
