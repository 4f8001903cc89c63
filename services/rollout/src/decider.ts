// A change set: from a plan to its end, and back. What happens to each bot is in its stream `release-<id>-<bot>`.
import {
  type AbortChangeSet,
  BotReleased,
  ChangeSetAborted,
  ChangeSetFinished,
  ChangeSetPlanned,
  ChangeSetRefused,
  ChangeSetRolledBack,
  ChangeSetStarted,
  ChangeSetSuperseded,
  type CommandOf,
  type CreateChangeSet,
  type Environment,
  type FactOf,
  type FinishChangeSet,
  type FleetStatus,
  type PlanLayers,
  PlanRecorded,
  type PlanRelease,
  type PlannedBot,
  type RollBackChangeSet,
  RollbackStarted,
  type StartChangeSet,
  WaveStarted,
} from '@molthub/contracts';
import { type Decider, type Placed, Rejected, unreachable } from '@molthub/decider';
import type { Gathering } from './gathering.ts';
import { planHash, recordPlan } from './plan.ts';
import { conclude, type Progress, progressMessage } from './progress.ts';
import { isGoodVerdict } from './verdict-age.ts';

export const changeSetEvents = [
  ChangeSetPlanned,
  ChangeSetRefused,
  PlanRecorded,
  ChangeSetStarted,
  WaveStarted,
  BotReleased,
  ChangeSetFinished,
  ChangeSetAborted,
  ChangeSetSuperseded,
  RollbackStarted,
  ChangeSetRolledBack,
] as const;
export type ChangeSetFact = FactOf<(typeof changeSetEvents)[number]>;

export type ChangeSet =
  | { readonly at: 'nothing' }
  | { readonly at: 'planned'; readonly bots: number }
  | { readonly at: 'running' }
  | { readonly at: 'ended'; readonly status: 'SUCCEEDED' | 'FAILED' | 'ABORTED' }
  | { readonly at: 'rolling-back' }
  | { readonly at: 'closed'; readonly status: 'SUPERSEDED' | 'ROLLED_BACK' };

/** A bot that could be released: its newest published version against what it has now. */
export type Candidate = {
  readonly botId: string;
  readonly botName: string;
  readonly fleet: {
    readonly id: string;
    readonly name: string;
    readonly environment: Environment;
    readonly status: FleetStatus;
  };
  readonly before: PlannedBot['before'];
  readonly newest: PlannedBot['after'];
  /** The highest version ever released to it, and whether that one failed; null when none was. */
  readonly released: { readonly version: number; readonly failed: boolean } | null;
};

export type ChangeSetCommand =
  | CommandOf<typeof PlanRelease>
  | (CommandOf<typeof PlanLayers> & { readonly gathering: Gathering })
  | (CommandOf<typeof CreateChangeSet> & {
      readonly candidates: readonly Candidate[];
      readonly unknownTargets: readonly string[];
    })
  | (CommandOf<typeof StartChangeSet> & { readonly fleetStatus: FleetStatus | null })
  | CommandOf<typeof AbortChangeSet>
  | (CommandOf<typeof RollBackChangeSet> & { readonly releasedBots: number })
  | (CommandOf<typeof FinishChangeSet> & { readonly progress: Progress | null });

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
    case 'rollout.change-set.abort.v1':
      return abort(command, state);
    case 'rollout.change-set.roll-back.v1':
      return rollBack(command, state);
    case 'rollout.change-set.finish.v1':
      return finish(command, state);
    default:
      return unreachable(command);
  }
};

