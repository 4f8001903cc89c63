// Checks documents without a server.
import type { Command } from 'commander';
import pc from 'picocolors';
import type { Finding } from '../check-document.ts';
import { CliError, exitCodes, orUndone } from '../cli-error.ts';
import { lint } from '../lint.ts';
import { amount, encoded, print } from '../output.ts';
import { printable } from '../printable.ts';
import { readYaml } from '../read-yaml.ts';
import { formatOf } from '../session.ts';
import { sourceFiles } from '../source-files.ts';

export const lintFiles = (paths: readonly string[], command: Command): Promise<void> =>
  orUndone(linted(paths, command));

const linted = async (paths: readonly string[], command: Command): Promise<void> => {
  const { documents, problems } = await readYaml(await sourceFiles(paths));
  if (documents.length + problems.length === 0) throw new CliError(`${paths.join(', ')}: there is no document in it`);
  const findings = lint(documents, problems);
  const errors = findings.filter(({ severity }) => severity === 'error').length;
  const format = formatOf(command);
  const sum = { documents: documents.length, errors, warnings: findings.length - errors };
  if (format === 'table') print([...findings.map(line), sumText(sum)].join('\n'));
  else print(encoded(format, { ...sum, findings }));
  if (errors > 0) process.exitCode = exitCodes.failed;
};

const line = ({ severity, file, line: number, path, message }: Finding): string => {
  const colour = severity === 'error' ? pc.red : pc.yellow;
  const where = path === '' ? '' : `${printable(path)}: `;
  return `${printable(file)}:${number}: ${colour(severity)}: ${where}${printable(message)}`;
};

const sumText = ({ documents, errors, warnings }: { documents: number; errors: number; warnings: number }): string =>
  `${amount(documents, 'document')}, ${amount(errors, 'error')}, ${amount(warnings, 'warning')}`;
