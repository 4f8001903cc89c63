// What holds of every course of a change set, told from what was said and from nothing else.
import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict';
import type { GateKind, GateVerdict } from '@molthub/contracts';
import { unreachable } from '@molthub/decider';
import type { ChangeSet, ChangeSetFact } from '../decider.ts';
import type { Observed } from './judge.ts';
import type { Run } from './run.ts';
import { commandOf, currentWave, send, type Told, versionOf, type World } from './simulated-world.ts';

type Of<Type extends Told['fact']['type']> = Extract<Told['fact'], { readonly type: Type }>;

/** Follows the story from its beginning, and keeps what each rule needs to know. */
type Story = {
  wave: number;
  readonly passed: Set<number>;
  pausedBy: string | null;
  /** Gates that failed it, and that somebody put up with. */
  accepted: Set<GateKind>;
  isRunning: boolean;
  isClosed: boolean;
  isGoingBack: boolean;
  isSkipped: boolean;
  promoted: number | null;
  said: Map<GateKind, GateVerdict>;
  isSettled: boolean;
  bakedMs: number;
  bakesSinceMs: number | null;
  readonly forward: Map<string, number>;
  readonly settled: Set<string>;
  readonly generations: Map<string, number>;
  readonly requested: Set<string>;
};

export const checkInvariants = (world: World): void => {
  const story: Story = {
    wave: -1,
    passed: new Set(),
    pausedBy: null,
    accepted: new Set(),
    isRunning: false,
    isClosed: false,
    isGoingBack: false,
    isSkipped: false,
    promoted: null,
    said: new Map(),
    isSettled: false,
    bakedMs: 0,
    bakesSinceMs: null,
    forward: new Map(),
    settled: new Set(),
    generations: new Map(),
    requested: new Set(),
  };
  for (const told of world.told) follow(world, story, told);
  checkCounts(world);
};

const follow = (world: World, story: Story, { fact, atMs }: Told): void => {
  if (fact.type === 'rollout.bot.released.v1') return released(story, fact);
  if (fact.type === 'rollout.bot.settled.v1') return settled(story, fact);
  if (fact.type === 'rollout.bot.rollback-requested.v1') return askedBack(world, story, fact);
  if (fact.type === 'rollout.hold.placed.v1' || fact.type === 'rollout.hold.lifted.v1') return;
  ok(!story.isClosed, `after its end nothing is said: ${fact.type}`);
  clock(story, atMs);
  course(world, story, fact);
  clock(story, atMs);
};

const settled = (story: Story, { data }: Of<'rollout.bot.settled.v1'>): void => {
  const { botId, direction, result, generation } = data;
  const key = `${botId} ${direction}`;
  ok(!story.settled.has(key), `${key} settles once`);
  story.settled.add(key);
  const expected = story.generations.get(botId);
  if (result === 'CONVERGED') strictEqual(generation, expected, 'only a report of what was released settles it');
};

const askedBack = (world: World, story: Story, { data }: Of<'rollout.bot.rollback-requested.v1'>): void => {
  const { botId, toVersion } = data;
  ok(story.isGoingBack, 'a bot goes back only in a rollback');
  ok(story.forward.has(botId), 'only a bot that was released goes back');
  ok(!story.requested.has(botId), 'a bot is asked to go back once');
  story.requested.add(botId);
  const planned = world.bots.find((bot) => bot.planned.botId === botId)?.planned;
  strictEqual(toVersion, planned?.before?.version, 'it goes back to exactly what was frozen');
};

const released = (story: Story, { data }: Of<'rollout.bot.released.v1'>): void => {
  const { botId, wave, direction, generation } = data;
  story.generations.set(botId, generation);
  if (direction === 'rollback') {
    ok(story.requested.has(botId), 'only who was asked to go back does');
    return;
  }
  ok(story.isRunning && story.pausedBy === null, 'nothing is released while it is paused or over');
  for (let before = 0; before < wave; before += 1) ok(story.passed.has(before), `wave ${before} passed before ${wave}`);
  ok(!story.forward.has(botId), 'no bot goes forward twice');
  story.forward.set(botId, wave);
};

