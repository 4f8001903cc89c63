// Checks what Molthub needs, one by one, and says what to do where something is missing.
import type { Command } from 'commander';
import pc from 'picocolors';
import { localChecks } from '../local-checks.ts';
import { CliError } from '../cli-error.ts';
import { status } from '../output.ts';
import { printable } from '../printable.ts';
import { serverChecks } from '../server-checks.ts';
import { sessionOf } from '../session.ts';

/** `fix` says what to do; a check that is well has none. */
export type Check = {
  readonly name: string;
  readonly result: 'ok' | 'warn' | 'fail';
  readonly detail: string;
  readonly fix?: string;
};

export const doctor = async (command: Command): Promise<void> => {
  const { client, environment, show } = await sessionOf(command);
  const checks = [...(await localChecks(environment)), ...(await serverChecks(client, environment.home))];
  show(checks, () => checks.map(checkText).join('\n'));
  const failed = checks.filter((check) => check.result === 'fail').length;
  if (failed > 0) throw new CliError(`${failed} of ${checks.length} checks failed`);
};

const checkText = ({ name, result, detail, fix }: Check): string => {
  const head = `${status(result).padEnd(4 + status(result).length - result.length)}  ${name}: ${printable(detail)}`;
  return fix === undefined ? head : `${head}\n      ${pc.bold('fix')}: ${printable(fix)}`;
};
