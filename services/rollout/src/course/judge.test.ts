// What happens to a wave, from what its bots and gates say at a moment.
import type { Strategy } from '@molthub/contracts';
import { expect, test } from 'vitest';
import type { Progress } from '../progress.ts';
import { type GateSeen, judge, type Observed } from './judge.ts';
import { firstWave, judged, nextWave, paused, resumed, type Run, settled } from './run.ts';

const id = '0193a000-0000-7000-8000-000000000001';
const startMs = Date.parse('2026-11-21T10:00:00.000Z');
const after = (seconds: number) => startMs + seconds * 1_000;
const at = (seconds: number) => new Date(after(seconds)).toISOString();

const progress: Progress = {
  total: 10,
  updated: 3,
  failed: 0,
  skipped: 0,
  toRestore: 0,
  restored: 0,
  restoreFailed: 0,
  restoreSkipped: 0,
  failedNames: ['bot-1'],
  supersededBy: null,
};
const gate = (kind: GateSeen['gate'], verdict: GateSeen['verdict'], more: Partial<GateSeen> = {}): GateSeen => ({
  gate: kind,
  verdict,
  message: 'so',
  evidence: {},
  ...more,
});
type Pace = Omit<Extract<Strategy, { kind: 'ALL' }>, 'kind'>;
const seen = (run: Run, pace: Pace, gates: readonly GateSeen[], more: Partial<Observed> = {}): Observed => ({
  of: { wave: run.wave, settledAtMs: run.settledAtMs, lookingSinceMs: run.lookingSinceMs },
  strategy: { kind: 'ALL', ...pace },
  progress,
  wave: { open: run.settledAtMs === null ? 1 : 0, updated: 3, failed: 0, skipped: 0 },
  nextBots: 7,
  failedBots: 0,
  deniedBots: 0,
  releasedBots: 3,
  underWay: 0,
  settledLastMs: null,
  gates,
  ...more,
});
const types = (run: Run, observed: Observed, seconds: number) =>
  judge(id, run, observed, at(seconds)).map(({ type }) => type);

const moving = firstWave(2, startMs);
const well = judged(moving, 'HEALTH', { verdict: 'PASS', message: 'so' }, startMs);
const baking = settled(well, startMs);
const health = { gates: { health: {} } };
const isWell = [gate('HEALTH', 'PASS')];

test('a wave settles when none of its bots is open any more', () => {
  expect(types(well, seen(well, health, isWell), 1)).toEqual([]);
  const none = { open: 0, updated: 3, failed: 0, skipped: 0 };
  expect(types(well, seen(well, health, isWell, { wave: none }), 1)).toEqual(['rollout.wave.settled.v1']);
});

test('a wave that has settled bakes before the next one starts', () => {
  const pace = { ...health, bakeSeconds: 60 };
  expect(types(baking, seen(baking, pace, isWell), 59.999)).toEqual([]);
  expect(types(baking, seen(baking, pace, isWell), 60)).toEqual(['rollout.wave.passed.v1', 'rollout.wave.started.v1']);
});

test('the last wave bakes for the final time, and ends the change set', () => {
  const pace = { ...health, bakeSeconds: 0, finalBakeSeconds: 60 };
  const last = { nextBots: null, progress: { ...progress, updated: 10 } };
  expect(types(baking, seen(baking, pace, isWell, last), 59)).toEqual([]);
  expect(types(baking, seen(baking, pace, isWell, last), 60)).toEqual([
    'rollout.wave.passed.v1',
    'rollout.change-set.finished.v1',
  ]);
});

test('bake time passes only while the bots are well and nobody pauses it', () => {
  const unwell = judged(baking, 'HEALTH', { verdict: 'INCONCLUSIVE', message: 'so' }, after(20));
  const again = judged(unwell, 'HEALTH', { verdict: 'PASS', message: 'so' }, after(50));
  const stopped = resumed(paused(again, 'PERSON', { failedBots: 0, deniedBots: 0 }, after(60)), after(100));
  const pace = { ...health, bakeSeconds: 60 };
  expect(types(stopped, seen(stopped, pace, isWell), 129)).toEqual([]);
  expect(types(stopped, seen(stopped, pace, isWell), 130)).toContain('rollout.wave.passed.v1');
});

