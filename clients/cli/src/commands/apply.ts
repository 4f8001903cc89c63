// Makes the server have what the documents say: shows the plan, then works in the order of the kinds, bots last.
import { createInterface } from 'node:readline/promises';
import type { Problem } from '@molthub/contracts';
import type { Command } from 'commander';
import { CliError, toldOnce, usageError } from '../cli-error.ts';
import { type Applied, applyPlan } from '../apply-plan.ts';
import type { Client } from '../client.ts';
import { diffText, itemOf } from '../diff-items.ts';
import type { BotChange } from '../document-kind.ts';
import type { Desired } from '../desired.ts';
import { desiredFrom } from '../manifest-files.ts';
import { amount, note } from '../output.ts';
import { ownerOf } from '../ownership.ts';
import type { Step } from '../plan.ts';
import { planFor } from '../read-plan.ts';
import { sessionOf } from '../session.ts';
import { impossible, problemOf } from '../sync-check.ts';
import { waitForBots } from '../wait-for-bots.ts';
import { waitForLayers } from '../wait-for-layers.ts';

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
  await waited(client, { changed, layers }, options);
  refuse(refused);
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
  throw new CliError(`${refused.length} documents were refused`, { problems });
};

/** The bots that layers move are looked for first, so that they are told even where a bot of a document fails. */
const waited = async (client: Client, { changed, layers }: Waiting, options: ApplyOptions): Promise<void> => {
  const end = Date.now() + options.timeout * 1_000;
  const byLayers = await waitForLayers(client, layers, { end, wait: options.wait !== false });
  // What a person has to start was told, and is nothing that went wrong.
  const problems = byLayers.filter(({ code }) => code !== 'manual');
  if (options.wait !== false) problems.push(...(await waitedForBots(client, changed, end, options)));
  if (problems.length > 0) throw new CliError('not every bot is what it is to be', { problems });
};
type Waiting = Pick<Applied, 'changed' | 'layers'>;

const waitedForBots = (
  client: Client,
  changed: readonly BotChange[],
  end: number,
  options: ApplyOptions,
): Promise<Problem[]> => {
  const held = changed.filter((bot) => !bot.released);
  for (const bot of held) note(`${bot.title} is not released: its fleet releases manually; start a change set for it`);
  return waitForBots(
    client,
    changed.filter((bot) => bot.released),
    { timeoutMs: Math.max(end - Date.now(), 0), timelines: options.wait === true || changed.length === 1 },
  );
};
