// What the reconciler knows about one bot: the fold of its stream.
import {
  type BotActionAccepted,
  type BotAssigned,
  type BotConverged,
  type BotDestroyed,
  type BotError,
  type BotFailed,
  type BotPaused,
  type BotStarted,
  type BotStatus,
  type BotStopped,
  type DriftDetected,
  type DriftHealed,
  type DriftItem,
  type DriftMode,
  type DriftRevertAccepted,
  type Endpoint,
  type FactOf,
  type TargetKind,
} from '@molthub/contracts';
import { unreachable } from '@molthub/decider';

/** What people want of the process, apart from which version it runs. */
export type Wanted = 'RUNNING' | 'PAUSED' | 'STOPPED';

export type Bot = {
  readonly is: 'known';
  readonly botId: string;
  readonly fleetId: string;
  readonly status: BotStatus;
  readonly wanted: Wanted;
  readonly changeSetId: string;
  readonly version: number;
  readonly generation: number;
  readonly hash: string;
  readonly target: TargetKind;
  readonly simulated: boolean;
  /** A change set waits to hear how this generation went. */
  readonly awaited: boolean;
  /** How many restarts were asked for; the target remembers up to which one it did. */
  readonly restarts: number;
  readonly endpoint: Endpoint | null;
  readonly drift: { readonly items: readonly DriftItem[]; readonly mode: DriftMode } | null;
  readonly failure: BotError | null;
  readonly reason: string;
};

export type State =
  | { readonly is: 'unknown' }
  | Bot
  | { readonly is: 'destroyed'; readonly botId: string; readonly fleetId: string };

export type BotFact = FactOf<
  | typeof BotAssigned
  | typeof BotStarted
  | typeof BotConverged
  | typeof BotFailed
  | typeof BotStopped
  | typeof BotPaused
  | typeof BotDestroyed
  | typeof BotActionAccepted
  | typeof DriftDetected
  | typeof DriftHealed
  | typeof DriftRevertAccepted
>;

/** After this many failed attempts a bot counts as broken; the loop still tries on, ever more rarely. */
export const attemptsBeforeError = 3;

export const evolve = (state: State, fact: BotFact): State => {
  if (fact.type === 'reconciler.bot.assigned.v1') return assigned(state, fact.data);
  if (fact.type === 'reconciler.bot.destroyed.v1') {
    return { is: 'destroyed', botId: fact.data.botId, fleetId: fact.data.fleetId };
  }
  return state.is === 'known' ? moved(state, fact) : state;
};

type Moved = Exclude<BotFact, FactOf<typeof BotAssigned> | FactOf<typeof BotDestroyed>>;

const moved = (bot: Bot, fact: Moved): Bot => {
  switch (fact.type) {
    case 'reconciler.bot.started.v1':
      return { ...bot, endpoint: fact.data.endpoint, status: bot.status === 'PENDING' ? 'RECONCILING' : bot.status };
    case 'reconciler.bot.converged.v1':
      return {
        ...bot,
        status: statusReached(bot),
        endpoint: fact.data.endpoint,
        awaited: false,
        drift: null,
        failure: null,
      };
    case 'reconciler.bot.failed.v1':
      return failed(bot, fact.data);
    case 'reconciler.bot.stopped.v1':
      return { ...bot, status: 'STOPPED', endpoint: null, drift: null };
    case 'reconciler.bot.paused.v1':
      return { ...bot, status: 'PAUSED' };
    case 'reconciler.bot.action-accepted.v1':
      return asked(bot, fact.data.action, fact.data.reason);
    case 'reconciler.drift.detected.v1':
      return {
        ...bot,
        status: bot.status === 'RUNNING' ? 'DEGRADED' : bot.status,
        drift: { items: fact.data.items, mode: fact.data.mode },
      };
    case 'reconciler.drift.revert-accepted.v1':
      return { ...bot, status: 'RECONCILING', failure: null, reason: fact.data.reason };
    case 'reconciler.drift.healed.v1':
      return {
        ...bot,
        status: isToBeReached(bot) ? statusReached(bot) : bot.status,
        endpoint: fact.data.endpoint,
        drift: null,
        failure: null,
      };
    default:
      return unreachable(fact);
  }
};

const isToBeReached = ({ status }: Bot) => status === 'DEGRADED' || status === 'ERROR' || status === 'RECONCILING';

/** A bot to be paused still has its channels to be cut; BotPaused says when they are. */
const statusReached = (bot: Bot): BotStatus => (bot.wanted === 'RUNNING' ? 'RUNNING' : 'RECONCILING');

const assigned = (state: State, data: FactOf<typeof BotAssigned>['data']): State => {
  if (state.is === 'destroyed') return state;
  const before = state.is === 'known' ? state : null;
  const wanted = before?.wanted ?? 'RUNNING';
  const runs = before !== null && before.endpoint !== null;
  return {
    is: 'known',
    botId: data.botId,
    fleetId: data.fleetId,
    status: before && isHeld(before) ? before.status : runs ? 'RECONCILING' : 'PENDING',
    wanted,
    changeSetId: data.changeSetId,
    version: data.version,
    generation: data.generation,
    hash: data.hash,
    target: data.target,
    simulated: data.simulated,
    awaited: true,
    restarts: before?.restarts ?? 0,
    endpoint: before?.endpoint ?? null,
    drift: null,
    failure: null,
    reason: before?.reason ?? '',
  };
};

/** Stopped, or about to be: a newer version waits until someone starts it. */
export const isHeld = (bot: Bot) => bot.wanted === 'STOPPED' || bot.status === 'DELETING';

const failed = (bot: Bot, data: FactOf<typeof BotFailed>['data']): Bot => {
  const over = data.error.permanent || data.attempt >= attemptsBeforeError;
  const kept = isHeld(bot) || bot.status === 'STOPPED' || !over;
  return { ...bot, status: kept ? bot.status : 'ERROR', awaited: bot.awaited && !over, failure: data.error };
};

const asked = (bot: Bot, action: FactOf<typeof BotActionAccepted>['data']['action'], reason: string): Bot => {
  const underway = { ...bot, status: 'RECONCILING' as const, drift: null, failure: null, reason };
  switch (action) {
    case 'restart':
      return { ...underway, restarts: bot.restarts + 1 };
    case 'pause':
      return { ...underway, wanted: 'PAUSED' };
    case 'resume':
    case 'start':
      return { ...underway, wanted: 'RUNNING' };
    case 'stop':
      return { ...underway, wanted: 'STOPPED' };
    case 'reconcile':
      return bot.status === 'ERROR' ? underway : bot;
    case 'destroy':
      return { ...bot, status: 'DELETING', drift: null };
    default:
      return unreachable(action);
  }
};
