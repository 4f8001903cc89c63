// One bot's part of a change set: released, settled, and perhaps brought back. Each step happens at most once.
import {
  BotReleased,
  BotRollbackRequested,
  BotSettled,
  type CommandOf,
  type Environment,
  type FactOf,
  type FleetStatus,
  HoldLifted,
  HoldPlaced,
  type PlannedBot,
  type ReleaseBot,
  type ReleaseRollback,
  type ResolvedManifest,
  type RollBackBot,
  type SettleBot,
} from '@molthub/contracts';
import { type Decider, type Placed, unreachable } from '@molthub/decider';
import { isGoodVerdict } from '../verdict-age.ts';

export const releaseEvents = [BotReleased, BotSettled, BotRollbackRequested, HoldPlaced, HoldLifted] as const;
export type ReleaseFact = FactOf<(typeof releaseEvents)[number]>;

export type Release =
  | { readonly at: 'nothing' }
  | { readonly at: 'under-way'; readonly generation: number }
  /** `released` is false for a bot that was skipped or denied before it was ever touched. */
  | { readonly at: 'settled'; readonly released: boolean; readonly generation: number }
  | { readonly at: 'rollback-requested'; readonly generation: number }
  | { readonly at: 'rollback-under-way'; readonly generation: number }
  | { readonly at: 'rolled-back' };

type Facts = readonly Placed<ReleaseFact>[];

/** What is known about a bot and its change set, read before the decision. */
export type Part = {
  readonly status: string;
  readonly reason: string;
  readonly retired: boolean;
  readonly planned: PlannedBot;
  /** Its newest published version, whoever asked for that. */
  readonly newestVersion: number;
  /** A newer version that another change set has released to it; one that was only published changed nothing. */
  readonly changedTo: number | null;
};
/** The version to release, when policy let it go, and who already has that or a newer one. */
export type Releasable = Part & {
  readonly judgedAt: string | null;
  readonly fleet: {
    readonly id: string;
    readonly name: string;
    readonly status: FleetStatus;
    readonly environment: Environment;
  };
  readonly resolved: ResolvedManifest;
  /** The wave that runs; bots of later ones wait. */
  readonly currentWave: number;
  /** What somebody asked for goes over a hold; nothing goes over a pin. */
  readonly origin: 'release' | 'request';
  readonly held: boolean;
  readonly pinned: string | null;
  /** Whether another change set that is judged has moved it and is not over. */
  readonly kept: boolean;
  readonly takenBy: { readonly changeSetId: string; readonly version: number; readonly failed: boolean } | null;
};

export type ReleaseCommand =
  | (CommandOf<typeof ReleaseBot> & { readonly part: Releasable })
  /** `status` of its change set: known where policy denies the release, and only there. */
  | (CommandOf<typeof SettleBot> & { readonly status?: string })
  | (CommandOf<typeof RollBackBot> & { readonly part: Part })
  | CommandOf<typeof ReleaseRollback>;

const decide = (command: ReleaseCommand, state: Release): Facts => {
  switch (command.type) {
    case 'rollout.bot.release.v1':
      return state.at === 'nothing' && command.part.status === 'RUNNING' ? release(command) : [];
    case 'rollout.bot.settle.v1':
      return settle(command, state);
    case 'rollout.bot.roll-back.v1':
      return command.part.status === 'ROLLING_BACK' ? rollBack(command, state) : [];
    case 'rollout.bot.release-rollback.v1':
      return state.at === 'rollback-requested' ? releaseRollback(command, state.generation) : [];
    default:
      return unreachable(command);
  }
};

const release = ({
  data: { changeSetId, botId },
  time,
  part,
}: CommandOf<typeof ReleaseBot> & { readonly part: Releasable }): Facts => {
  const { planned, fleet, takenBy } = part;
  const { after } = planned;
  if (planned.wave > part.currentWave) return [];
  const skip = (message: string, supersededBy?: string): Facts => [
    settled({ changeSetId, botId }, 'forward', after.generation, 'SKIPPED', message, supersededBy),
  ];
  if (part.retired) return skip('The bot was deleted.');
  if (takenBy && takenBy.version > after.version) {
    return skip(`Superseded by version ${takenBy.version}.`, takenBy.changeSetId);
  }
  if (takenBy && takenBy.version === after.version && !takenBy.failed) {
    return skip(`Version ${after.version} was released by change set ${takenBy.changeSetId}.`);
  }
  if (part.pinned !== null) return skip(`Pinned to what it runs: ${part.pinned}`);
  // It waits: what has moved it is judged with it as it is.
  if (part.kept || !isGoodVerdict(part.judgedAt, time)) return [];
  const reason = `Released by change set ${changeSetId}.`;
  const lifted: Placed<ReleaseFact> = {
    type: HoldLifted.type,
    stream: `hold-${botId}`,
    data: { botId, kind: 'HOLD', reason },
  };
  return [
    ...(part.held && part.origin === 'request' ? [lifted] : []),
    {
      type: BotReleased.type,
      data: {
        changeSetId,
        wave: planned.wave,
        direction: 'forward',
        botId,
        botName: planned.botName,
        fleetId: fleet.id,
        fleetName: fleet.name,
        fleetStatus: fleet.status,
        environment: fleet.environment,
        ...after,
        resolved: part.resolved,
      },
    },
  ];
};

