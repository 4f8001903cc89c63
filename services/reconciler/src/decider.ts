// Which lifecycle moves are legal, and which of the loop's reports still hold.
import {
  AssignBot,
  BotActionAccepted,
  BotAssigned,
  BotConverged,
  BotDestroyed,
  BotFailed,
  BotPaused,
  BotStarted,
  BotStopped,
  type BotStatus,
  type CommandOf,
  DestroyBot,
  DriftDetected,
  DriftHealed,
  DriftRevertAccepted,
  PauseBot,
  ReconcileBot,
  ReportBot,
  RestartBot,
  ResumeBot,
  RevertDrift,
  StartBot,
  StopBot,
} from '@molthub/contracts';
import { type Decider, Rejected } from '@molthub/decider';
import { type Bot, type BotFact, evolve, type State } from './bot.ts';
import { decideReport } from './report.ts';

export const botCommands = [
  AssignBot,
  RestartBot,
  PauseBot,
  ResumeBot,
  StopBot,
  StartBot,
  ReconcileBot,
  RevertDrift,
  DestroyBot,
  ReportBot,
] as const;
export const botEvents = [
  BotAssigned,
  BotStarted,
  BotConverged,
  BotFailed,
  BotStopped,
  BotPaused,
  BotDestroyed,
  BotActionAccepted,
  DriftDetected,
  DriftHealed,
  DriftRevertAccepted,
] as const;
export type BotCommand = CommandOf<(typeof botCommands)[number]>;

type Action = 'restart' | 'pause' | 'resume' | 'stop' | 'start' | 'reconcile';

/** From which status each action may be asked for. */
const legalFrom: Readonly<Record<Action, readonly BotStatus[]>> = {
  restart: ['RUNNING', 'DEGRADED', 'RECONCILING', 'ERROR'],
  pause: ['RUNNING', 'DEGRADED'],
  resume: ['PAUSED'],
  stop: ['PENDING', 'RECONCILING', 'RUNNING', 'DEGRADED', 'PAUSED', 'ERROR'],
  start: ['STOPPED'],
  reconcile: ['PENDING', 'RECONCILING', 'RUNNING', 'DEGRADED', 'PAUSED', 'STOPPED', 'ERROR'],
};

export const botDecider: Decider<State, BotCommand, BotFact> = {
  initial: { is: 'unknown' },
  decide: (command, state) => {
    switch (command.type) {
      case 'reconciler.bot.assign.v1':
        return assign(command.data, state);
      case 'reconciler.bot.restart.v1':
        return act('restart', command.data, state);
      case 'reconciler.bot.pause.v1':
        return act('pause', command.data, state);
      case 'reconciler.bot.resume.v1':
        return act('resume', command.data, state);
      case 'reconciler.bot.stop.v1':
        return act('stop', command.data, state);
      case 'reconciler.bot.start.v1':
        return act('start', command.data, state);
      case 'reconciler.bot.reconcile.v1':
        return act('reconcile', command.data, state);
      case 'reconciler.drift.revert.v1':
        return revert(command.data, state);
      case 'reconciler.bot.destroy.v1':
        return destroy(command.data, state);
      case 'reconciler.bot.report.v1':
        return state.is === 'known' ? decideReport(command.data.report, state) : [];
      default:
        return [];
    }
  },
  evolve,
};

const assign = (data: CommandOf<typeof AssignBot>['data'], state: State): readonly BotFact[] => {
  const assigned: BotFact = { type: BotAssigned.type, data };
  if (state.is === 'unknown') return [assigned];
  if (state.is === 'destroyed') return [unheard(data, 'reconciler.bot-retired', 'The bot was deleted.')];
  if (state.status === 'DELETING') return [unheard(data, 'reconciler.bot-retired', 'The bot is being deleted.')];
  // Bots move forward only: a rollback is a newer generation with older content.
  if (data.generation < state.generation || data.version < state.version) return [];
  if (data.version === state.version && data.changeSetId === state.changeSetId) return [];
  if (state.wanted !== 'STOPPED') return [assigned];
  return [assigned, unheard(data, 'reconciler.bot-stopped', 'The bot is stopped; it takes this version when started.')];
};

const act = (action: Action, data: { readonly botId: string; readonly reason: string }, state: State) => {
  if (state.is !== 'known') {
    throw new Rejected('reconciler.illegal-move', `The bot was not released yet: ${action} needs one that was.`, []);
  }
  if (isUnderway(action, state)) return [];
  if (!legalFrom[action].includes(state.status)) {
    throw new Rejected(
      'reconciler.illegal-move',
      `The bot is ${state.status}; ${action} is possible from ${legalFrom[action].join(', ')}.`,
    );
  }
  return [accepted(state, action, data.reason)];
};

const revert = (data: CommandOf<typeof RevertDrift>['data'], state: State): readonly BotFact[] => {
  const drift = state.is === 'known' ? state.drift : null;
  if (state.is !== 'known' || drift === null) {
    throw new Rejected('reconciler.not-drifted', 'The bot is as released, as far as it was seen: nothing to revert.');
  }
  if (state.status === 'RECONCILING') return [];
  const { botId, fleetId } = state;
  const classes = [...new Set(drift.items.map((item) => item.class))];
  return [{ type: DriftRevertAccepted.type, data: { botId, fleetId, classes, reason: data.reason } }];
};

/** Asked for already and not done yet: the second asking changes nothing. */
const isUnderway = (action: Action, bot: Bot): boolean =>
  bot.status === 'RECONCILING' &&
  ((action === 'stop' && bot.wanted === 'STOPPED') || (action === 'pause' && bot.wanted === 'PAUSED'));

const accepted = (bot: Bot, action: Action | 'destroy', reason: string): BotFact => ({
  type: BotActionAccepted.type,
  data: { botId: bot.botId, fleetId: bot.fleetId, action, reason },
});

const destroy = (data: CommandOf<typeof DestroyBot>['data'], state: State): readonly BotFact[] => {
  if (state.is === 'destroyed' || (state.is === 'known' && state.status === 'DELETING')) return [];
  if (state.is === 'unknown') {
    return [{ type: BotDestroyed.type, data: { botId: data.botId, fleetId: data.fleetId, steps: [] } }];
  }
  const gone = state.awaited ? [unheard(state, 'reconciler.bot-retired', 'The bot is being deleted.')] : [];
  return [...gone, accepted(state, 'destroy', data.reason)];
};

type Assignment = Pick<Bot, 'botId' | 'fleetId' | 'changeSetId' | 'generation' | 'simulated'>;

/** Tells a change set that waits for this bot that it will not get there. */
export const unheard = (bot: Assignment, code: string, message: string): BotFact => ({
  type: BotFailed.type,
  data: {
    botId: bot.botId,
    fleetId: bot.fleetId,
    changeSetId: bot.changeSetId,
    generation: bot.generation,
    error: { code, message, permanent: true },
    attempt: 1,
    steps: [],
    simulated: bot.simulated,
  },
});
