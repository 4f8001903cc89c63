// Makes the server have what the documents say: shows the plan, then works in the order of the kinds, bots last.
import type { Command } from 'commander';
import { CliError, toldOnce } from '../cli-error.ts';
import { applyPlan } from '../apply-plan.ts';
import type { BotChange } from '../document-kind.ts';
import { desiredFrom } from '../manifest-files.ts';
import { note } from '../output.ts';
import type { Step } from '../plan.ts';
import { planFor, planText } from '../read-plan.ts';
import { sessionOf } from '../session.ts';
import { waitForBots } from '../wait-for-bots.ts';

export type ApplyOptions = {
  readonly file: readonly string[];
  readonly dryRun?: boolean;
  /** Commander sets it for --wait (true) and --no-wait (false). */
  readonly wait?: boolean;
  readonly timeout: number;
};

export const apply = async (options: ApplyOptions, command: Command): Promise<void> => {
  const desired = await desiredFrom(options.file);
  const { client, show } = await sessionOf(command);
  const plan = await planFor(client, desired);
  show(plan.map(summary), () => planText(plan));
  const impossible = plan.filter((step) => step.action === 'impossible');
  if (impossible.length > 0) {
    throw new CliError('nothing was changed', {
      problems: impossible.map((step) => ({ path: step.desired.title, code: 'impossible', message: step.reason })),
    });
  }
  if (options.dryRun === true) return note('dry run: nothing was changed');
  const { changed, refused } = await applyPlan(client, plan);
  if (options.wait !== false) await waited(client, changed, options);
  refuse(refused);
};

const refuse = (refused: readonly CliError[]): void => {
  const [only] = refused;
  if (only === undefined) return;
  if (refused.length === 1) throw only;
  const problems = refused.map(toldOnce).flatMap((told) => [
    { path: '', code: '', message: told.message },
    ...told.problems.map((problem) => ({
      ...problem,
      ...(problem.path === '' ? { message: `  ${problem.message}` } : { path: `  ${problem.path}` }),
    })),
  ]);
  throw new CliError(`${refused.length} bots were refused`, { problems });
};

const waited = async (
  client: Parameters<typeof waitForBots>[0],
  changed: readonly BotChange[],
  options: ApplyOptions,
): Promise<void> => {
  const held = changed.filter((bot) => !bot.released);
  for (const bot of held) note(`${bot.title} is not released: its fleet releases manually; start a change set for it`);
  const problems = await waitForBots(
    client,
    changed.filter((bot) => bot.released),
    { timeoutMs: options.timeout * 1_000, timelines: options.wait === true || changed.length === 1 },
  );
  if (problems.length > 0) throw new CliError('not every bot is what it is to be', { problems });
};

const summary = (step: Step) => ({
  title: step.desired.title,
  action: step.action,
  ...('changes' in step ? { changes: step.changes } : {}),
  ...('reason' in step ? { reason: step.reason } : {}),
});
