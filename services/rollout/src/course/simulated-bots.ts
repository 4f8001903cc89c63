// The bots of a simulated world, each step of theirs, and which of them the looks would take.
import { fold, unreachable } from '@molthub/decider';
import { botRelease, type Part, type Releasable, type ReleaseCommand, type ReleaseFact } from '../release/decider.ts';
import {
  changeSetId,
  currentWave,
  envelope,
  fleet,
  other,
  resolved,
  type SimulatedBot,
  versionOf,
  type World,
} from './simulated-world.ts';

const statusOf = ({ state }: World): string => {
  if (state.at === 'running') return state.run?.paused ? 'PAUSED' : 'RUNNING';
  return state.at === 'rolling-back' ? 'ROLLING_BACK' : state.at;
};

const partOf = (world: World, { retired, planned, newestVersion }: SimulatedBot): Part => ({
  status: statusOf(world),
  reason: 'because',
  retired,
  planned,
  newestVersion,
  // Each newer version of this world was released by somebody else.
  changedTo: newestVersion > 2 ? newestVersion : null,
});

/** What a release rests on, with the version of the change set that it holds for. */
export type Prepared = { readonly part: Releasable; readonly version: number };
export const prepareRelease = (world: World, bot: SimulatedBot): Prepared => ({
  version: world.facts.length,
  part: {
    ...partOf(world, bot),
    judgedAt: new Date(world.nowMs).toISOString(),
    fleet,
    resolved,
    currentWave: currentWave(world),
    origin: 'request',
    held: false,
    pinned: bot.pinned ? 'it is delicate' : null,
    kept: false,
    takenBy:
      bot.newestVersion > 2 && !bot.released ? { changeSetId: other, version: bot.newestVersion, failed: false } : null,
  },
});

type BotStep =
  | { readonly kind: 'release'; readonly prepared: Prepared }
  | { readonly kind: 'settle'; readonly generation: number; readonly result: 'CONVERGED' | 'FAILED' | 'SKIPPED' }
  | { readonly kind: 'deny' }
  | { readonly kind: 'roll-back' }
  | { readonly kind: 'restore'; readonly isRefused: boolean };

/** Decides a step of one bot. What rests on another version of the change set is prepared again, as the executor does. */
export const stepOf = (world: World, bot: SimulatedBot, step: BotStep): void => {
  const command = botCommand(world, bot, step);
  for (const fact of botRelease.decide(command, bot.release)) {
    world.told.push({ atMs: world.nowMs, fact });
    bot.facts.push(fact);
    bot.release = fold(botRelease, [fact], bot.release);
    project(world, bot, fact);
  }
};

const botCommand = (world: World, bot: SimulatedBot, step: BotStep): ReleaseCommand => {
  const data = { changeSetId, botId: bot.planned.botId };
  switch (step.kind) {
    case 'release': {
      const { part } = step.prepared.version === world.facts.length ? step.prepared : prepareRelease(world, bot);
      return { ...envelope(world), type: 'rollout.bot.release.v1', data, part };
    }
    case 'settle': {
      const { generation, result } = step;
      return {
        ...envelope(world),
        type: 'rollout.bot.settle.v1',
        data: { ...data, generation, result, message: 'so' },
      };
    }
    case 'deny': {
      const denied = { ...data, generation: 2, result: 'FAILED' as const, message: 'no', isDenied: true as const };
      return { ...envelope(world), type: 'rollout.bot.settle.v1', data: denied, status: statusOf(world) };
    }
    case 'roll-back':
      return { ...envelope(world), type: 'rollout.bot.roll-back.v1', data, part: partOf(world, bot) };
    case 'restore': {
      const bare = { botName: 'bot', fleetId: fleet.id, fleetName: fleet.name, environment: fleet.environment };
      const after = versionOf(bot.newestVersion + 1);
      const restored = step.isRefused ? null : { ...bare, fleetStatus: fleet.status, after, resolved };
      return {
        ...envelope(world),
        type: 'rollout.bot.release-rollback.v1',
        data: { ...data, restored, message: 'no' },
      };
    }
  }
};

const project = (world: World, bot: SimulatedBot, fact: ReleaseFact): void => {
  switch (fact.type) {
    case 'rollout.bot.released.v1':
      if (fact.data.direction === 'forward') Object.assign(bot, { state: 'RELEASED', released: true });
      else Object.assign(bot, { rollback: 'RELEASED', open: true, newestVersion: fact.data.version });
      return;
    case 'rollout.bot.settled.v1': {
      const { result, direction } = fact.data;
      const back = result === 'CONVERGED' ? 'RESTORED' : result;
      Object.assign(bot, direction === 'forward' ? { state: result } : { rollback: back });
      Object.assign(bot, { open: false, settledAtMs: world.nowMs });
      return;
    }
    case 'rollout.bot.rollback-requested.v1':
      Object.assign(bot, { rollback: 'REQUESTED', open: false });
      return;
    case 'rollout.hold.placed.v1':
    case 'rollout.hold.lifted.v1':
      return;
    default:
      unreachable(fact);
  }
};

/** As `withRoom` of looks.ts: how many more may be on their way. */
const roomOf = ({ bots, strategy }: World): number => {
  const moving = bots.filter(({ released, open }) => released && open).length;
  return (strategy.maxParallel ?? bots.length) - moving;
};

export const releasable = (world: World): readonly SimulatedBot[] =>
  statusOf(world) === 'RUNNING'
    ? world.bots
        .filter((bot) => bot.open && bot.state === 'PLANNED' && bot.planned.wave <= currentWave(world))
        .slice(0, Math.max(0, roomOf(world)))
    : [];

export const restorable = ({ bots, strategy, state }: World): readonly SimulatedBot[] => {
  if (state.at !== 'rolling-back') return [];
  const away = bots.filter(
    ({ rollback, open }) => rollback === 'REQUESTED' || (rollback === 'RELEASED' && open),
  ).length;
  const waiting = bots.filter(({ released, rollback }) => released && rollback === null);
  return waiting.slice(0, Math.max(0, (strategy.maxParallel ?? bots.length) - away));
};
