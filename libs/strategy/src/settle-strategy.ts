// A strategy as it will be in force: each default written down, and what cannot work refused before anything moves.
import type {
  ApprovalGate,
  FailurePolicy,
  Gates,
  HealthGate,
  Share,
  Strategy,
  TracesGate,
  VerdictPolicy,
  WebhookGate,
} from '@molthub/contracts';
import { type Reason, Rejected, unreachable } from '@molthub/decider';
import { windowProblems } from './windows.ts';

/**
 * The same strategy with every default that it leaves open, so that a plan says what is in force. `ALL` gets none but
 * inside what it names itself, and a deadline where it names anything. Throws `Rejected`, naming each field, for what can
 * never work.
 */
export const settleStrategy = (strategy: Strategy): Strategy => {
  refuse(strategyProblems(strategy, 'strategy'));
  switch (strategy.kind) {
    case 'ALL':
      return Object.keys(strategy).length > 1 ? settleAll(strategy) : strategy;
    case 'PERCENTAGE':
    case 'RINGS':
      return { ...strategy, ...settlePace(strategy) };
    case 'CANARY':
      return { ...strategy, steps: strategy.steps ?? [100], ...settlePace(strategy) };
    default:
      return unreachable(strategy);
  }
};

const gates = 'strategy.gates';
/** Where a strategy names none. */
export const progressDeadlineSeconds = 600;

const rollBack: FailurePolicy = 'ROLL_BACK';
const pause: VerdictPolicy = 'PAUSE';

/** A bot that never answers must not keep it on its way for ever. */
const settleAll = (strategy: Extract<Strategy, { readonly kind: 'ALL' }>): Strategy => ({
  ...strategy,
  progressDeadlineSeconds: strategy.progressDeadlineSeconds ?? progressDeadlineSeconds,
  ...(strategy.gates && { gates: settleGates(strategy.gates) }),
});

const settlePace = (strategy: Strategy) => ({
  bakeSeconds: strategy.bakeSeconds ?? 0,
  finalBakeSeconds: strategy.finalBakeSeconds ?? 0,
  progressDeadlineSeconds: strategy.progressDeadlineSeconds ?? progressDeadlineSeconds,
  failureBudget: strategy.failureBudget ?? { count: 0 },
  onFailure: strategy.onFailure ?? rollBack,
  gates: settleGates({ ...strategy.gates, health: strategy.gates?.health ?? {} }),
});

const settleGates = ({ health, traces, webhook, approval, ...others }: Gates): Gates => ({
  ...others,
  ...(health && { health: settleHealth(health) }),
  ...(traces && { traces: settleTraces(traces) }),
  ...(webhook && { webhook: settleWebhook(webhook) }),
  ...(approval && { approval: settleApproval(approval) }),
});

type Policies = Pick<HealthGate, 'onInconclusive' | 'onNoData' | 'onError'>;

const settlePolicies = ({ onInconclusive = pause, onNoData = pause, onError = pause }: Policies) => ({
  onInconclusive,
  onNoData,
  onError,
});

/** A health gate in which every default stands. */
export const settleHealth = (gate: HealthGate) => ({
  minBots: gate.minBots ?? { percent: 100 },
  unhealthyMax: gate.unhealthyMax ?? 0,
  waitSeconds: gate.waitSeconds ?? 300,
  ...settlePolicies(gate),
});

/**
 * A traces gate in which every default stands. `errorRateMax` has none; a limit of latency, tokens or cost that is named
 * has to be judged, one that is not is 0.25 where there is anything to judge.
 */
export const settleTraces = (gate: TracesGate) => ({
  warmUpSeconds: gate.warmUpSeconds ?? 0,
  minSeconds: gate.minSeconds ?? 300,
  minRequests: gate.minRequests ?? 50,
  minBots: gate.minBots ?? 1,
  maxSeconds: gate.maxSeconds ?? 3_600,
  looks: gate.looks ?? 10,
  alpha: gate.alpha ?? 0.05,
  errorRateIncreaseMax: gate.errorRateIncreaseMax ?? 0.02,
  ...(gate.errorRateMax === undefined ? {} : { errorRateMax: gate.errorRateMax }),
  ...(gate.latencyIncreaseMax === undefined ? {} : { latencyIncreaseMax: gate.latencyIncreaseMax }),
  ...(gate.tokensIncreaseMax === undefined ? {} : { tokensIncreaseMax: gate.tokensIncreaseMax }),
  ...(gate.costIncreaseMax === undefined ? {} : { costIncreaseMax: gate.costIncreaseMax }),
  ...settlePolicies(gate),
});

