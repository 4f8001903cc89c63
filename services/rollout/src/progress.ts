// How far a change set is, what that means for its end, and the sentence that says so.
import { ChangeSetAborted, ChangeSetFinished, ChangeSetSuperseded, type FactOf } from '@molthub/contracts';

/** Counts of bots. `failedNames` are the first few that failed in the direction that is under way. */
export type Progress = {
  readonly total: number;
  readonly updated: number;
  readonly failed: number;
  readonly skipped: number;
  readonly toRestore: number;
  readonly restored: number;
  readonly restoreFailed: number;
  readonly restoreSkipped: number;
  readonly failedNames: readonly string[];
  readonly supersededBy: string | null;
};

type End = FactOf<typeof ChangeSetFinished | typeof ChangeSetSuperseded | typeof ChangeSetAborted>;

/** The end that follows from settled bots; none while some are under way. Any failure makes it FAILED, unless whoever asks says otherwise. */
export const conclude = (
  changeSetId: string,
  progress: Progress,
  neverStarted: boolean,
  hasFailed = progress.failed > 0,
): readonly End[] => {
  const { total, updated, failed, skipped, supersededBy } = progress;
  if (updated + failed + skipped < total) return [];
  if (failed === 0 && updated === 0 && supersededBy !== null) {
    return [{ type: ChangeSetSuperseded.type, data: { changeSetId, byChangeSetId: supersededBy } }];
  }
  if (neverStarted) {
    return [{ type: ChangeSetAborted.type, data: { changeSetId, reason: 'None of its bots is left to release.' } }];
  }
  const status = hasFailed ? 'FAILED' : 'SUCCEEDED';
  const message = progressMessage(progress, 'forward');
  return [{ type: ChangeSetFinished.type, data: { changeSetId, status, updated, failed, message } }];
};

/** One sentence: how many bots went which way, and which failed. */
export const progressMessage = (progress: Progress, direction: 'forward' | 'back'): string => {
  const [done, failed, skipped, word] =
    direction === 'forward'
      ? [progress.updated, progress.failed, progress.skipped, 'updated']
      : [progress.restored, progress.restoreFailed, progress.restoreSkipped, 'restored'];
  const names = progress.failedNames.join(', ');
  const more = failed > progress.failedNames.length ? ', …' : '';
  return [
    `${count(done)} ${word}`,
    ...(failed > 0 ? [`${failed} failed (${names}${more})`] : []),
    ...(skipped > 0 ? [`${skipped} skipped`] : []),
  ].join(', ');
};

const count = (bots: number): string => (bots === 1 ? '1 bot' : `${bots} bots`);
