// Takes a change set a step further: from what its bots and gates say to what happens next. Pure; the clock is a fact.
import {
  ChangeSetFinished,
  ChangeSetPaused,
  type FactOf,
  type FailurePolicy,
  type GateKind,
  GateJudged,
  type GateVerdict,
  type PauseCause,
  RollbackStarted,
  type Strategy,
  type VerdictPolicy,
  WavePassed,
  WaveSettled,
  WaveStarted,
} from '@molthub/contracts';
import { conclude, type Progress } from '../progress.ts';
import { countedMs, type Run } from './run.ts';

/** What a gate sees in the wave that runs. */
export type GateSeen = {
  readonly gate: GateKind;
  readonly verdict: GateVerdict;
  readonly message: string;
  readonly evidence: FactOf<typeof GateJudged>['data']['evidence'];
  /** Where it says itself whether another verdict may come; the others are waited for by the clock. */
  readonly isFinal?: boolean;
};

/** What is known of a running change set at a moment. */
export type Observed = {
  /** How it ran when it was observed: what was seen of another wave, or before that settled, says nothing of this one. */
  readonly of: Pick<Run, 'wave' | 'settledAtMs' | 'lookingSinceMs'>;
  readonly strategy: Strategy;
  readonly progress: Progress;
  /** Bots of the wave: those that have not settled, and the others by how they ended. */
  readonly wave: { readonly open: number; readonly updated: number; readonly failed: number; readonly skipped: number };
  /** Bots of the wave after it; null where it is the last. */
  readonly nextBots: number | null;
  /** Distinct bots that were released and failed; those that policy denied were never touched. */
  readonly failedBots: number;
  readonly deniedBots: number;
  readonly releasedBots: number;
  /** Bots of any wave that were released and have not settled. */
  readonly underWay: number;
  /** When a bot of the wave settled last. */
  readonly settledLastMs: number | null;
  readonly gates: readonly GateSeen[];
};

type CourseFact =
  | FactOf<
      | typeof GateJudged
      | typeof WaveSettled
      | typeof WavePassed
      | typeof WaveStarted
      | typeof ChangeSetPaused
      | typeof RollbackStarted
    >
  | ReturnType<typeof conclude>[number];

/** What happens now; nothing where it only has to wait. At most one step: what follows from it is seen at the next look. */
export const judge = (changeSetId: string, run: Run, seen: Observed, time: string): readonly CourseFact[] => {
  if (!isOf(run, seen)) return [];
  const nowMs = Date.parse(time);
  const said = newlySaid(changeSetId, run, seen, time);
  const failure = failureOf(run, seen, nowMs);
  if (failure) return [...said, ...failed(changeSetId, run, seen, failure, time)];
  if (run.paused !== null) return said;
  const stop = pauseOf(run, seen, nowMs);
  if (stop) return [...said, pause(changeSetId, stop, seen, time)];
  if (run.settledAtMs === null) {
    if (seen.wave.open > 0) return said;
    const { updated, failed: failedBots, skipped } = seen.wave;
    return [
      ...said,
      { type: WaveSettled.type, data: { changeSetId, wave: run.wave, updated, failed: failedBots, skipped, at: time } },
    ];
  }
  // What was just said counts from its own time on: the clocks know of it at the next look.
  return said.length > 0 || !isOver(run, seen, nowMs) ? said : passed(changeSetId, run, seen, time);
};

/** A leader that was frozen may have looked long before it decides; another one has gone on meanwhile. */
const isOf = (run: Run, { of }: Observed): boolean =>
  run.wave === of.wave && run.settledAtMs === of.settledAtMs && run.lookingSinceMs === of.lookingSinceMs;

const lookOf = (evidence: GateSeen['evidence']): number | undefined =>
  typeof evidence['look'] === 'number' ? evidence['look'] : undefined;

const newlySaid = (changeSetId: string, run: Run, { gates }: Observed, time: string): readonly CourseFact[] =>
  gates
    // Each look at traces is told, so that none is made twice.
    .filter(
      ({ gate, verdict, evidence }) =>
        run.said[gate]?.verdict !== verdict || (gate === 'TRACES' && run.said[gate]?.look !== lookOf(evidence)),
    )
    .map(({ gate, verdict, message, evidence }) => ({
      type: GateJudged.type,
      data: { changeSetId, wave: run.wave, gate, verdict, message, evidence, at: time },
    }));