const clock = (story: Story, atMs: number): void => {
  const health = story.said.get('HEALTH');
  const isCounted = story.isSettled && story.pausedBy === null && health === 'PASS';
  if (story.bakesSinceMs !== null) story.bakedMs += atMs - story.bakesSinceMs;
  story.bakesSinceMs = isCounted ? atMs : null;
};

type CourseFact = Exclude<ChangeSetFact, { readonly type: 'rollout.bot.released.v1' }>;

const course = (world: World, story: Story, fact: CourseFact): void => {
  switch (fact.type) {
    case 'rollout.change-set.started.v1':
      story.isRunning = true;
      break;
    case 'rollout.wave.started.v1':
      strictEqual(fact.data.wave, story.wave + 1, 'waves start one after another');
      ok(story.isRunning && story.pausedBy === null, 'no wave starts while it is paused or over');
      Object.assign(story, { wave: fact.data.wave, promoted: null, said: new Map(), isSettled: false });
      story.accepted.clear();
      Object.assign(story, { bakedMs: 0, bakesSinceMs: null });
      break;
    case 'rollout.wave.settled.v1': {
      const members = world.bots.filter(({ planned }) => planned.wave === fact.data.wave);
      for (const { planned } of members) {
        ok(story.settled.has(`${planned.botId} forward`), 'a wave settles when every bot of it has');
      }
      story.isSettled = true;
      break;
    }
    case 'rollout.gate.judged.v1':
      strictEqual(fact.data.wave, story.wave, 'a gate speaks of the wave that runs');
      story.said.set(fact.data.gate, fact.data.verdict);
      break;
    case 'rollout.wave.passed.v1':
      passed(world, story, fact);
      break;
    case 'rollout.change-set.paused.v1':
      ok(story.pausedBy === null, 'what is paused is not paused again');
      story.pausedBy = fact.data.cause;
      break;
    case 'rollout.change-set.resumed.v1':
      if (story.pausedBy === 'GATE') {
        for (const [gate, verdict] of story.said) if (verdict === 'FAIL') story.accepted.add(gate);
      }
      story.pausedBy = null;
      break;
    case 'rollout.change-set.promoted.v1':
      story.promoted = fact.data.wave;
      break;
    case 'rollout.analysis.skipped.v1':
      story.isSkipped = true;
      break;
    case 'rollout.change-set.finished.v1':
      if (story.isGoingBack)
        strictEqual(fact.data.status, 'FAILED', 'what goes back ends by having gone back, or failed');
      Object.assign(story, { isGoingBack: false, isRunning: false });
      break;
    case 'rollout.change-set.aborted.v1':
      ok(!story.isGoingBack, 'what goes back is not aborted');
      story.isRunning = false;
      break;
    case 'rollout.change-set.rollback-started.v1':
      Object.assign(story, { isGoingBack: true, isRunning: false });
      break;
    case 'rollout.change-set.superseded.v1':
    case 'rollout.change-set.rolled-back.v1':
      Object.assign(story, { isClosed: true, isRunning: false });
      break;
    case 'rollout.change-set.planned.v1':
    case 'rollout.change-set.refused.v1':
    case 'rollout.plan.recorded.v1':
    case 'rollout.plan.entered.v1':
    case 'rollout.change-set.approved.v1':
    case 'rollout.change-set.declined.v1':
    case 'rollout.change-set.expired.v1':
      break;
    default:
      unreachable(fact);
  }
};

const passed = (world: World, story: Story, { data }: Of<'rollout.wave.passed.v1'>): void => {
  const { strategy, bots } = world;
  ok(story.isRunning && story.pausedBy === null && story.isSettled, 'only a wave that runs and has settled passes');
  ok(!story.passed.has(data.wave), 'a wave passes once');
  story.passed.add(data.wave);
  const isLast = bots.every(({ planned }) => planned.wave <= data.wave);
  if (!isLast && strategy.gates?.window) strictEqual(story.said.get('WINDOW'), 'PASS', 'no wave starts at night');
  if (data.by === 'PROMOTION') {
    strictEqual(story.promoted, data.wave, 'somebody promoted exactly this wave');
    return;
  }
  const bakeS = (isLast ? strategy.finalBakeSeconds : strategy.bakeSeconds) ?? 0;
  ok(story.bakedMs >= bakeS * 1_000, `baked ${story.bakedMs} ms of ${bakeS} s, healthy and not paused`);
  passes(story, 'HEALTH', strategy.gates?.health);
  if (!story.isSkipped) passes(story, 'WEBHOOK', strategy.gates?.webhook);
};