const planRelease = ({ data, time }: CommandOf<typeof PlanRelease>): readonly Placed<ChangeSetFact>[] => {
  const { changeSetId, fleetId, fleetName, environment, strategy, fleetStatus, bot } = data;
  const planned: Placed<ChangeSetFact>[] = [
    {
      type: ChangeSetPlanned.type,
      data: {
        changeSetId,
        name: `${bot.botName} version ${bot.after.version}`,
        fleetId,
        fleetName,
        environment,
        strategy,
        planHash: planHash({ changeSetId, fleetId, strategy, bots: [bot] }),
        bots: 1,
        waves: 1,
        origin: 'release',
        author: data.author,
        reason: data.reason,
      },
    },
    ...recordPlan(changeSetId, [bot]),
  ];
  // A paused or draining fleet takes no rollouts: the plan waits until the fleet is active again.
  if (fleetStatus === 'PAUSED' || fleetStatus === 'DRAINING') return planned;
  const running = [...planned, ...started(changeSetId, 1)];
  // Policy judged it a moment ago. Where it did not, `advance` asks policy first.
  if (!isGoodVerdict(data.judgedAt, time)) return running;
  return [
    ...running,
    {
      type: BotReleased.type,
      stream: `release-${changeSetId}-${bot.botId}`,
      data: {
        changeSetId,
        wave: bot.wave,
        direction: 'forward',
        botId: bot.botId,
        botName: bot.botName,
        fleetId,
        fleetName,
        fleetStatus,
        environment,
        ...bot.after,
        resolved: data.resolved,
      },
    },
  ];
};

const refusedBotsMax = 100;

/** What a changed layer brings to the bots of one fleet: all that were published go together, as the fleet releases. */
const planLayers = ({
  data: { changeSetId },
  gathering,
}: CommandOf<typeof PlanLayers> & { readonly gathering: Gathering }): readonly ChangeSetFact[] => {
  const { name, fleetId, fleetName, fleetStatus, environment, author, reason, release, bots, refused } = gathering;
  const { strategy } = release;
  const said = {
    changeSetId,
    name,
    fleetId,
    fleetName,
    environment,
    strategy,
    planHash: planHash({ changeSetId, fleetId, strategy, bots }),
    refused: refused.length,
    refusedBots: refused.slice(0, refusedBotsMax),
    author,
    reason,
  };
  if (bots.length === 0) {
    const message = `${refused.length === 1 ? '1 bot was' : `${refused.length} bots were`} refused: ${refused[0]?.message ?? ''}`;
    return [{ type: ChangeSetRefused.type, data: { ...said, message: message.slice(0, 1_000) } }];
  }
  const isAutomatic = release.mode === 'auto';
  const origin = isAutomatic ? 'release' : 'request';
  return [
    { type: ChangeSetPlanned.type, data: { ...said, bots: bots.length, waves: 1, origin } },
    ...recordPlan(changeSetId, bots),
    ...(isAutomatic && fleetStatus !== 'PAUSED' && fleetStatus !== 'DRAINING' ? started(changeSetId, bots.length) : []),
  ];
};

const create = (
  command: CommandOf<typeof CreateChangeSet> & {
    readonly candidates: readonly Candidate[];
    readonly unknownTargets: readonly string[];
  },
): readonly ChangeSetFact[] => {
  const { changeSetId, name, strategy, reason } = command.data;
  if (command.unknownTargets.length > 0) {
    throw new Rejected(
      'rollout.target-not-found',
      'Some targets do not exist or have no published version; leave them out.',
      command.unknownTargets.map((id) => ({ path: 'targets', code: 'not-found', message: `${id} is not known here.` })),
    );
  }
  // A bot moves if its newest version was never released to it, or was and failed.
  const moving = command.candidates.filter(
    ({ newest, released }) => !released || released.version < newest.version || released.failed,
  );
  const fleet = moving[0]?.fleet;
  if (!fleet) {
    throw new Rejected(
      'rollout.nothing-to-release',
      'Every target already runs, or is about to run, its newest published version. Publish a new one first.',
    );
  }
  if (moving.some((bot) => bot.fleet.id !== fleet.id)) {
    throw new Rejected('rollout.several-fleets', 'The bots are of several fleets; make one change set for each fleet.');
  }
  const bots = moving.map(({ botId, botName, before, newest }) => ({ botId, botName, wave: 0, before, after: newest }));
  return [
    {
      type: ChangeSetPlanned.type,
      data: {
        changeSetId,
        name,
        fleetId: fleet.id,
        fleetName: fleet.name,
        environment: fleet.environment,
        strategy,
        planHash: planHash({ changeSetId, fleetId: fleet.id, strategy, bots }),
        bots: bots.length,
        waves: 1,
        origin: 'request',
        author: command.actor,
        reason,
      },
    },
    ...recordPlan(changeSetId, bots),
  ];
};

