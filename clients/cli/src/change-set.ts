// Waiting for a change set to end, with its progress.
import { setTimeout as wait } from 'node:timers/promises';
import { ChangeSetStatus } from './answers.ts';
import type { Client } from './client.ts';
import { progress } from './progress.ts';

const going = new Set(['PLANNED', 'RUNNING', 'PAUSED', 'ROLLING_BACK']);
const pollMs = 300;

export const isEnded = (status: Pick<ChangeSetStatus, 'status'>): boolean => !going.has(status.status);

/** The status in which the change set ended, or the last one seen when the time was over. */
export const watchChangeSet = async (client: Client, id: string, timeoutMs: number): Promise<ChangeSetStatus> => {
  const bar = progress(`change set ${id.slice(0, 8)}`);
  const end = Date.now() + timeoutMs;
  try {
    for (;;) {
      const status = await client.get(ChangeSetStatus, `/change-sets/${id}/status`);
      const { total, updated, failed } = status.progress;
      bar.update(updated + failed, total, `${status.status}${failed === 0 ? '' : `, ${failed} failed`}`);
      if (isEnded(status) || Date.now() >= end) return status;
      await wait(pollMs);
    }
  } finally {
    bar.end();
  }
};
