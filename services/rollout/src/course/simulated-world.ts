// A change set with its bots and whoever meddles with them, in memory: what rollout's tables know, kept by the test.
import type { FactOf, HealthGate, PlannedBot, Strategy, WaveStarted } from '@molthub/contracts';
import { Rejected, unreachable } from '@molthub/decider';
import { changeSet, type ChangeSet, type ChangeSetCommand, type ChangeSetFact } from '../decider.ts';
import { planHash, recordPlan } from '../plan.ts';
import type { Late, Progress } from '../progress.ts';
import { botRelease, type Release, type ReleaseFact } from '../release/decider.ts';
import type { GateSeen, Observed } from './judge.ts';
import { type HealthCounted, judgeHealth } from './judge-health.ts';
import type { Run } from './run.ts';
import type { Counted } from './steer.ts';

export const changeSetId = '0193a000-0000-7000-8000-000000000001';
export const other = '0193a000-0000-7000-8000-000000000002';
export const fleet = {
  id: '0193a000-0000-7000-8000-00000000000f',
  name: 'support',
  status: 'ACTIVE',
  environment: 'dev',
} as const;
export const resolved = {
  apiVersion: 'molthub/v1',
  kind: 'MoltbotInstance',
  metadata: { name: 'bot' },
  spec: { runtime: { engine: 'simulated' }, target: { kind: 'simulated' }, config: {} },
} as const;
const anna = { kind: 'user', id: 'anna', name: 'Anna' } as const;
export const versionOf = (version: number) => ({
  version,
  generation: version,
  hash: `sha256:${String(version).padStart(64, '0')}`,
});
const botIdOf = (index: number) => `0193a000-0000-7000-8000-0000000000${String(index).padStart(2, '0')}`;

/** A bot as the world knows it, and its row of the change set. */
export type SimulatedBot = {
  readonly planned: PlannedBot;
  release: Release;
  readonly facts: ReleaseFact[];
  state: 'PLANNED' | 'RELEASED' | 'CONVERGED' | 'FAILED' | 'SKIPPED';
  rollback: 'REQUESTED' | 'RELEASED' | 'RESTORED' | 'FAILED' | 'SKIPPED' | null;
  released: boolean;
  open: boolean;
  settledAtMs: number;
  health: 'HEALTHY' | 'DEGRADED' | 'UNHEALTHY' | 'UNKNOWN';
  newestVersion: number;
  retired: boolean;
  pinned: boolean;
};

export type Told = { readonly atMs: number; readonly fact: ChangeSetFact | ReleaseFact };

export type World = {
  readonly strategy: Strategy;
  readonly bots: readonly SimulatedBot[];
  readonly facts: ChangeSetFact[];
  /** Everything that was ever said, in order. */
  readonly told: Told[];
  state: ChangeSet;
  nowMs: number;
  webhook: GateSeen['verdict'] | null;
  isWindowOpen: boolean;
};

/** `waves`: how many bots each has. */
export const createWorld = (strategy: Strategy, waves: readonly number[]): World => {
  const planned = waves
    .flatMap((count, wave) => Array.from({ length: count }, () => wave))
    .map((wave, index) => ({
      botId: botIdOf(index),
      botName: `bot-${index}`,
      wave,
      before: versionOf(1),
      after: versionOf(2),
    }));
  const world: World = {
    strategy,
    bots: planned.map((bot) => ({
      planned: bot,
      release: botRelease.initial,
      facts: [],
      state: 'PLANNED',
      rollback: null,
      released: false,
      open: true,
      settledAtMs: 0,
      health: 'HEALTHY',
      newestVersion: 2,
      retired: false,
      pinned: false,
    })),
    facts: [],
    told: [],
    state: changeSet.initial,
    nowMs: Date.parse('2026-11-21T10:00:00.000Z'),
    webhook: null,
    isWindowOpen: true,
  };
  say(world, [
    {
      type: 'rollout.change-set.planned.v1',
      data: {
        changeSetId,
        name: 'next',
        fleetId: fleet.id,
        fleetName: fleet.name,
        environment: fleet.environment,
        strategy,
        planHash: planHash({ changeSetId, fleetId: fleet.id, strategy, bots: planned }),
        bots: planned.length,
        waves: waves.length,
        origin: 'request',
        author: anna,
        reason: '',
      },
    },
    ...recordPlan(changeSetId, planned),
  ]);
  return world;
};

