// Makes the server have what the documents say: shows the plan, then works in the order of the kinds, bots last.
import { createInterface } from 'node:readline/promises';
import type { Problem } from '@molthub/contracts';
import type { Command } from 'commander';
import { CliError, toldOnce, usageError } from '../cli-error.ts';
import { applyPlan } from '../apply-plan.ts';
import { diffText, itemOf } from '../diff-items.ts';
import type { Desired } from '../desired.ts';
import { desiredFrom } from '../manifest-files.ts';
import { amount, note } from '../output.ts';
import { ownerOf } from '../ownership.ts';
import type { Step } from '../plan.ts';
import { planFor } from '../read-plan.ts';
import { sessionOf } from '../session.ts';
import { impossible, problemOf } from '../sync-check.ts';
import { notThere, waitForMoved } from '../wait-for-moved.ts';

export type ApplyOptions = {
  readonly file: readonly string[];
  readonly owner?: string;
  readonly prune?: boolean;
  readonly yes?: boolean;
  readonly dryRun?: boolean;
  /** Commander sets it for --wait (true) and --no-wait (false). */
  readonly wait?: boolean;
  readonly timeout: number;
};

export const apply = async (options: ApplyOptions, command: Command): Promise<void> => {
  const owner = options.owner === undefined ? undefined : ownerOf(options.owner);
  if (options.prune === true && owner === undefined) {
    throw usageError('--prune deletes only what has the label of an owner; say which with --owner');
  }
  const desired = await desiredFrom(options.file);
  const { client, show } = await sessionOf(command);
  const plan = await planFor(client, desired, { owner, prune: options.prune });
  const items = plan.map(itemOf);
  show(items, () => diffText(items));
  refuseImpossible(plan, desired);
  if (options.dryRun === true) return note('dry run: nothing was changed');
  await confirm(plan, owner ?? '', options.yes === true);
  const { changed, layers, refused, deleted } = await applyPlan(client, plan);
  if (deleted.length > 0) note(`${amount(deleted.length, 'thing')} deleted`);
  const failed = failure(refused, await waitForMoved(client, { changed, layers }, options));
  if (failed !== undefined) throw failed;
};

const refuseImpossible = (plan: readonly Step[], desired: readonly Desired[]): void => {
  const problems = impossible(plan, problemOf(desired)).map((problem) => ({ ...problem, code: 'impossible' }));
  if (problems.length === 0) return;
  throw new CliError('nothing was changed', { problems });
};

/** Deleting takes a bot's state with it: the owner's name has to be typed, or --yes given. */
const confirm = async (plan: readonly Step[], owner: string, isSure: boolean): Promise<void> => {
  const count = plan.filter(({ action }) => action === 'delete').length;
  if (count === 0 || isSure) return;
  if (!process.stdin.isTTY) {
    throw new CliError(`nothing was changed: ${amount(count, 'thing')} would be deleted; add --yes to delete`);
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(`${amount(count, 'thing')} will be deleted. Type ${owner} to go on: `);
    if (answer.trim() !== owner) throw new CliError('nothing was changed');
  } finally {
    terminal.close();
  }
};

/** Whoever was refused first, since nothing will change that by itself; then who is not there. */
const failure = (refused: readonly CliError[], problems: readonly Problem[]): CliError | undefined => {
  const [only] = refused;
  if (only === undefined) return problems.length === 0 ? undefined : notThere(problems);
  if (refused.length === 1 && problems.length === 0) return only;
  const told = refused.map(toldOnce).flatMap(({ message, problems: details }) => [
    { path: '', code: '', message },
    ...details.map((problem) => ({
      ...problem,
      ...(problem.path === '' ? { message: `  ${problem.message}` } : { path: `  ${problem.path}` }),
    })),
  ]);
  const what = `${amount(refused.length, 'document')} ${refused.length === 1 ? 'was' : 'were'} refused`;
  const more = problems.length === 0 ? '' : ', and not every bot is what it is to be';
  return new CliError(`${what}${more}`, { problems: [...told, ...problems] });
};
