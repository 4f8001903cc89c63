// Any order of what people, bots, clocks and crashes do to a change set: what must never happen does not.
import type { Strategy } from '@molthub/contracts';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { settleStrategy } from '@molthub/strategy';
import type { Observed } from './judge.ts';
import { checkInvariants, checkReactions } from './invariants.ts';
import { type Prepared, prepareRelease, releasable, restorable, stepOf } from './simulated-bots.ts';
import {
  commandOf,
  createWorld,
  currentWave,
  judgeOn,
  observe,
  runOf,
  send,
  type SimulatedBot,
  supersede,
  type Wanted,
  type World,
} from './simulated-world.ts';

const policy = fc.constantFrom('PAUSE' as const, 'FAIL' as const, 'PASS' as const, undefined);
const optional = <Value>(value: fc.Arbitrary<Value>) => fc.option(value, { nil: undefined });
const policies = { onInconclusive: policy, onNoData: policy, onError: policy };
const strategies: fc.Arbitrary<Strategy> = fc
  .record({
    bakeSeconds: fc.constantFrom(0, 30, 120),
    finalBakeSeconds: fc.constantFrom(0, 60),
    maxParallel: optional(fc.integer({ min: 1, max: 3 })),
    progressDeadlineSeconds: optional(fc.constantFrom(60, 600)),
    failureBudget: optional(fc.record({ count: fc.integer({ min: 0, max: 2 }) })),
    onFailure: fc.constantFrom('ROLL_BACK' as const, 'STOP' as const, 'PAUSE' as const),
    gates: fc.record({
      health: fc.record({ waitSeconds: fc.constantFrom(0, 60, 300), ...policies }),
      webhook: optional(fc.record({ url: fc.constant('https://example.com'), ...policies })),
      window: optional(fc.constant({ timezone: 'UTC' })),
    }),
  })
  .map((pace) => settleStrategy(JSON.parse(JSON.stringify({ kind: 'PERCENTAGE', steps: [50, 100], ...pace }))));
const waves = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 });

const bot = fc.nat({ max: 15 });
const seconds = fc.constantFrom(1, 10, 45, 200, 1_000);
const wanted: fc.Arbitrary<Wanted> = fc.constantFrom(
  'start',
  'rollout.change-set.pause.v1',
  'rollout.change-set.resume.v1',
  'rollout.change-set.resume.v1',
  'rollout.change-set.promote.v1',
  'rollout.analysis.skip.v1',
  'finish',
);
const drastic: fc.Arbitrary<Wanted> = fc.constantFrom(
  'rollout.change-set.abort.v1',
  'roll-back',
  'complete',
  'fail',
  'supersede',
);
const health = fc.constantFrom('HEALTHY' as const, 'DEGRADED' as const, 'UNHEALTHY' as const, 'UNKNOWN' as const);
const verdict = fc.constantFrom('PASS' as const, 'FAIL' as const, 'INCONCLUSIVE' as const, 'ERROR' as const, null);
const steps = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('look' as const) }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('judge' as const) }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('converge' as const), bot }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('converge-all' as const) }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('pass-time' as const), seconds }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('fail' as const), bot }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('deny' as const), bot }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('late' as const), bot, generation: fc.constantFrom(1, 2, 3) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('health' as const), bot, is: health }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('health-of-all' as const), is: health }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('webhook' as const), is: verdict }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('window' as const), isOpen: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('newer' as const), bot }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('retire' as const), bot }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('pin' as const), bot }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('restore' as const), bot, isRefused: fc.boolean() }) },
  // Looks may be wrong: who decides does not rely on them.
  { weight: 2, arbitrary: fc.record({ do: fc.constant('go-back' as const), bot }) },
  // A leader that is frozen while it looks, and thaws when the world is another.
  { weight: 2, arbitrary: fc.record({ do: fc.constant('freeze' as const), bot }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('thaw' as const) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('command' as const), wanted }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('command' as const), wanted: drastic }) },
);
type Step = typeof steps extends fc.Arbitrary<infer Value> ? Value : never;
type Frozen = { observed: Observed | null; release: { bot: SimulatedBot; prepared: Prepared } | null };

const look = (world: World): void => {
  for (const each of releasable(world)) stepOf(world, each, { kind: 'release', prepared: prepareRelease(world, each) });
  for (const each of restorable(world)) stepOf(world, each, { kind: 'roll-back' });
  if (world.state.at === 'rolling-back') send(world, commandOf(world, 'finish'));
};

/** Whether only the room for it is missing. */
const isNext = (world: World, { open, state, planned }: SimulatedBot): boolean =>
  open && state === 'PLANNED' && planned.wave <= currentWave(world);

const generationOf = ({ release }: SimulatedBot): number => ('generation' in release ? release.generation : 2);
const settle = (world: World, each: SimulatedBot, result: 'CONVERGED' | 'FAILED'): void =>
  stepOf(world, each, { kind: 'settle', generation: generationOf(each), result });

