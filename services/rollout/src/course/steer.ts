// What people do to a change set that runs: pause, resume, promote, skip its analysis, end it early or as failed.
import {
  AnalysisSkipped,
  ChangeSetFinished,
  ChangeSetPaused,
  ChangeSetPromoted,
  ChangeSetResumed,
  type CommandOf,
  type CompleteChangeSet,
  type FactOf,
  type FailChangeSet,
  type PauseChangeSet,
  type PromoteChangeSet,
  type ResumeChangeSet,
  type SkipAnalysis,
} from '@molthub/contracts';
import { Rejected, unreachable } from '@molthub/decider';
import { progressMessage } from '../progress.ts';
import { type Ending, failed, untouchedOf } from './judge.ts';
import type { Run } from './run.ts';

/** Ending one early needs to know how far it is, and how many bots are on their way. */
export type Counted = Ending;
export type Steering =
  | CommandOf<typeof PauseChangeSet>
  | CommandOf<typeof ResumeChangeSet>
  | CommandOf<typeof PromoteChangeSet>
  | CommandOf<typeof SkipAnalysis>
  | (CommandOf<typeof CompleteChangeSet> & { readonly counted: Counted })
  | (CommandOf<typeof FailChangeSet> & { readonly counted: Counted });

type SteerFact =
  | ReturnType<typeof failed>[number]
  | FactOf<typeof ChangeSetResumed | typeof ChangeSetPromoted | typeof AnalysisSkipped>;

export const steer = (command: Steering, run: Run): readonly SteerFact[] => {
  const { data, time: at } = command;
  const { changeSetId, reason } = data;
  switch (command.type) {
    case 'rollout.change-set.pause.v1': {
      if (run.paused !== null) return [];
      const { failedBots, deniedBots } = run.accepted;
      return [
        { type: ChangeSetPaused.type, data: { changeSetId, reason, cause: 'PERSON', failedBots, deniedBots, at } },
      ];
    }
    case 'rollout.change-set.resume.v1':
      return run.paused === null ? [] : [{ type: ChangeSetResumed.type, data: { changeSetId, reason, at } }];
    case 'rollout.change-set.promote.v1':
      return promote(command, run);
    case 'rollout.analysis.skip.v1':
      return run.analysisSkipped ? [] : [{ type: AnalysisSkipped.type, data: { changeSetId, reason } }];
    case 'rollout.change-set.complete.v1':
      return complete(command);
    case 'rollout.change-set.fail.v1':
      return failed(changeSetId, run, command.counted, { cause: 'PERSON', reason: reason || 'Somebody ended it.' }, at);
    default:
      return unreachable(command);
  }
};

/** Of the wave that it names: where somebody else's promotion has ended that one, the next stays as it is. */
const promote = (
  { data: { changeSetId, reason, wave: meant } }: CommandOf<typeof PromoteChangeSet>,
  run: Run,
): readonly SteerFact[] => {
  const wave = meant ?? run.wave;
  if (wave > run.wave) {
    const message = `Wave ${wave} has not started; wave ${run.wave} runs. Waves are counted from 0.`;
    throw new Rejected('rollout.wave-not-reached', message, [{ path: 'wave', code: 'not-reached', message }]);
  }
  if (wave < run.wave) return [];
  if (run.paused !== null) throw new Rejected('rollout.paused', 'The change set is paused; resume it first.');
  if (run.promoted) return [];
  return [{ type: ChangeSetPromoted.type, data: { changeSetId, reason, wave } }];
};

/** It claims what has happened and nothing else: while bots are on their way nobody knows that yet. */
const complete = ({
  data: { changeSetId },
  counted: { progress, underWay },
}: CommandOf<typeof CompleteChangeSet> & { readonly counted: Counted }): readonly SteerFact[] => {
  if (underWay > 0) {
    const bots = underWay === 1 ? '1 bot is' : `${underWay} bots are`;
    throw new Rejected(
      'rollout.bots-under-way',
      `${bots} on the way; pause it, and complete it once they have settled.`,
    );
  }
  const { updated, failed: failedBots } = progress;
  const untouched = untouchedOf(progress, underWay);
  const early = untouched.untouched ? ` Ended early: ${untouched.untouched} left as they were.` : '';
  const message = `${progressMessage(progress, 'forward')}.${early}`;
  const status = failedBots > 0 ? ('FAILED' as const) : ('SUCCEEDED' as const);
  return [
    { type: ChangeSetFinished.type, data: { changeSetId, status, updated, failed: failedBots, message, ...untouched } },
  ];
};
