// Reads what `apply -f` was given: files, folders, standard input.
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { CliError } from './cli-error.ts';
import { codeOf } from './connection.ts';
import { type Desired, desiredOf, refuseDoubles } from './desired.ts';
import { type YamlDocument, yamlDocuments, yamlLimits } from './yaml-documents.ts';

/** All documents of all paths, checked. Folders give their .yaml, .yml and .json files in the order of their names. */
export const desiredFrom = async (paths: readonly string[]): Promise<Desired[]> => {
  const documents: YamlDocument[] = [];
  for (const path of paths) documents.push(...(await documentsAt(path)));
  if (documents.length === 0) throw new CliError(`${paths.join(', ')}: nothing to apply`);
  const desired = documents.map(desiredOf);
  refuseDoubles(desired);
  return desired;
};

const documentsAt = async (path: string): Promise<YamlDocument[]> => {
  if (path === '-') return yamlDocuments('standard input', await text(process.stdin));
  try {
    const info = await stat(path);
    if (info.isDirectory()) return await documentsIn(path);
    if (info.size > yamlLimits.fileBytesMax) {
      throw new CliError(`${path}: larger than ${yamlLimits.fileBytesMax / 1024 / 1024} MiB`);
    }
    return yamlDocuments(path, await readFile(path, 'utf8'));
  } catch (error) {
    if (error instanceof CliError) throw error;
    throw new CliError(`cannot read ${path}: ${codeOf(error)}`, { cause: error });
  }
};

const documentsIn = async (folder: string): Promise<YamlDocument[]> => {
  const names = (await readdir(folder)).filter((name) => /\.(?:ya?ml|json)$/.test(name)).sort();
  if (names.length === 0) throw new CliError(`${folder}: no .yaml, .yml or .json file in it`);
  const documents: YamlDocument[] = [];
  for (const name of names) documents.push(...(await documentsAt(join(folder, name))));
  return documents;
};