const settle = (
  { data, status }: CommandOf<typeof SettleBot> & { readonly status?: string },
  state: Release,
): readonly ReleaseFact[] => {
  const { result, message, supersededBy, isDenied = false } = data;
  const skipped = result === 'SKIPPED';
  // A denial holds back what is about to be released; one that comes later changes nothing that was done or has ended.
  if (isDenied && (state.at !== 'nothing' || status !== 'RUNNING')) return [];
  switch (state.at) {
    // Skipped, or denied by policy, before it was ever touched.
    case 'nothing':
      return skipped || isDenied ? [settled(data, 'forward', data.generation, result, message, supersededBy)] : [];
    case 'under-way':
    case 'rollback-under-way': {
      // A report of another generation is about something else: an older one, or one of another change set.
      if (!skipped && data.generation !== state.generation) return [];
      const direction = state.at === 'under-way' ? 'forward' : 'rollback';
      return [settled(data, direction, state.generation, result, message, supersededBy)];
    }
    case 'rollback-requested':
      return skipped ? [settled(data, 'rollback', state.generation, result, message, supersededBy)] : [];
    case 'settled':
    case 'rolled-back':
      return [];
    default:
      return unreachable(state);
  }
};

const rollBack = (
  { data: { changeSetId, botId }, part }: CommandOf<typeof RollBackBot> & { readonly part: Part },
  state: Release,
): readonly ReleaseFact[] => {
  const touched = state.at === 'under-way' || (state.at === 'settled' && state.released);
  if (!touched) return [];
  const { before, after } = part.planned;
  const skip = (message: string): readonly ReleaseFact[] => [
    settled({ changeSetId, botId }, 'rollback', after.generation, 'SKIPPED', message),
  ];
  if (part.retired) return skip('The bot was deleted.');
  if (part.changedTo !== null) {
    return skip(`Changed since: version ${part.changedTo} is newer than ${after.version} of this change set.`);
  }
  if (!before) return skip('It ran no version before this change set.');
  return [
    {
      type: BotRollbackRequested.type,
      data: { changeSetId, botId, toVersion: before.version, fromVersion: part.newestVersion, reason: part.reason },
    },
  ];
};

/** What went back stays there, until somebody asks for something else: automation would only bring it again. */
const releaseRollback = ({ data, actor }: CommandOf<typeof ReleaseRollback>, generation: number): Facts => {
  const { changeSetId, botId, restored } = data;
  if (!restored) return [settled(data, 'rollback', generation, 'FAILED', data.message)];
  const { after, ...bot } = restored;
  const reason = `Taken back by change set ${changeSetId}.`;
  return [
    { type: BotReleased.type, data: { changeSetId, wave: 0, direction: 'rollback', botId, ...bot, ...after } },
    {
      type: HoldPlaced.type,
      stream: `hold-${botId}`,
      data: { botId, kind: 'HOLD', changeSetId, reason, placedBy: actor },
    },
  ];
};

const settled = (
  { changeSetId, botId }: { readonly changeSetId: string; readonly botId: string },
  direction: 'forward' | 'rollback',
  generation: number,
  result: 'CONVERGED' | 'FAILED' | 'SKIPPED',
  message: string,
  supersededBy?: string,
): ReleaseFact => ({
  type: BotSettled.type,
  data: { changeSetId, botId, direction, generation, result, message, ...(supersededBy ? { supersededBy } : {}) },
});

const evolve = (state: Release, fact: ReleaseFact): Release => {
  switch (fact.type) {
    case 'rollout.bot.released.v1': {
      const { direction, generation } = fact.data;
      return { at: direction === 'forward' ? 'under-way' : 'rollback-under-way', generation };
    }
    case 'rollout.bot.settled.v1':
      if (fact.data.direction === 'rollback') return { at: 'rolled-back' };
      return { at: 'settled', released: state.at === 'under-way', generation: fact.data.generation };
    case 'rollout.bot.rollback-requested.v1':
      // Only a bot that was released is ever asked to go back, so its generation is known.
      return 'generation' in state ? { at: 'rollback-requested', generation: state.generation } : state;
    // Of the bot's own stream.
    case 'rollout.hold.placed.v1':
    case 'rollout.hold.lifted.v1':
      return state;
    default:
      return unreachable(fact);
  }
};

export const botRelease: Decider<Release, ReleaseCommand, ReleaseFact> = { initial: { at: 'nothing' }, decide, evolve };
