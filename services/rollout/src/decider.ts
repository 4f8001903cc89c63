// A change set: from a plan to its end, and back. What happens to each bot is in its stream `release-<id>-<bot>`.
import {
  AbortChangeSet,
  type Actor,
  AnalysisSkipped,
  ApproveChangeSet,
  BotReleased,
  ChangeSetAborted,
  ChangeSetApproved,
  ChangeSetDeclined,
  ChangeSetExpired,
  ChangeSetFinished,
  ChangeSetPaused,
  ChangeSetPlanned,
  ChangeSetPromoted,
  ChangeSetRefused,
  ChangeSetResumed,
  ChangeSetRolledBack,
  ChangeSetStarted,
  ChangeSetSuperseded,
  type CommandOf,
  CompleteChangeSet,
  CreateChangeSet,
  DeclineChangeSet,
  ExpireChangeSet,
  type FactOf,
  FailChangeSet,
  FinishChangeSet,
  type FleetStatus,
  GateJudged,
  JudgeChangeSet,
  PauseChangeSet,
  PlanEntered,
  PlanLayers,
  PlanRecorded,
  PlanRelease,
  PromoteChangeSet,
  ResumeChangeSet,
  RollBackChangeSet,
  RollbackStarted,
  SkipAnalysis,
  StartChangeSet,
  type Strategy,
  WavePassed,
  WaveSettled,
  WaveStarted,
} from '@molthub/contracts';
import { type Decider, type Placed, Rejected, unreachable } from '@molthub/decider';
import { type Approval, approve, decline, expire, missingApprovals } from './course/approval.ts';
import { judge, type Observed } from './course/judge.ts';
import { firstWave, judged, nextWave, paused, resumed, type Run, type Said, settled } from './course/run.ts';
import { steer, type Steering } from './course/steer.ts';
import type { Gathering } from './gathering.ts';
import {
  type Creating,
  create,
  isStaged,
  planLayers,
  planRelease,
  started,
  takesRollouts,
} from './planning/make-plan.ts';
import type { WindowSeen } from './course/observe.ts';
import { conclude, concludeBack, type Late, type Progress } from './progress.ts';

export const changeSetEvents = [
  ChangeSetPlanned,
  ChangeSetRefused,
  PlanRecorded,
  PlanEntered,
  ChangeSetApproved,
  ChangeSetDeclined,
  ChangeSetExpired,
  ChangeSetStarted,
  WaveStarted,
  BotReleased,
  WaveSettled,
  GateJudged,
  WavePassed,
  ChangeSetPaused,
  ChangeSetResumed,
  ChangeSetPromoted,
  AnalysisSkipped,
  ChangeSetFinished,
  ChangeSetAborted,
  ChangeSetSuperseded,
  RollbackStarted,
  ChangeSetRolledBack,
] as const;
export type ChangeSetFact = FactOf<(typeof changeSetEvents)[number]>;

export const changeSetCommands = [
  PlanRelease,
  PlanLayers,
  CreateChangeSet,
  StartChangeSet,
  ApproveChangeSet,
  DeclineChangeSet,
  ExpireChangeSet,
  JudgeChangeSet,
  PauseChangeSet,
  ResumeChangeSet,
  PromoteChangeSet,
  SkipAnalysis,
  CompleteChangeSet,
  FailChangeSet,
  AbortChangeSet,
  RollBackChangeSet,
  FinishChangeSet,
] as const;

export type Plan = {
  readonly bots: number;
  readonly firstBots: number;
  readonly waves: number;
  readonly planHash: string;
  readonly strategy: Strategy;
  readonly author: Actor;
  readonly approvals: readonly Approval[];
};

export type ChangeSet =
  | { readonly at: 'nothing' }
  | { readonly at: 'planned'; readonly plan: Plan }
  /** `run` is null until its first wave starts. */
  | { readonly at: 'running'; readonly plan: Plan; readonly run: Run | null }
  | { readonly at: 'ended'; readonly status: 'SUCCEEDED' | 'FAILED' | 'ABORTED' }
  | { readonly at: 'rolling-back' }
  | { readonly at: 'closed'; readonly status: 'SUPERSEDED' | 'ROLLED_BACK' | 'EXPIRED' };

type Finishing = { readonly progress: Progress | null; readonly late: Late | null };
type Starting = { readonly fleetStatus: FleetStatus | null; readonly window: WindowSeen };

export type ChangeSetCommand =
  | CommandOf<typeof PlanRelease>
  | (CommandOf<typeof PlanLayers> & { readonly gathering: Gathering })
  | (CommandOf<typeof CreateChangeSet> & Creating)
  | (CommandOf<typeof StartChangeSet> & Starting)
  | CommandOf<typeof ApproveChangeSet>
  | CommandOf<typeof DeclineChangeSet>
  | (CommandOf<typeof ExpireChangeSet> & { readonly plannedAtMs: number })
  | CommandOf<typeof AbortChangeSet>
  | (CommandOf<typeof RollBackChangeSet> & { readonly releasedBots: number })
  | (CommandOf<typeof FinishChangeSet> & Finishing)
  | (CommandOf<typeof JudgeChangeSet> & { readonly observed: Observed | null })
  | Steering;

