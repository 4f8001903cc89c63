// The clocks of a wave, and what carries over to the next one.
import { expect, test } from 'vitest';
import { countedMs, firstWave, judged, nextWave, paused, resumed, settled } from './run.ts';

const pass = { verdict: 'PASS', message: '' } as const;
const fail = { verdict: 'FAIL', message: '' } as const;
const none = { failedBots: 0, deniedBots: 0 };
const first = firstWave(3, 1_000);

test('no time counts before a wave has settled', () => {
  const run = judged(first, 'HEALTH', pass, 2_000);
  expect([countedMs(run.baked, 9_000), countedMs(run.waited, 9_000)]).toEqual([0, 0]);
});

test('a wave without a health gate bakes from when it settles', () => {
  expect(countedMs(settled(first, 2_000).baked, 5_000)).toBe(3_000);
});

test('a wave that settles unwell waits, and bakes once it is well', () => {
  const run = settled(judged(first, 'HEALTH', fail, 1_500), 2_000);
  expect([countedMs(run.baked, 5_000), countedMs(run.waited, 5_000)]).toEqual([0, 3_000]);
  expect(countedMs(judged(run, 'HEALTH', pass, 5_000).baked, 6_000)).toBe(1_000);
});

test('a verdict of another gate does not touch the bake time', () => {
  const run = judged(settled(first, 2_000), 'WEBHOOK', fail, 3_000);
  expect(countedMs(run.baked, 5_000)).toBe(3_000);
});

test('a pause stops both clocks, and resuming goes on baking but waits anew', () => {
  const run = resumed(paused(settled(first, 2_000), 'PERSON', none, 4_000), 10_000);
  expect([countedMs(run.baked, 11_000), countedMs(run.waited, 11_000)]).toEqual([3_000, 1_000]);
});

test('a wave that settles while it is paused bakes from when it is resumed', () => {
  const run = settled(paused(first, 'PERSON', none, 2_000), 3_000);
  expect(countedMs(run.baked, 9_000)).toBe(0);
  expect(countedMs(resumed(run, 10_000).baked, 11_000)).toBe(1_000);
});

test('what becomes well while it is paused bakes from when it is resumed', () => {
  const unwell = paused(settled(judged(first, 'HEALTH', fail, 1_000), 2_000), 'PERSON', none, 3_000);
  const run = judged(unwell, 'HEALTH', pass, 4_000);
  expect(countedMs(run.baked, 9_000)).toBe(0);
  expect(countedMs(resumed(run, 9_000).baked, 10_000)).toBe(1_000);
});

test('time that goes backwards counts nothing', () => {
  expect(countedMs({ sinceMs: 5_000, countedMs: 7 }, 1_000)).toBe(7);
});

test('who resumes what a gate paused accepts that it fails, and lets traces be looked at anew', () => {
  const failing = judged(settled(first, 2_000), 'TRACES', fail, 3_000);
  const run = resumed(paused(failing, 'GATE', none, 3_000), 9_000);
  expect([run.accepted.gates, run.lookingSinceMs]).toEqual([['TRACES'], 9_000]);
});

test('who resumes what a person paused accepts nothing', () => {
  const failing = judged(settled(first, 2_000), 'TRACES', fail, 3_000);
  const run = resumed(paused(failing, 'PERSON', none, 3_000), 9_000);
  expect([run.accepted.gates, run.lookingSinceMs]).toEqual([[], 2_000]);
});

test('the next wave begins with nothing said, counted or promoted', () => {
  const run = { ...judged(settled(first, 2_000), 'HEALTH', pass, 3_000), promoted: true };
  expect(nextWave(run, 1, 9_000)).toEqual({ ...firstWave(3, 9_000), wave: 1 });
});

test('failed bots that were put up with, and a skipped analysis, hold for all waves that follow; denied bots do not', () => {
  const accepting = resumed(paused(first, 'BUDGET', { failedBots: 2, deniedBots: 1 }, 2_000), 3_000);
  const next = nextWave({ ...accepting, analysisSkipped: true }, 1, 9_000);
  expect(next.accepted).toEqual({ gates: [], failedBots: 2, deniedBots: 0 });
  expect(next.analysisSkipped).toBe(true);
});