const onBot = (
  world: World,
  each: SimulatedBot,
  step: Extract<Step, { readonly bot: number }>,
  frozen: Frozen,
): void => {
  switch (step.do) {
    case 'converge':
      return settle(world, each, 'CONVERGED');
    case 'fail':
      return settle(world, each, 'FAILED');
    case 'deny':
      return stepOf(world, each, { kind: 'deny' });
    case 'late': {
      const [told, expected] = [world.told.length, generationOf(each)];
      stepOf(world, each, { kind: 'settle', generation: step.generation, result: 'CONVERGED' });
      if (step.generation !== expected) expect(world.told.length, 'a report of another generation').toBe(told);
      return;
    }
    case 'health':
      each.health = step.is;
      return;
    case 'newer':
      each.newestVersion += 1;
      return;
    case 'retire':
      each.retired = true;
      return stepOf(world, each, { kind: 'settle', generation: generationOf(each), result: 'SKIPPED' });
    case 'pin':
      each.pinned = true;
      return;
    case 'go-back':
      if (restorable(world).includes(each) || !each.released) stepOf(world, each, { kind: 'roll-back' });
      return;
    case 'restore':
      return stepOf(world, each, { kind: 'restore', isRefused: step.isRefused });
    case 'freeze':
      frozen.observed = observe(world);
      frozen.release = { bot: each, prepared: prepareRelease(world, each) };
      return;
  }
};

const take = (world: World, step: Step, frozen: Frozen): void => {
  if ('bot' in step) {
    const each = world.bots[step.bot % world.bots.length];
    if (each) onBot(world, each, step, frozen);
    return;
  }
  switch (step.do) {
    case 'look':
      return look(world);
    case 'judge': {
      judgeOn(world, observe(world));
      return;
    }
    case 'converge-all':
      for (const each of world.bots) settle(world, each, 'CONVERGED');
      return;
    case 'pass-time':
      world.nowMs += step.seconds * 1_000;
      return;
    case 'health-of-all':
      for (const each of world.bots) each.health = step.is;
      return;
    case 'webhook':
      world.webhook = step.is;
      return;
    case 'window':
      world.isWindowOpen = step.isOpen;
      return;
    case 'thaw': {
      judgeOn(world, frozen.observed);
      const { release } = frozen;
      // One that the looks take, or one that they never would.
      const isTaken = release && (releasable(world).includes(release.bot) || !isNext(world, release.bot));
      if (isTaken) stepOf(world, release.bot, { kind: 'release', prepared: release.prepared });
      return;
    }
    case 'command':
      if (step.wanted === 'supersede') supersede(world);
      else {
        const command = commandOf(world, step.wanted);
        send(world, command);
        // Its answer was lost, and whoever sent it sends it again.
        send(world, command);
      }
      return;
  }
};

/**
 * Everybody is well, and somebody resumes whatever pauses: then every change set comes to its end. Where no bot is left
 * that could say anything, somebody has to promote it.
 */
const calmDown = (world: World): void => {
  send(world, commandOf(world, 'start'));
  Object.assign(world, { webhook: 'PASS', isWindowOpen: true });
  for (let round = 0; round < 80 && world.state.at !== 'ended' && world.state.at !== 'closed'; round += 1) {
    send(world, commandOf(world, 'rollout.change-set.resume.v1'));
    if (round > 40) send(world, commandOf(world, 'rollout.change-set.promote.v1'));
    look(world);
    for (const each of world.bots) {
      each.health = 'HEALTHY';
      stepOf(world, each, { kind: 'restore', isRefused: false });
      settle(world, each, 'CONVERGED');
    }
    judgeOn(world, observe(world));
    world.nowMs += 60_000;
    checkInvariants(world);
  }
};

test('in a thousand courses nothing happens that must not, and each comes to its end', () => {
  const seen = { passed: 0, promoted: 0, rolledBack: 0, superseded: 0, paused: 0 };
  fc.assert(
    fc.property(strategies, waves, fc.array(steps, { minLength: 20, maxLength: 90 }), (strategy, sizes, course) => {
      const world = createWorld(strategy, sizes);
      send(world, commandOf(world, 'start'));
      const frozen: Frozen = { observed: null, release: null };
      for (const step of course) {
        const before = { told: world.told.length, state: world.state, run: runOf(world), observed: observe(world) };
        take(world, step, frozen);
        checkInvariants(world);
        checkReactions(world, before, step.do === 'judge');
      }
      calmDown(world);
      expect(['ended', 'closed']).toContain(world.state.at);
      const types = new Set(world.facts.map(({ type }) => type));
      seen.passed += Number(types.has('rollout.wave.passed.v1'));
      seen.promoted += Number(types.has('rollout.change-set.promoted.v1'));
      seen.paused += Number(types.has('rollout.change-set.paused.v1'));
      seen.rolledBack += Number(types.has('rollout.change-set.rolled-back.v1'));
      seen.superseded += Number(types.has('rollout.change-set.superseded.v1'));
    }),
    { numRuns: 1_000, seed: 20_261_127 },
  );
  // A model in which nothing happens would prove nothing.
  for (const [what, times] of Object.entries(seen)) expect(times, what).toBeGreaterThan(30);
});