type Policies = {
  readonly onNoData?: string | undefined;
  onInconclusive?: string | undefined;
  onError?: string | undefined;
};

const passes = (story: Story, gate: 'HEALTH' | 'WEBHOOK', policies: Policies | undefined): void => {
  if (!policies) return;
  const verdict = story.said.get(gate);
  const byPolicy = { NO_DATA: policies.onNoData, INCONCLUSIVE: policies.onInconclusive, ERROR: policies.onError };
  switch (verdict) {
    case 'PASS':
      return;
    case 'FAIL':
      ok(story.accepted.has(gate), `${gate} fails, and somebody accepted that`);
      return;
    case 'NO_DATA':
    case 'INCONCLUSIVE':
    case 'ERROR':
      strictEqual(byPolicy[verdict], 'PASS', `${gate} is ${verdict}: only its policy lets that pass`);
      return;
    case undefined:
      throw new Error(`${gate} was never asked.`);
    default:
      unreachable(verdict);
  }
};

const checkCounts = (world: World): void => {
  const { bots, strategy } = world;
  const settled = bots.filter(({ state }) => state === 'CONVERGED' || state === 'FAILED' || state === 'SKIPPED');
  ok(settled.length <= bots.length, 'counts add up');
  const most = strategy.maxParallel ?? bots.length;
  const away = bots.filter(({ released, open, rollback }) => released && open && rollback === null);
  ok(away.length <= most, `${away.length} bots are on their way, and ${most} may be`);
  const back = bots.filter(({ rollback, open }) => rollback === 'REQUESTED' || (rollback === 'RELEASED' && open));
  ok(back.length <= most, `${back.length} bots are on their way back, and ${most} may be`);
};

type Before = {
  readonly told: number;
  readonly state: ChangeSet;
  readonly run: Run | null;
  readonly observed: Observed | null;
};

/** What follows from how it was just before. */
export const checkReactions = (world: World, { told, state, run, observed }: Before, wasJudged: boolean): void => {
  const since = world.told.slice(told).map(({ fact }) => fact);
  if (state.at === 'closed') {
    const courses = since.filter(({ type }) => !type.startsWith('rollout.bot.') && !type.startsWith('rollout.hold.'));
    deepStrictEqual(courses, [], 'a terminal state is terminal');
    deepStrictEqual(send(world, commandOf(world, 'rollout.change-set.abort.v1')), [], 'an abort in it does nothing');
  }
  if (state.at === 'ended') {
    for (const { type } of since) ok(type !== 'rollout.wave.started.v1', 'no wave starts after an end');
    deepStrictEqual(
      send(world, commandOf(world, 'rollout.change-set.abort.v1')),
      [],
      'an abort of an end does nothing',
    );
  }
  for (const fact of since) {
    if (fact.type !== 'rollout.bot.rollback-requested.v1') continue;
    const bot = world.bots.find(({ planned }) => planned.botId === fact.data.botId);
    strictEqual(bot?.newestVersion, 2, 'what others have changed since is left to them');
  }
  const fails = observed?.gates.some(({ gate, verdict }) => verdict === 'FAIL' && gate === 'HEALTH');
  const isArmed = wasJudged && run?.paused != null && fails && !run.accepted.gates.includes('HEALTH');
  if (isArmed && world.strategy.onFailure === 'ROLL_BACK') {
    strictEqual(world.state.at, 'rolling-back', 'a gate that fails while it is paused takes it back');
  }
  for (const bot of world.bots) {
    ok(bot.planned.wave <= currentWave(world) || !bot.released, 'no bot of a later wave was released');
    deepStrictEqual(bot.planned.before, versionOf(1), 'the way back stays as it was planned');
  }
};