test.each([
  ['ROLL_BACK', 'rollout.change-set.rollback-started.v1'],
  ['STOP', 'rollout.change-set.finished.v1'],
  ['PAUSE', 'rollout.change-set.paused.v1'],
] as const)('a gate that fails a wave does what %s says', (onFailure, fact) => {
  const failing = [gate('HEALTH', 'FAIL')];
  expect(types(baking, seen(baking, { ...health, onFailure }, failing), 1)).toEqual(['rollout.gate.judged.v1', fact]);
});

test('a gate that fails while it is paused still takes it back', () => {
  const run = paused(baking, 'PERSON', { failedBots: 0, deniedBots: 0 }, after(1));
  const observed = seen(run, { ...health, onFailure: 'ROLL_BACK' }, [gate('HEALTH', 'FAIL')]);
  expect(types(run, observed, 2)).toContain('rollout.change-set.rollback-started.v1');
});

test('nothing goes back where nothing was released: it only stops', () => {
  const observed = seen(baking, { ...health, onFailure: 'ROLL_BACK' }, [gate('HEALTH', 'FAIL')], { releasedBots: 0 });
  expect(types(baking, observed, 1)).toContain('rollout.change-set.finished.v1');
});

test('a wave without data waits, then pauses, and never passes unless its policy says so', () => {
  const silent = [gate('HEALTH', 'NO_DATA')];
  const run = settled(judged(moving, 'HEALTH', { verdict: 'NO_DATA', message: 'so' }, startMs), startMs);
  expect(types(run, seen(run, health, silent), 299)).toEqual([]);
  expect(types(run, seen(run, health, silent), 300)).toEqual(['rollout.change-set.paused.v1']);
  const passing = { gates: { health: { onNoData: 'PASS' as const } } };
  expect(types(run, seen(run, passing, silent), 299)).toEqual([]);
  expect(types(run, seen(run, passing, silent), 300)).toContain('rollout.wave.passed.v1');
  const failing = { gates: { health: { onNoData: 'FAIL' as const } } };
  expect(types(run, seen(run, failing, silent), 300)).toEqual(['rollout.change-set.finished.v1']);
});

test('an inconclusive last look at traces pauses at once', () => {
  const traces = { gates: { traces: {} } };
  const open = [gate('TRACES', 'INCONCLUSIVE', { isFinal: false })];
  expect(types(baking, seen(baking, traces, open), 10_000)).toEqual(['rollout.gate.judged.v1']);
  const final = [gate('TRACES', 'INCONCLUSIVE', { isFinal: true })];
  expect(types(baking, seen(baking, traces, final), 1)).toEqual([
    'rollout.gate.judged.v1',
    'rollout.change-set.paused.v1',
  ]);
});

test('what a gate says again is not told again', () => {
  expect(types(baking, seen(baking, { ...health, bakeSeconds: 60 }, isWell), 1)).toEqual([]);
});

test('bots that fail beyond the budget fail it; each bot counts once, and what a person put up with counts no more', () => {
  const pace = { ...health, failureBudget: { count: 1 }, onFailure: 'PAUSE' as const };
  expect(types(well, seen(well, pace, isWell, { failedBots: 1 }), 1)).toEqual([]);
  expect(types(well, seen(well, pace, isWell, { failedBots: 2 }), 1)).toEqual(['rollout.change-set.paused.v1']);
  const accepting = resumed(paused(well, 'BUDGET', { failedBots: 2, deniedBots: 0 }, after(1)), after(2));
  expect(types(accepting, seen(accepting, pace, isWell, { failedBots: 2 }), 3)).toEqual([]);
  expect(types(accepting, seen(accepting, pace, isWell, { failedBots: 3 }), 3)).toEqual([
    'rollout.change-set.paused.v1',
  ]);
});