/** As the projection does: an end leaves what was never released as it is. */
const leaveUntouched = (world: World): void => {
  for (const bot of world.bots) if (bot.state === 'PLANNED') Object.assign(bot, { state: 'SKIPPED', open: false });
};

const say = (world: World, facts: readonly ChangeSetFact[]): void => {
  for (const fact of facts) {
    world.facts.push(fact);
    world.told.push({ atMs: world.nowMs, fact });
    const before = world.state;
    world.state = changeSet.evolve(before, fact);
    if (world.state.at !== 'planned' && world.state.at !== 'running') leaveUntouched(world);
  }
};

export const envelope = (world: World) => ({
  id: '0193a000-0000-7000-8000-0000000000c1',
  workspace: 'default',
  actor: anna,
  correlationId: 'c',
  causationId: null,
  time: new Date(world.nowMs).toISOString(),
  records: true as const,
});

type Steps =
  | 'rollout.change-set.pause.v1'
  | 'rollout.change-set.resume.v1'
  | 'rollout.change-set.promote.v1'
  | 'rollout.analysis.skip.v1'
  | 'rollout.change-set.abort.v1';
export type Wanted = Steps | 'start' | 'complete' | 'fail' | 'roll-back' | 'finish' | 'supersede';

export const commandOf = (world: World, wanted: Exclude<Wanted, 'supersede'>): ChangeSetCommand => {
  const data = { changeSetId, reason: 'because' };
  switch (wanted) {
    case 'start': {
      const window = { open: world.isWindowOpen, message: 'It is night.' };
      return { ...envelope(world), type: 'rollout.change-set.start.v1', data, fleetStatus: 'ACTIVE', window };
    }
    case 'complete':
      return { ...envelope(world), type: 'rollout.change-set.complete.v1', data, counted: countedOf(world) };
    case 'fail':
      return { ...envelope(world), type: 'rollout.change-set.fail.v1', data, counted: countedOf(world) };
    case 'roll-back': {
      const releasedBots = world.bots.filter(({ released }) => released).length;
      return { ...envelope(world), type: 'rollout.change-set.roll-back.v1', data, releasedBots };
    }
    case 'finish':
      return {
        ...envelope(world),
        type: 'rollout.change-set.finish.v1',
        data,
        progress: progressOf(world),
        late: lateOf(world),
      };
    case 'rollout.change-set.pause.v1':
    case 'rollout.change-set.resume.v1':
    case 'rollout.change-set.promote.v1':
    case 'rollout.analysis.skip.v1':
    case 'rollout.change-set.abort.v1':
      return { ...envelope(world), type: wanted, data };
    default:
      return unreachable(wanted);
  }
};

/** Decides on what is; a refusal is an answer. */
export const send = (world: World, command: ChangeSetCommand): readonly ChangeSetFact[] => {
  try {
    const facts = changeSet.decide(command, world.state);
    say(world, facts);
    return facts;
  } catch (error) {
    if (error instanceof Rejected) return [];
    throw error;
  }
};

export const supersede = (world: World): void => {
  const isOver = world.state.at !== 'planned' && world.state.at !== 'running';
  if (!isOver) {
    say(world, [{ type: 'rollout.change-set.superseded.v1', data: { changeSetId, byChangeSetId: other } }]);
  }
};

export const runOf = ({ state }: World): Run | null => (state.at === 'running' ? state.run : null);
export const currentWave = (world: World): number => {
  const started = world.facts.findLast(
    (fact): fact is FactOf<typeof WaveStarted> => fact.type === 'rollout.wave.started.v1',
  );
  return started?.data.wave ?? 0;
};
const isOut = ({ state, released }: SimulatedBot): boolean => state === 'FAILED' && released;

/** As `progressOf` of queries.ts. */
const progressOf = ({ bots, state }: World): Progress => {
  const isBack = state.at === 'rolling-back';
  const settled = (of: SimulatedBot['state']) => bots.filter((bot) => bot.state === of).length;
  const back = (of: SimulatedBot['rollback']) => bots.filter((bot) => bot.rollback === of).length;
  return {
    total: bots.length,
    updated: settled('CONVERGED'),
    failed: settled('FAILED'),
    skipped: settled('SKIPPED'),
    toRestore: isBack ? bots.filter(({ released }) => released).length : 0,
    restored: back('RESTORED'),
    restoreFailed: back('FAILED'),
    restoreSkipped: back('SKIPPED'),
    failedNames: bots.filter(isOut).map(({ planned }) => planned.botName),
    supersededBy: null,
  };
};

