// Waiting for a change set to end, with its progress.
import { setTimeout as wait } from 'node:timers/promises';
import { z } from 'zod';
import { ChangeSetStatus, Fleet } from './answers.ts';
import { newsOf } from './change-set-text.ts';
import type { Client } from './client.ts';
import { note } from './output.ts';
import { progress } from './progress.ts';

const waiting = new Set(['PLANNED', 'AWAITING_APPROVAL', 'APPROVED']);
const going = new Set(['RUNNING', 'PAUSED', 'ROLLING_BACK']);
const pollMs = 300;

export const isEnded = ({ status }: Pick<ChangeSetStatus, 'status'>): boolean =>
  !waiting.has(status) && !isGoing(status);

/** Whether it was started, and has not ended. */
export const isGoing = (status: string): boolean => going.has(status);

const Releasing = z.looseObject({ release: Fleet.shape.release, status: z.string().optional() });

/** Why somebody has to start the change sets of a fleet; undefined where they start by themselves. */
export const whyByHand = async (client: Client, fleetId: string): Promise<string | undefined> => {
  const { release, status } = await client.get(Releasing, `/fleets/${fleetId}`);
  if (release?.mode === 'manual') return 'its fleet releases manually';
  return status === 'PAUSED' || status === 'DRAINING' ? `its fleet is ${status}` : undefined;
};

/**
 * The status in which the change set ended, or the last one seen when the time was over. With `tells`, what comes about
 * meanwhile is told: waves, verdicts, what it waits for.
 */
export const watchChangeSet = async (
  client: Client,
  id: string,
  timeoutMs: number,
  { tells = false }: { readonly tells?: boolean } = {},
): Promise<ChangeSetStatus> => {
  const bar = progress(`change set ${id.slice(0, 8)}`);
  const end = Date.now() + timeoutMs;
  let before: ChangeSetStatus | undefined;
  try {
    for (;;) {
      const status = await client.get(ChangeSetStatus, `/change-sets/${id}/status`);
      const news = tells ? newsOf(id, before, status) : [];
      if (news.length > 0) bar.end();
      for (const line of news) note(line);
      before = status;
      const { total, updated, failed } = status.progress;
      bar.update(updated + failed, total, `${status.status}${failed === 0 ? '' : `, ${failed} failed`}`);
      if (isEnded(status) || Date.now() >= end) return status;
      await wait(pollMs);
    }
  } finally {
    bar.end();
  }
};
