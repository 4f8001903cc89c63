// Change sets: where one stands, and starting, aborting or rolling one back.
import type { Command } from 'commander';
import { ChangeSetStatus, Loose } from '../answers.ts';
import { isEnded, watchChangeSet } from '../change-set.ts';
import { CliError } from '../cli-error.ts';
import { cell, fields, note, status as coloured } from '../output.ts';
import { sessionOf } from '../session.ts';

const dayMs = 86_400_000;
const unwanted = new Set(['FAILED', 'ABORTED']);

export const status = async (id: string, options: { watch?: boolean }, command: Command): Promise<void> => {
  const { client, show } = await sessionOf(command);
  const path = `/change-sets/${encodeURIComponent(id)}/status`;
  const seen =
    options.watch === true ? await watchChangeSet(client, id, dayMs) : await client.get(ChangeSetStatus, path);
  show(seen, () => {
    const { total, updated, failed, remaining, percentage } = seen.progress;
    return fields([
      ['status', coloured(seen.status)],
      ['updated', `${updated} of ${total} (${percentage} %)`],
      ['failed', String(failed)],
      ['remaining', String(remaining)],
      ['current wave', cell(seen.currentWave)],
      ['can roll back', cell(seen.canRollback)],
      ['message', cell(seen.message || null)],
    ]);
  });
  if (options.watch === true && isEnded(seen) && unwanted.has(seen.status)) {
    throw new CliError(`the change set ended as ${seen.status}`);
  }
};

export const act = async (verb: string, id: string, options: { reason: string }, command: Command): Promise<void> => {
  const { client, show } = await sessionOf(command);
  const body = options.reason === '' ? {} : { reason: options.reason };
  const answer = await client.post(Loose, `/change-sets/${encodeURIComponent(id)}/${verb}`, body);
  show(answer, () => `${verb} accepted`);
  note(`molthub rollout status ${id} --watch shows how it goes`);
};
