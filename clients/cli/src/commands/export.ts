// What the server has, as documents that `apply -f` takes.
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Command } from 'commander';
import { stringify } from 'yaml';
import { CliError, usageError } from '../cli-error.ts';
import type { Client } from '../client.ts';
import type { Current, Document, DocumentKind, Server } from '../document-kind.ts';
import { documentKinds } from '../document-kinds.ts';
import { findOne } from '../find.ts';
import { formatYaml } from '../format-yaml.ts';
import { kindOf } from '../kinds.ts';
import { amount, note, print } from '../output.ts';
import { unlabelled } from '../ownership.ts';
import { printable } from '../printable.ts';
import { serverOf } from '../server-things.ts';
import { formatOf } from '../session.ts';
import { clientFor } from '../session.ts';
import { yamlDocuments } from '../yaml-documents.ts';

type Options = { readonly to?: string };
type Exported = { readonly title: string; readonly document: Document };

export const exportThings = async (
  kindWord: string | undefined,
  name: string | undefined,
  options: Options,
  command: Command,
): Promise<void> => {
  const format = formatOf(command);
  const { client } = await clientFor(command);
  const server = serverOf(client);
  const kinds = kindWord === undefined ? documentKinds : [documentKindFor(kindWord)];
  const exported: Exported[] = [];
  for (const kind of kinds) {
    const found = name === undefined ? await kind.all(server) : [await oneOf(client, server, kind, name)];
    const sorted = found.toSorted((a, b) => (a.title < b.title ? -1 : 1));
    exported.push(...sorted.map(({ title, document }) => ({ title, document: unlabelled(kind, document) })));
  }
  if (options.to !== undefined) return written(options.to, exported);
  if (format === 'json')
    return print(
      JSON.stringify(
        exported.map(({ document }) => document),
        null,
        2,
      ),
    );
  print(
    exported
      .map(({ document }) => yaml(document))
      .join('---\n')
      .trimEnd(),
  );
};

/** The kind of document behind a word that `get` knows. */
const documentKindFor = (word: string): DocumentKind => {
  const { path, name } = kindOf(word);
  const kind = documentKinds.find((one) => one.path === path);
  if (kind === undefined) throw usageError(`${name} are not described by documents`);
  return kind;
};

const oneOf = async (client: Client, server: Server, kind: DocumentKind, name: string): Promise<Current> => {
  const { id } = await findOne(client, kindOf(kind.noun), name);
  const [found] = await kind.all(server, { id });
  if (found === undefined)
    throw new CliError(`${kind.noun} ${printable(name)} comes with Molthub; no document made it`);
  return found;
};

const yaml = (document: Document): string => {
  const text = stringify(document, { lineWidth: 0 });
  return formatYaml('export.yaml', text, yamlDocuments('export.yaml', text));
};

/** A file for each, in a folder for each kind. Nothing that is there already is written over. */
const written = async (folder: string, exported: readonly Exported[]): Promise<void> => {
  for (const { title, document } of exported) {
    const file = join(folder, `${title.split('/').map(fileName).join('/')}.yaml`);
    await mkdir(dirname(file), { recursive: true });
    try {
      await writeFile(file, yaml(document), { flag: 'wx' });
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'EEXIST') {
        throw new CliError(`${file}: is there already; export into an empty folder`, { cause: error });
      }
      throw error;
    }
  }
  note(`${amount(exported.length, 'document')} written to ${folder}`);
};

/** A pack may be called anything; a file of its name never leaves the folder. */
const fileName = (name: string): string => name.replaceAll(/[^A-Za-z0-9_-]+/g, '-').slice(0, 100) || '-';