const decide = (command: ChangeSetCommand, state: ChangeSet): readonly Placed<ChangeSetFact>[] => {
  switch (command.type) {
    case 'rollout.release.plan.v1':
      return state.at === 'nothing' ? planRelease(command) : [];
    case 'rollout.layers.plan.v1':
      return state.at === 'nothing' ? planLayers(command) : [];
    case 'rollout.change-set.create.v1':
      return state.at === 'nothing' ? create(command) : [];
    case 'rollout.change-set.start.v1':
      return start(command, state);
    case 'rollout.change-set.approve.v1':
      if (state.at !== 'planned') throw wrongState(state, 'approved');
      return approve(command, state.plan);
    case 'rollout.change-set.decline.v1':
      if (state.at !== 'planned') throw wrongState(state, 'declined');
      return decline(command, state.plan);
    case 'rollout.change-set.expire.v1': {
      const { data, plannedAtMs, time } = command;
      return state.at === 'planned' ? expire(data.changeSetId, state.plan, plannedAtMs, Date.parse(time)) : [];
    }
    case 'rollout.change-set.abort.v1':
      return abort(command, state);
    case 'rollout.change-set.roll-back.v1':
      return rollBack(command, state);
    case 'rollout.change-set.finish.v1':
      return finish(command, state);
    case 'rollout.change-set.judge.v1': {
      const { data, observed, time } = command;
      if (state.at !== 'running' || state.run === null || observed === null || !isStaged(state.plan.strategy))
        return [];
      return judge(data.changeSetId, state.run, observed, time);
    }
    case 'rollout.change-set.pause.v1':
    case 'rollout.change-set.resume.v1':
    case 'rollout.change-set.promote.v1':
    case 'rollout.analysis.skip.v1':
    case 'rollout.change-set.complete.v1':
    case 'rollout.change-set.fail.v1':
      if (state.at !== 'running' || state.run === null) throw wrongState(state, steered[command.type]);
      return steer(command, state.run);
    default:
      return unreachable(command);
  }
};

const steered: Readonly<Record<Steering['type'], string>> = {
  'rollout.change-set.pause.v1': 'paused',
  'rollout.change-set.resume.v1': 'resumed',
  'rollout.change-set.promote.v1': 'promoted',
  'rollout.analysis.skip.v1': 'spared its analysis',
  'rollout.change-set.complete.v1': 'completed',
  'rollout.change-set.fail.v1': 'ended as failed',
};

const start = (
  { data, time, fleetStatus, window }: CommandOf<typeof StartChangeSet> & Starting,
  state: ChangeSet,
): readonly ChangeSetFact[] => {
  if (state.at === 'running') return [];
  if (state.at !== 'planned') throw wrongState(state, 'started');
  if (!takesRollouts(fleetStatus)) {
    throw new Rejected(
      'rollout.fleet-paused',
      `The fleet is ${fleetStatus} and takes no rollouts; set it to ACTIVE first.`,
    );
  }
  const missing = missingApprovals(state.plan, Date.parse(time));
  if (missing > 0) {
    throw new Rejected(
      'rollout.not-approved',
      `${missing === 1 ? '1 approval is' : `${missing} approvals are`} missing, of somebody who did not make this plan.`,
    );
  }
  if (!window.open) throw new Rejected('rollout.outside-window', `No wave may start now: ${window.message}`);
  return started(data.changeSetId, state.plan.firstBots, time);
};

const abort = (command: CommandOf<typeof AbortChangeSet>, state: ChangeSet): readonly ChangeSetFact[] => {
  switch (state.at) {
    case 'nothing':
      throw wrongState(state, 'aborted');
    case 'planned':
    case 'running': {
      const { changeSetId, reason } = command.data;
      return [{ type: ChangeSetAborted.type, data: { changeSetId, reason } }];
    }
    case 'rolling-back':
      throw wrongState(state, 'aborted');
    // Idempotent, and a no-op once the change set is over: nothing is left that could be stopped.
    case 'ended':
    case 'closed':
      return [];
    default:
      return unreachable(state);
  }
};

const rollBack = (
  command: CommandOf<typeof RollBackChangeSet> & { readonly releasedBots: number },
  state: ChangeSet,
): readonly ChangeSetFact[] => {
  if (state.at === 'rolling-back') return [];
  if (state.at !== 'running' && state.at !== 'ended') throw wrongState(state, 'rolled back');
  if (command.releasedBots === 0) {
    throw new Rejected('rollout.nothing-to-roll-back', 'This change set has not released any bot; abort it instead.');
  }
  const { changeSetId, reason } = command.data;
  return [{ type: RollbackStarted.type, data: { changeSetId, reason, bots: command.releasedBots } }];
};