/** As `lateBackOf` of queries.ts; here counted from when the way back began. */
const lateOf = ({ bots, told, nowMs, strategy }: World): Late | null => {
  const since = told.findLast(({ fact }) => fact.type === 'rollout.change-set.rollback-started.v1');
  const deadlineSeconds = strategy.progressDeadlineSeconds ?? 600;
  if (!since || nowMs - since.atMs <= deadlineSeconds * 1_000) return null;
  const late = bots.filter(
    ({ released, rollback, open }) =>
      released && (rollback === null || rollback === 'REQUESTED' || (rollback === 'RELEASED' && open)),
  );
  return late.length === 0
    ? null
    : { deadlineSeconds, bots: late.length, names: late.map(({ planned }) => planned.botName) };
};

/** As `countedOf` of observe.ts. */
const countedOf = (world: World): Counted => {
  const { bots, strategy } = world;
  const here = bots.filter(({ planned }) => planned.wave === currentWave(world));
  return {
    strategy,
    progress: progressOf(world),
    failedBots: bots.filter(isOut).length,
    deniedBots: here.filter(({ state, released }) => state === 'FAILED' && !released).length,
    releasedBots: bots.filter(({ released }) => released).length,
    underWay: bots.filter(({ released, open }) => released && open).length,
  };
};

const healthOf = ({ bots }: World): HealthCounted => {
  const moved = bots.filter(({ state, retired }) => state === 'CONVERGED' && !retired);
  const are = (status: SimulatedBot['health']) => moved.filter(({ health }) => health === status);
  return {
    healthy: are('HEALTHY').length,
    degraded: are('DEGRADED').length,
    unhealthy: are('UNHEALTHY').length,
    unknown: are('UNKNOWN').length,
    unwell: [...are('UNHEALTHY'), ...are('DEGRADED')].map(({ planned }) => planned.botName),
  };
};

/** As `observe` of observe.ts. */
export const observe = (world: World): Observed | null => {
  const run = runOf(world);
  if (run === null) return null;
  const { health, webhook, window } = world.strategy.gates ?? {};
  const counted = countedOf(world);
  const here = world.bots.filter(({ planned }) => planned.wave === run.wave);
  const open = here.filter((bot) => bot.open).length;
  const settledTimes = here.filter((bot) => !bot.open).map(({ settledAtMs }) => settledAtMs);
  const nextBots =
    run.wave + 1 < run.waves ? world.bots.filter(({ planned }) => planned.wave === run.wave + 1).length : null;
  const gates: GateSeen[] = health ? [seenHealth(world, health, open)] : [];
  if (run.settledAtMs !== null) {
    const said = world.webhook ?? run.said.WEBHOOK?.verdict ?? 'NO_DATA';
    if (webhook) gates.push({ gate: 'WEBHOOK', verdict: said, message: 'so', evidence: {} });
    const hours = world.isWindowOpen ? 'PASS' : 'INCONCLUSIVE';
    if (window && nextBots !== null) gates.push({ gate: 'WINDOW', verdict: hours, message: 'so', evidence: {} });
  }
  return {
    of: { wave: run.wave, settledAtMs: run.settledAtMs, lookingSinceMs: run.lookingSinceMs },
    ...counted,
    wave: {
      open,
      updated: here.filter(({ state }) => state === 'CONVERGED').length,
      failed: here.filter(({ state }) => state === 'FAILED').length,
      skipped: here.filter(({ state }) => state === 'SKIPPED').length,
    },
    nextBots,
    settledLastMs: settledTimes.length > 0 ? Math.max(...settledTimes) : null,
    gates,
  };
};

const seenHealth = (world: World, gate: HealthGate, open: number): GateSeen =>
  judgeHealth(gate, healthOf(world), { failed: world.bots.filter(isOut).length, open });

/** Decides on what was observed, perhaps long ago. */
export const judgeOn = (world: World, observed: Observed | null): readonly ChangeSetFact[] =>
  send(world, { ...envelope(world), type: 'rollout.change-set.judge.v1', data: { changeSetId }, observed });
