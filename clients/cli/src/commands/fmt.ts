// Writes documents the one way they are written.
import { rename, stat, writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { CliError, exitCodes, orUndone } from '../cli-error.ts';
import { formatYaml } from '../format-yaml.ts';
import { amount, encoded, note, print } from '../output.ts';
import { printable } from '../printable.ts';
import { readYaml, type YamlSource } from '../read-yaml.ts';
import { formatOf } from '../session.ts';
import { sourceFiles } from '../source-files.ts';
import { YamlError } from '../yaml-documents.ts';

type Formatted = YamlSource & { readonly formatted: string };

type Options = { readonly check?: boolean };

export const fmt = (paths: readonly string[], options: Options, command: Command): Promise<void> =>
  orUndone(formatAll(paths, options, command));

const formatAll = async (paths: readonly string[], options: Options, command: Command): Promise<void> => {
  const sources = await sourceFiles(paths);
  const all = await formatted(sources);
  const [only] = all;
  if (only !== undefined && paths.length === 1 && paths[0] === '-' && options.check !== true) {
    return void process.stdout.write(only.formatted);
  }
  const changed = all.filter(({ text, formatted: to }) => text !== to);
  if (options.check === true) {
    if (changed.length > 0) process.exitCode = exitCodes.failed;
  } else {
    for (const one of changed) await replace(one);
  }
  const files = changed.map(({ file }) => file);
  const format = formatOf(command);
  if (format !== 'table') return print(encoded(format, { files: all.length, changed: files }));
  for (const file of files) print(printable(file));
  const verb = options.check === true ? 'to format' : 'formatted';
  note(`${amount(all.length, 'file')}, ${changed.length} ${verb}`);
};

/** All of them before any is written: one that cannot be read leaves every other as it is. */
const formatted = async (sources: readonly YamlSource[]): Promise<Formatted[]> => {
  const { documents, problems } = await readYaml(sources);
  const [problem] = problems;
  if (problem !== undefined) throw new YamlError(problem);
  return sources.map(({ file, text }) => {
    const own = documents.filter((document) => document.file === file);
    return { file, text, formatted: own.length === 0 ? text : formatYaml(file, text, own) };
  });
};

/** Whole or not at all, with the rights it had. */
const replace = async ({ file, formatted: text }: Formatted): Promise<void> => {
  if (file === 'standard input') throw new CliError('standard input cannot be written; use - alone');
  const beside = `${file}.molthub-fmt`;
  await writeFile(beside, text, { mode: (await stat(file)).mode, flag: 'wx' });
  await rename(beside, file);
};