test('a budget in percent is rounded down', () => {
  const pace = { ...health, failureBudget: { percent: 19 } };
  expect(types(well, seen(well, pace, isWell, { failedBots: 1 }), 1)).toEqual([]);
  expect(types(well, seen(well, pace, isWell, { failedBots: 2 }), 1)).toEqual(['rollout.change-set.finished.v1']);
});

test('a wave of which no bot settles in time has failed; while it is paused no deadline passes', () => {
  const pace = { ...health, progressDeadlineSeconds: 60 };
  const deadline = (run: Run, seconds: number, settledLastMs: number | null) =>
    types(run, seen(run, pace, isWell, { settledLastMs }), seconds);
  expect(deadline(well, 60, null)).toEqual([]);
  expect(deadline(well, 61, null)).toEqual(['rollout.change-set.finished.v1']);
  expect(deadline(well, 61, after(30))).toEqual([]);
  const stopped = paused(well, 'PERSON', { failedBots: 0, deniedBots: 0 }, after(10));
  expect(deadline(stopped, 600, null)).toEqual([]);
  expect(deadline(resumed(stopped, after(600)), 660, null)).toEqual([]);
});

test('bots that policy denies pause a wave, each wave anew', () => {
  const denying = (run: Run, deniedBots: number) => types(run, seen(run, health, isWell, { deniedBots }), 1);
  expect(denying(well, 2)).toEqual(['rollout.change-set.paused.v1']);
  const accepting = resumed(paused(well, 'POLICY', { failedBots: 0, deniedBots: 2 }, after(1)), after(2));
  expect(denying(accepting, 2)).toEqual([]);
  const second = judged(nextWave(accepting, 1, after(3)), 'HEALTH', { verdict: 'PASS', message: 'so' }, after(3));
  expect(denying(second, 1)).toEqual(['rollout.change-set.paused.v1']);
});

test('a promoted wave waits for no verdict, but for its bots, the hours and what fails', () => {
  const run = { ...baking, promoted: true };
  const pace = { bakeSeconds: 600, gates: { health: { waitSeconds: 0 } } };
  const silent = { ...run, said: { HEALTH: { verdict: 'NO_DATA' as const, message: 'so' } } };
  const passes = judge(id, silent, seen(silent, pace, [gate('HEALTH', 'NO_DATA')]), at(1));
  expect(passes[0]).toMatchObject({ type: 'rollout.wave.passed.v1', data: { by: 'PROMOTION' } });
  expect(passes[0]).toHaveProperty('data.message', expect.stringContaining('HEALTH is NO_DATA'));
  const night = { ...run, said: { ...run.said, WINDOW: { verdict: 'INCONCLUSIVE' as const, message: 'so' } } };
  expect(types(night, seen(night, pace, [...isWell, gate('WINDOW', 'INCONCLUSIVE')]), 9_000)).toEqual([]);
  expect(types(run, seen(run, pace, [gate('HEALTH', 'FAIL')]), 1)).toContain('rollout.change-set.finished.v1');
  const unsettled = { ...well, promoted: true };
  expect(types(unsettled, seen(unsettled, pace, isWell), 1)).toEqual([]);
});

test('what is resumed gets time to decide, even from a gate that waits for nobody', () => {
  const pace = { gates: { health: { waitSeconds: 0 } } };
  const silent = [gate('HEALTH', 'NO_DATA')];
  const told = judged(baking, 'HEALTH', { verdict: 'NO_DATA', message: 'so' }, after(1));
  expect(types(told, seen(told, pace, silent), 1)).toEqual(['rollout.change-set.paused.v1']);
  const again = resumed(paused(told, 'GATE', { failedBots: 0, deniedBots: 0 }, after(1)), after(10));
  expect(types(again, seen(again, pace, silent), 11)).toEqual([]);
  expect(types(again, seen(again, pace, isWell), 11)).toContain('rollout.gate.judged.v1');
  expect(types(again, seen(again, pace, silent), 10 + 60)).toEqual(['rollout.change-set.paused.v1']);
});

