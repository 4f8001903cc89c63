// How far a change set is, what that means for its end, and the sentence that says so.
import {
  ChangeSetAborted,
  ChangeSetFinished,
  ChangeSetRolledBack,
  ChangeSetSuperseded,
  type FactOf,
} from '@molthub/contracts';

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

/** Bots that were to go back and for so long have not, with the names of the first few. */
export type Late = { readonly deadlineSeconds: number; readonly bots: number; readonly names: readonly string[] };

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

/** The end of a way back: once no bot is left to wait for, or as failed, with the names of those that nobody heard of. */
export const concludeBack = (
  changeSetId: string,
  progress: Progress,
  late: Late | null,
): readonly FactOf<typeof ChangeSetRolledBack | typeof ChangeSetFinished>[] => {
  const { restored, restoreFailed: failed, restoreSkipped: skipped, toRestore, updated } = progress;
  const message = progressMessage(progress, 'back');
  if (restored + failed + skipped >= toRestore) {
    return [{ type: ChangeSetRolledBack.type, data: { changeSetId, restored, failed, skipped, message } }];
  }
  if (late === null) return [];
  const names = `${late.names.join(', ')}${late.bots > late.names.length ? ', …' : ''}`;
  const told = `${message}. ${late.bots} did not come back within ${late.deadlineSeconds} s: ${names}.`;
  const data = { changeSetId, status: 'FAILED' as const, updated, failed: progress.failed, message: told };
  return [{ type: ChangeSetFinished.type, data }];
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
