// Checks what Molthub needs, or one bot, check by check, and says what to do where something is wrong.
import type { Command } from 'commander';
import pc from 'picocolors';
import { z } from 'zod';
import { localChecks } from '../local-checks.ts';
import { CliError } from '../cli-error.ts';
import { findBot } from '../find.ts';
import { status } from '../output.ts';
import { printable } from '../printable.ts';
import { serverChecks } from '../server-checks.ts';
import { sessionOf } from '../session.ts';

/** `fix` says what to do; a check that is well has none. */
export type Check = {
  readonly name: string;
  readonly result: 'ok' | 'warn' | 'fail' | 'skip';
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

const Repair = z.looseObject({ action: z.string(), why: z.string() });
const Examined = z.looseObject({
  overall: z.string(),
  checks: z.array(
    z.looseObject({
      check: z.string(),
      status: z.enum(['PASS', 'WARN', 'FAIL', 'SKIP']),
      message: z.string(),
      repair: Repair.optional(),
    }),
  ),
});
const results = { PASS: 'ok', WARN: 'warn', FAIL: 'fail', SKIP: 'skip' } as const;

export const doctorOf = async (botName: string, command: Command): Promise<void> => {
  const { client, show } = await sessionOf(command);
  const bot = await findBot(client, botName);
  const examined = await client.post(Examined, `/bot-instances/${bot.id}/doctor`, undefined);
  const checks = examined.checks.map(
    ({ check, status: found, message, repair }): Check => ({
      name: check,
      result: results[found],
      detail: message,
      ...(repair ? { fix: `${repair.action}: ${repair.why}` } : {}),
    }),
  );
  show(examined, () => checks.map(checkText).join('\n'));
  if (examined.overall === 'FAIL') throw new CliError(`${bot.name} is not well`);
};

const checkText = ({ name, result, detail, fix }: Check): string => {
  const head = `${status(result).padEnd(4 + status(result).length - result.length)}  ${name}: ${printable(detail)}`;
  return fix === undefined ? head : `${head}\n      ${pc.bold('fix')}: ${printable(fix)}`;
};