/** Gates that are looked at; a skipped analysis leaves health and the hours. */
const lookedAt = (run: Run, { gates }: Observed): readonly GateSeen[] =>
  gates.filter(
    ({ gate, verdict }) =>
      (!run.analysisSkipped || gate === 'HEALTH' || gate === 'WINDOW') &&
      !(verdict === 'FAIL' && run.accepted.gates.includes(gate)),
  );

type Failure = { readonly cause: PauseCause; readonly reason: string };

const failureOf = (run: Run, seen: Observed, nowMs: number): Failure | null => {
  const allowed = Math.max(budgetOf(seen), run.accepted.failedBots);
  if (seen.failedBots > allowed) {
    const names = seen.progress.failedNames.join(', ');
    return { cause: 'BUDGET', reason: `${bots(seen.failedBots)} failed (${names}), and ${allowed} may.` };
  }
  const failing = lookedAt(run, seen).find(
    (one) => one.verdict === 'FAIL' || effective(run, seen, one, nowMs) === 'FAIL',
  );
  if (failing) return { cause: 'GATE', reason: `Gate ${failing.gate} fails wave ${run.wave + 1}: ${failing.message}` };
  const deadlineS = seen.strategy.progressDeadlineSeconds;
  if (run.paused === null && run.settledAtMs === null && seen.wave.open > 0 && deadlineS !== undefined) {
    const sinceMs = Math.max(run.movingSinceMs, seen.settledLastMs ?? 0);
    if (nowMs - sinceMs > deadlineS * 1_000) {
      return { cause: 'DEADLINE', reason: `No bot of wave ${run.wave + 1} has settled for ${deadlineS} s.` };
    }
  }
  return null;
};

/** Without a budget a change set goes on to its end, and has failed then. */
const budgetOf = ({ strategy: { failureBudget }, progress: { total } }: Observed): number => {
  if (failureBudget === undefined) return total;
  return 'count' in failureBudget ? failureBudget.count : Math.floor((failureBudget.percent * total) / 100);
};

const pauseOf = (run: Run, seen: Observed, nowMs: number): Failure | null => {
  if (seen.deniedBots > run.accepted.deniedBots) {
    return {
      cause: 'POLICY',
      reason: `Policy denies ${bots(seen.deniedBots)} of wave ${run.wave + 1}; resume it to go on without them.`,
    };
  }
  // Whoever promoted it waits for no verdict.
  if (run.promoted) return null;
  const stuck = lookedAt(run, seen).find((one) => effective(run, seen, one, nowMs) === 'PAUSE');
  if (!stuck) return null;
  return { cause: 'GATE', reason: `Gate ${stuck.gate} has no verdict for wave ${run.wave + 1}: ${stuck.message}` };
};

/** Whoever resumes what a gate paused gives it time: one that waits for nobody would pause it again at once. */
const resumedWaitMs = 60_000;
const isResumed = ({ settledAtMs, lookingSinceMs }: Run): boolean =>
  settledAtMs !== null && lookingSinceMs > settledAtMs;

/** What follows from a verdict that is neither PASS nor FAIL: to wait, and once that was long enough what its gate says. */
const effective = (
  run: Run,
  { strategy }: Observed,
  { gate, verdict, isFinal }: GateSeen,
  nowMs: number,
): VerdictPolicy | 'WAIT' => {
  if (verdict === 'PASS' || verdict === 'FAIL') return verdict;
  const rules = rulesOf(strategy, gate);
  if (run.settledAtMs === null || rules === null) return 'WAIT';
  const waitMs = isResumed(run) ? Math.max(rules.waitMs, resumedWaitMs) : rules.waitMs;
  return (isFinal ?? countedMs(run.waited, nowMs) >= waitMs) ? rules[verdict] : 'WAIT';
};

type Rules = Readonly<Record<'INCONCLUSIVE' | 'NO_DATA' | 'ERROR', VerdictPolicy>> & { readonly waitMs: number };

/** How long a gate is waited for; null: as long as it takes. */
const rulesOf = ({ gates }: Strategy, gate: GateKind): Rules | null => {
  const of = (
    policies: {
      onInconclusive?: VerdictPolicy | undefined;
      onNoData?: VerdictPolicy | undefined;
      onError?: VerdictPolicy | undefined;
    },
    seconds: number,
  ): Rules => ({
    INCONCLUSIVE: policies.onInconclusive ?? 'PAUSE',
    NO_DATA: policies.onNoData ?? 'PAUSE',
    ERROR: policies.onError ?? 'PAUSE',
    waitMs: seconds * 1_000,
  });
  switch (gate) {
    case 'HEALTH':
      return gates?.health ? of(gates.health, gates.health.waitSeconds ?? 300) : null;
    case 'TRACES':
      // Its last look is the end of it.
      return gates?.traces ? of(gates.traces, 0) : null;
    case 'WEBHOOK':
      return gates?.webhook ? of(gates.webhook, gates.webhook.waitSeconds ?? 300) : null;
    case 'WINDOW':
    case 'APPROVAL':
      return null;
  }
};