/** A webhook gate in which every default stands. */
export const settleWebhook = (gate: WebhookGate) => ({
  url: gate.url,
  timeoutSeconds: gate.timeoutSeconds ?? 10,
  waitSeconds: gate.waitSeconds ?? 300,
  ...settlePolicies(gate),
});

/** An approval gate in which every default stands. */
export const settleApproval = ({ count, role = 'OPERATOR', expiresSeconds = 3 * 86_400 }: ApprovalGate) => ({
  count,
  role,
  expiresSeconds,
});

/** Less than windows are kept: what is paused for a day is still seen whole. */
const evidenceSecondsMax = 2 * 86_400;

/** What in a strategy can never work, whichever bots it is for; `path` is where it stands. */
export const strategyProblems = (strategy: Strategy, path: string): readonly Reason[] => [
  ...tracesProblems(strategy, `${path}.gates.traces`),
  ...windowProblems(strategy.gates?.window, `${path}.gates.window`),
];

const tracesProblems = ({ kind, gates: given }: Strategy, path: string): readonly Reason[] => {
  if (!given?.traces) return [];
  const { warmUpSeconds, minSeconds, maxSeconds, errorRateMax } = settleTraces(given.traces);
  const kept = `Minutes of traces are kept for two days for it; make warmUpSeconds and maxSeconds together at most ${evidenceSecondsMax}.`;
  const late = `No verdict comes before minSeconds (${minSeconds}), and maxSeconds is ${maxSeconds}; make it at least that.`;
  const alone =
    'After ALL no bot has the configuration before: nothing to compare with. Take another strategy, or give errorRateMax.';
  return [
    ...(maxSeconds < minSeconds ? [reason('never-decides', `${path}.maxSeconds`, late)] : []),
    ...(warmUpSeconds + maxSeconds > evidenceSecondsMax ? [reason('never-decides', `${path}.maxSeconds`, kept)] : []),
    ...(kind === 'ALL' && errorRateMax === undefined ? [reason('nothing-to-compare', path, alone)] : []),
  ];
};

/** Refuses what cannot work with so many bots in the plan. */
export const checkPace = (strategy: Strategy, total: number): void => {
  const { maxUnavailable, gates: given } = strategy;
  const asked = given?.health?.minBots;
  const minBots = given?.traces?.minBots ?? 1;
  refuse([
    ...(maxUnavailable && total > 0 && shareOf(maxUnavailable, total) === 0 ? [noneAtOnce(maxUnavailable, total)] : []),
    ...(asked && 'count' in asked && asked.count > total
      ? [tooMany(`${gates}.health.minBots`, asked.count, total, 'Ask for fewer, or for a percent.')]
      : []),
    ...(minBots > 1 && 2 * minBots > total
      ? [tooMany(`${gates}.traces.minBots`, 2 * minBots, total, 'It is that many on each side; ask for fewer.')]
      : []),
  ]);
};

/** How many of `total` bots a share is at most: a percent is rounded down, so that no more are away than was allowed. */
export const shareOf = (share: Share, total: number): number =>
  'count' in share ? Math.min(share.count, total) : Math.floor((share.percent * total) / 100);

const noneAtOnce = (share: Share, total: number): Reason => {
  const asked = 'percent' in share ? `${share.percent} %` : String(share.count);
  const fix = `give a count, or ${Math.ceil(100 / total)} % and more`;
  const message = `Of ${counted(total)}, ${asked} is none, so that none could ever move; ${fix}.`;
  return reason('none-at-once', 'strategy.maxUnavailable', message);
};

const tooMany = (path: string, wanted: number, total: number, fix: string): Reason =>
  reason('too-many-bots', path, `${counted(wanted)} are needed, and the plan has ${counted(total)}. ${fix}`);

const counted = (bots: number): string => (bots === 1 ? '1 bot' : `${bots} bots`);

const reason = (code: string, path: string, message: string): Reason => ({ code, path, message });

const refuse = (reasons: readonly Reason[]): void => {
  const [first] = reasons;
  if (first) throw new Rejected('rollout.strategy-refused', first.message, reasons);
};