test('a skipped analysis leaves out traces and webhooks, and never health', () => {
  const run = { ...baking, analysisSkipped: true };
  const said = {
    TRACES: { verdict: 'FAIL' as const, message: '' },
    WEBHOOK: { verdict: 'FAIL' as const, message: '' },
  };
  const failing = { ...run, said: { ...run.said, ...said } };
  const gates = [gate('TRACES', 'FAIL'), gate('WEBHOOK', 'FAIL'), ...isWell];
  expect(types(failing, seen(failing, health, gates), 1)).toContain('rollout.wave.passed.v1');
  const unwell = [gate('HEALTH', 'FAIL')];
  expect(types(run, seen(run, health, unwell), 1)).toContain('rollout.change-set.finished.v1');
});

test('a gate that somebody resumed although it fails does not fail that wave again, but the next one', () => {
  const failing = { verdict: 'FAIL' as const, message: 'so' };
  const bad = judged(baking, 'WEBHOOK', failing, after(1));
  const accepting = resumed(paused(bad, 'GATE', { failedBots: 0, deniedBots: 0 }, after(1)), after(2));
  const gates = [...isWell, gate('WEBHOOK', 'FAIL')];
  expect(types(accepting, seen(accepting, health, gates), 3)).toContain('rollout.wave.passed.v1');
  const next = settled(
    judged(nextWave(accepting, 1, after(4)), 'HEALTH', { verdict: 'PASS', message: '' }, after(4)),
    after(5),
  );
  expect(types(next, seen(next, health, gates), 6)).toContain('rollout.change-set.finished.v1');
});

test('what was seen of another wave, or before this one settled, decides nothing', () => {
  const none = { open: 0, updated: 3, failed: 0, skipped: 0 };
  const second = nextWave(baking, 1, after(60));
  expect(types(second, seen(baking, health, isWell, { wave: none }), 61)).toEqual([]);
  // Before it settled no webhook was asked: what was seen then would pass it without.
  expect(types(baking, seen(well, health, isWell, { wave: none }), 61)).toEqual([]);
});

test('a wave whose policy does without health bakes all the same, and goes on', () => {
  const silent = [gate('HEALTH', 'NO_DATA')];
  const run = settled(judged(moving, 'HEALTH', { verdict: 'NO_DATA', message: 'so' }, startMs), startMs);
  const pace = { bakeSeconds: 400, gates: { health: { onNoData: 'PASS' as const } } };
  expect(types(run, seen(run, pace, silent), 399)).toEqual([]);
  expect(types(run, seen(run, pace, silent), 400)).toContain('rollout.wave.passed.v1');
});

test('each look at traces is told once, also where it says the same as the one before', () => {
  const traces = { bakeSeconds: 60, gates: { traces: {} } };
  const look = (number: number) => [gate('TRACES', 'PASS', { evidence: { look: number }, isFinal: false })];
  const first = judged(baking, 'TRACES', { verdict: 'PASS', message: 'so', look: 1 }, startMs);
  expect(types(first, seen(first, traces, look(1)), 1)).toEqual([]);
  expect(types(first, seen(first, traces, look(2)), 1)).toEqual(['rollout.gate.judged.v1']);
});

test('what its budget allows for, and what policy never let move, is no failure of a change set', () => {
  const last = { nextBots: null, progress: { ...progress, total: 3, updated: 2, failed: 1 } };
  const end = (pace: Pace, failedBots: number) =>
    judge(id, baking, seen(baking, pace, isWell, { ...last, failedBots }), at(1)).at(-1)?.data;
  expect(end({ ...health, failureBudget: { count: 1 } }, 1)).toMatchObject({ status: 'SUCCEEDED', failed: 1 });
  expect(end({ ...health, failureBudget: { count: 0 } }, 0)).toMatchObject({ status: 'SUCCEEDED', failed: 1 });
  expect(end(health, 1)).toMatchObject({ status: 'FAILED' });
});

test('an end that comes early counts no bot as untouched that is on its way', () => {
  const failing = [gate('HEALTH', 'FAIL')];
  const some = { progress: { ...progress, updated: 1 }, underWay: 4 };
  expect(judge(id, well, seen(well, health, failing, some), at(1)).at(-1)?.data).toMatchObject({ untouched: 5 });
});