const started = (changeSetId: string, bots: number): readonly ChangeSetFact[] => [
  { type: ChangeSetStarted.type, data: { changeSetId } },
  { type: WaveStarted.type, data: { changeSetId, wave: 0, bots } },
];

const start = (
  command: CommandOf<typeof StartChangeSet> & { readonly fleetStatus: FleetStatus | null },
  state: ChangeSet,
): readonly ChangeSetFact[] => {
  if (state.at === 'running') return [];
  if (state.at !== 'planned') throw wrongState(state, 'started');
  if (command.fleetStatus === 'PAUSED' || command.fleetStatus === 'DRAINING') {
    throw new Rejected(
      'rollout.fleet-paused',
      `The fleet is ${command.fleetStatus} and takes no rollouts; set it to ACTIVE first.`,
    );
  }
  return started(command.data.changeSetId, state.bots);
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
  { data: { changeSetId }, progress }: CommandOf<typeof FinishChangeSet> & { readonly progress: Progress | null },
  state: ChangeSet,
): readonly ChangeSetFact[] => {
  if (!progress) return [];
  if (state.at === 'rolling-back') {
    const { restored, restoreFailed: failed, restoreSkipped: skipped, toRestore } = progress;
    if (restored + failed + skipped < toRestore) return [];
    const message = progressMessage(progress, 'back');
    return [{ type: ChangeSetRolledBack.type, data: { changeSetId, restored, failed, skipped, message } }];
  }
  if (state.at !== 'planned' && state.at !== 'running') return [];
  return conclude(changeSetId, progress, state.at === 'planned');
};

const wrongState = (state: ChangeSet, wanted: string): Rejected => {
  if (state.at === 'nothing') return new Rejected('rollout.change-set-not-found', 'There is no such change set.');
  const now = state.at === 'ended' || state.at === 'closed' ? state.status : state.at.toUpperCase().replace('-', '_');
  return new Rejected('rollout.change-set-not-in-state', `The change set is ${now} and cannot be ${wanted}.`);
};

const evolve = (state: ChangeSet, fact: ChangeSetFact): ChangeSet => {
  switch (fact.type) {
    case 'rollout.change-set.planned.v1':
      return { at: 'planned', bots: fact.data.bots };
    case 'rollout.change-set.refused.v1':
      return { at: 'ended', status: 'FAILED' };
    case 'rollout.change-set.started.v1':
      return { at: 'running' };
    case 'rollout.change-set.finished.v1':
      return { at: 'ended', status: fact.data.status };
    case 'rollout.change-set.aborted.v1':
      return { at: 'ended', status: 'ABORTED' };
    case 'rollout.change-set.superseded.v1':
      return { at: 'closed', status: 'SUPERSEDED' };
    case 'rollout.change-set.rollback-started.v1':
      return { at: 'rolling-back' };
    case 'rollout.change-set.rolled-back.v1':
      return { at: 'closed', status: 'ROLLED_BACK' };
    case 'rollout.plan.recorded.v1':
    case 'rollout.wave.started.v1':
    case 'rollout.bot.released.v1':
      return state;
    default:
      return unreachable(fact);
  }
};

export const changeSet: Decider<ChangeSet, ChangeSetCommand, ChangeSetFact> = {
  initial: { at: 'nothing' },
  decide,
  evolve,
};