/** Whether the wave that bakes is over: nobody waits for anything any more. */
const isOver = (run: Run, seen: Observed, nowMs: number): boolean => {
  const isLast = seen.nextBots === null;
  // The hours are asked only where another wave would start.
  const open = lookedAt(run, seen).filter(({ gate }) => gate !== 'WINDOW' || !isLast);
  const waiting = open.filter((one) => one.verdict !== 'PASS' && effective(run, seen, one, nowMs) !== 'PASS');
  if (run.promoted) return waiting.every(({ gate }) => gate !== 'WINDOW');
  const { bakeSeconds = 0, finalBakeSeconds = 0 } = seen.strategy;
  const bakeMs = (isLast ? finalBakeSeconds : bakeSeconds) * 1_000;
  return waiting.length === 0 && countedMs(isHealthWaived(seen) ? run.waited : run.baked, nowMs) >= bakeMs;
};

/** Where somebody or its policy does without health, it cannot hold up the bake either. */
const isHealthWaived = ({ gates }: Observed): boolean =>
  gates.some(({ gate, verdict }) => gate === 'HEALTH' && verdict !== 'PASS');

const passed = (changeSetId: string, run: Run, seen: Observed, time: string): readonly CourseFact[] => {
  const { nextBots } = seen;
  const unsure = lookedAt(run, seen).filter(({ gate, verdict }) => verdict !== 'PASS' && gate !== 'WINDOW');
  const message = unsure.map(({ gate, verdict, message: why }) => `${gate} is ${verdict}: ${why}`).join(' ');
  const by = run.promoted ? ('PROMOTION' as const) : ('GATES' as const);
  const over = { type: WavePassed.type, data: { changeSetId, wave: run.wave, by, message, at: time } };
  // What its budget allows for, and what policy never let move, is no failure of it.
  const allowed = seen.strategy.failureBudget === undefined ? 0 : Math.max(budgetOf(seen), run.accepted.failedBots);
  if (nextBots === null) return [over, ...conclude(changeSetId, seen.progress, false, seen.failedBots > allowed)];
  return [over, { type: WaveStarted.type, data: { changeSetId, wave: run.wave + 1, bots: nextBots, at: time } }];
};

/** What has to be known of a change set to end it. */
export type Ending = Pick<
  Observed,
  'strategy' | 'releasedBots' | 'progress' | 'failedBots' | 'deniedBots' | 'underWay'
>;

/** What a strategy says of failing. Where somebody has paused it, and it says to pause, it is so already. */
export const failed = (
  changeSetId: string,
  run: Run,
  seen: Ending,
  { cause, reason }: Failure,
  time: string,
): readonly CourseFact[] => {
  const { strategy, releasedBots, progress } = seen;
  const { onFailure = 'STOP' } = strategy;
  const policy: FailurePolicy = onFailure === 'ROLL_BACK' && releasedBots === 0 ? 'STOP' : onFailure;
  switch (policy) {
    case 'ROLL_BACK':
      return [{ type: RollbackStarted.type, data: { changeSetId, reason, bots: releasedBots, cause } }];
    case 'STOP': {
      const { updated, failed: failedBots } = progress;
      return [
        {
          type: ChangeSetFinished.type,
          data: {
            changeSetId,
            status: 'FAILED',
            updated,
            failed: failedBots,
            message: reason,
            ...untouchedOf(progress, seen.underWay),
          },
        },
      ];
    }
    case 'PAUSE':
      return run.paused === null ? [pause(changeSetId, { cause, reason }, seen, time)] : [];
  }
};

/** Bots that a change set which ends now leaves as they are. */
export const untouchedOf = (
  { total, updated, failed: failedBots, skipped }: Progress,
  underWay: number,
): { untouched?: number } => {
  const untouched = total - updated - failedBots - skipped - underWay;
  return untouched > 0 ? { untouched } : {};
};

const pause = (
  changeSetId: string,
  { cause, reason }: Failure,
  { failedBots, deniedBots }: Pick<Observed, 'failedBots' | 'deniedBots'>,
  at: string,
): CourseFact => ({ type: ChangeSetPaused.type, data: { changeSetId, cause, reason, failedBots, deniedBots, at } });

const bots = (count: number): string => (count === 1 ? '1 bot' : `${count} bots`);