const finish = (
  { data: { changeSetId }, progress, late }: CommandOf<typeof FinishChangeSet> & Finishing,
  state: ChangeSet,
): readonly ChangeSetFact[] => {
  if (!progress) return [];
  if (state.at === 'rolling-back') return concludeBack(changeSetId, progress, late);
  if (state.at !== 'planned' && state.at !== 'running') return [];
  // The waves of one that is judged end with a verdict.
  if (state.at === 'running' && (isStaged(state.plan.strategy) || state.run?.paused != null)) return [];
  return conclude(changeSetId, progress, state.at === 'planned');
};

const wrongState = (state: ChangeSet, wanted: string): Rejected => {
  if (state.at === 'nothing') return new Rejected('rollout.change-set-not-found', 'There is no such change set.');
  const now = state.at === 'ended' || state.at === 'closed' ? state.status : state.at.toUpperCase().replace('-', '_');
  return new Rejected('rollout.change-set-not-in-state', `The change set is ${now} and cannot be ${wanted}.`);
};

const evolve = (state: ChangeSet, fact: ChangeSetFact): ChangeSet => {
  switch (fact.type) {
    case 'rollout.change-set.planned.v1': {
      const { bots, waves, planHash, strategy, author } = fact.data;
      return { at: 'planned', plan: { bots, firstBots: 0, waves, planHash, strategy, author, approvals: [] } };
    }
    case 'rollout.plan.recorded.v1': {
      if (state.at !== 'planned') return state;
      const first = fact.data.bots.filter(({ wave }) => wave === 0).length;
      return { ...state, plan: { ...state.plan, firstBots: state.plan.firstBots + first } };
    }
    case 'rollout.change-set.approved.v1': {
      if (state.at !== 'planned') return state;
      const approval = { approver: fact.data.approver, atMs: Date.parse(fact.data.at) };
      return { ...state, plan: { ...state.plan, approvals: [...state.plan.approvals, approval] } };
    }
    case 'rollout.change-set.started.v1':
      return state.at === 'planned' ? { at: 'running', plan: state.plan, run: null } : state;
    case 'rollout.change-set.refused.v1':
      return { at: 'ended', status: 'FAILED' };
    case 'rollout.change-set.finished.v1':
      return { at: 'ended', status: fact.data.status };
    case 'rollout.change-set.declined.v1':
    case 'rollout.change-set.aborted.v1':
      return { at: 'ended', status: 'ABORTED' };
    case 'rollout.change-set.expired.v1':
      return { at: 'closed', status: 'EXPIRED' };
    case 'rollout.change-set.superseded.v1':
      return { at: 'closed', status: 'SUPERSEDED' };
    case 'rollout.change-set.rollback-started.v1':
      return { at: 'rolling-back' };
    case 'rollout.change-set.rolled-back.v1':
      return { at: 'closed', status: 'ROLLED_BACK' };
    case 'rollout.plan.entered.v1':
    case 'rollout.bot.released.v1':
    case 'rollout.wave.passed.v1':
      return state;
    case 'rollout.wave.started.v1':
    case 'rollout.wave.settled.v1':
    case 'rollout.gate.judged.v1':
    case 'rollout.change-set.paused.v1':
    case 'rollout.change-set.resumed.v1':
    case 'rollout.change-set.promoted.v1':
    case 'rollout.analysis.skipped.v1':
      return state.at === 'running' ? { ...state, run: runAfter(state.plan, state.run, fact) } : state;
    default:
      return unreachable(fact);
  }
};

type RunFact = FactOf<
  | typeof WaveStarted
  | typeof WaveSettled
  | typeof GateJudged
  | typeof ChangeSetPaused
  | typeof ChangeSetResumed
  | typeof ChangeSetPromoted
  | typeof AnalysisSkipped
>;

const saidOf = ({ verdict, message, evidence: { look } }: FactOf<typeof GateJudged>['data']): Said => ({
  verdict,
  message,
  ...(typeof look === 'number' ? { look } : {}),
});

const runAfter = ({ waves }: Plan, run: Run | null, fact: RunFact): Run | null => {
  if (fact.type === 'rollout.wave.started.v1') {
    const atMs = Date.parse(fact.data.at ?? '1970-01-01T00:00:00.000Z');
    return run === null ? firstWave(waves, atMs) : nextWave(run, fact.data.wave, atMs);
  }
  if (run === null) return null;
  switch (fact.type) {
    case 'rollout.wave.settled.v1':
      return settled(run, Date.parse(fact.data.at));
    case 'rollout.gate.judged.v1':
      return judged(run, fact.data.gate, saidOf(fact.data), Date.parse(fact.data.at));
    case 'rollout.change-set.paused.v1':
      return paused(run, fact.data.cause, fact.data, Date.parse(fact.data.at));
    case 'rollout.change-set.resumed.v1':
      return resumed(run, Date.parse(fact.data.at));
    case 'rollout.change-set.promoted.v1':
      return { ...run, promoted: true };
    case 'rollout.analysis.skipped.v1':
      return { ...run, analysisSkipped: true };
    default:
      return unreachable(fact);
  }
};

export const changeSet: Decider<ChangeSet, ChangeSetCommand, ChangeSetFact> = {
  initial: { at: 'nothing' },
  decide,
  evolve,
};
