// The text of the files that a command was given: files, folders, standard input. Nothing outside a folder is read.
import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { CliError } from './cli-error.ts';
import { codeOf } from './connection.ts';
import type { YamlSource } from './read-yaml.ts';
import { yamlLimits } from './yaml-documents.ts';

/** Limits on a folder, with everything below it. */
export const folderLimits = { filesMax: 5_000, depthMax: 16, bytesMax: 64 * 1024 * 1024 } as const;

export const isDocumentName = (name: string): boolean => /\.(?:ya?ml|json)$/.test(name);

/** A folder gives its .yaml, .yml and .json files and those of the folders in it, by name; what starts with a dot is passed over. */
export const sourceFiles = async (paths: readonly string[]): Promise<YamlSource[]> => {
  const sources: YamlSource[] = [];
  for (const path of paths) sources.push(...(await sourcesAt(path)));
  return sources;
};

const sourcesAt = async (path: string): Promise<YamlSource[]> => {
  if (path === '-') return [{ file: 'standard input', text: await textOf('standard input', process.stdin) }];
  try {
    const info = await stat(path);
    if (info.isDirectory()) return await sourcesIn(path);
    return [{ file: path, text: await textOf(path, createReadStream(path)) }];
  } catch (error) {
    if (error instanceof CliError) throw error;
    throw new CliError(`cannot read ${path}: ${codeOf(error)}`, { cause: error });
  }
};

const sourcesIn = async (folder: string): Promise<YamlSource[]> => {
  const files: string[] = [];
  await collect(folder, 0, files);
  if (files.length === 0) throw new CliError(`${folder}: no .yaml, .yml or .json file in it`);
  const sources: YamlSource[] = [];
  let bytes = 0;
  for (const file of files) {
    const text = await textOf(file, createReadStream(file));
    bytes += Buffer.byteLength(text);
    if (bytes > folderLimits.bytesMax) {
      throw new CliError(`${folder}: its files are larger than ${folderLimits.bytesMax / 1024 / 1024} MiB together`);
    }
    sources.push({ file, text });
  }
  return sources;
};

const collect = async (folder: string, depth: number, files: string[]): Promise<void> => {
  if (depth > folderLimits.depthMax) {
    throw new CliError(`${folder}: more than ${folderLimits.depthMax} folders deep`);
  }
  const entries = (await readdir(folder, { withFileTypes: true })).filter(({ name }) => !name.startsWith('.'));
  for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, entry.name);
    // A link may lead anywhere, and what it leads to would be sent to a server.
    if (entry.isSymbolicLink()) throw linkRefused(path);
    if (entry.isDirectory()) await collect(path, depth + 1, files);
    else if (entry.isFile() && isDocumentName(entry.name)) files.push(path);
    if (files.length > folderLimits.filesMax) {
      throw new CliError(`${folder}: more than ${folderLimits.filesMax} files`);
    }
  }
};

export const linkRefused = (path: string): CliError =>
  new CliError(`${path}: is a symbolic link, and links are not followed; put the file itself there`);

/** All of a stream, ended as soon as it is larger than a file may be. */
const textOf = async (file: string, stream: AsyncIterable<unknown>): Promise<string> => {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of stream) {
    const buffer = Buffer.isBuffer(part) ? part : Buffer.from(String(part));
    bytes += buffer.length;
    if (bytes > yamlLimits.fileBytesMax) throw new CliError(`${file}: larger than ${fileMiBMax} MiB`);
    parts.push(buffer);
  }
  return decoded(file, Buffer.concat(parts));
};

const fileMiBMax = yamlLimits.fileBytesMax / 1024 / 1024;

/** UTF-8, and nothing that is only nearly so. */
export const decoded = (file: string, bytes: Buffer): string => {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw new CliError(`${file}: is not UTF-8 text`, { cause: error });
  }
};
