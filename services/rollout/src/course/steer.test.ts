// What people do to a change set that runs.
import type { Strategy } from '@molthub/contracts';
import { Rejected } from '@molthub/decider';
import { expect, test } from 'vitest';
import { firstWave, paused, type Run } from './run.ts';
import { type Counted, steer, type Steering } from './steer.ts';

const changeSetId = '0193a000-0000-7000-8000-000000000001';
const time = '2026-11-21T10:00:00.000Z';
const envelope = {
  id: '0193a000-0000-7000-8000-0000000000c1',
  workspace: 'default',
  actor: { kind: 'user', id: 'anna', name: 'Anna' },
  correlationId: 'c',
  causationId: null,
  time,
  records: true,
} as const;
const data = { changeSetId, reason: 'because' };
const counted = (more: Partial<Counted> = {}, strategy: Strategy = { kind: 'ALL' }): Counted => ({
  strategy,
  progress: {
    total: 10,
    updated: 3,
    failed: 0,
    skipped: 0,
    toRestore: 0,
    restored: 0,
    restoreFailed: 0,
    restoreSkipped: 0,
    failedNames: [],
    supersededBy: null,
  },
  failedBots: 0,
  deniedBots: 0,
  releasedBots: 3,
  underWay: 0,
  ...more,
});
const simple = (
  type:
    | 'rollout.change-set.pause.v1'
    | 'rollout.change-set.resume.v1'
    | 'rollout.change-set.promote.v1'
    | 'rollout.analysis.skip.v1',
): Steering => ({ ...envelope, type, data });
const pause = simple('rollout.change-set.pause.v1');
const resume = simple('rollout.change-set.resume.v1');
const promote = simple('rollout.change-set.promote.v1');
const skip = simple('rollout.analysis.skip.v1');
const complete = (how: Counted): Steering => ({
  ...envelope,
  type: 'rollout.change-set.complete.v1',
  data,
  counted: how,
});
const fail = (how: Counted): Steering => ({ ...envelope, type: 'rollout.change-set.fail.v1', data, counted: how });
const codeOf = (command: Steering, run: Run): string => {
  try {
    steer(command, run);
  } catch (error) {
    if (error instanceof Rejected) return error.code;
    throw error;
  }
  return 'accepted';
};

const running = firstWave(2, 0);
const stopped = paused(running, 'PERSON', { failedBots: 0, deniedBots: 0 }, 0);

test('what is paused is not paused again, and what runs is not resumed', () => {
  expect(steer(pause, running)).toMatchObject([{ data: { cause: 'PERSON', at: time } }]);
  expect(steer(pause, stopped)).toEqual([]);
  expect(steer(resume, stopped)).toMatchObject([{ type: 'rollout.change-set.resumed.v1' }]);
  expect(steer(resume, running)).toEqual([]);
});

test('a person who pauses accepts no failure by that', () => {
  const accepting = { ...running, accepted: { gates: [], failedBots: 2, deniedBots: 1 } };
  expect(steer(pause, accepting)).toMatchObject([{ data: { failedBots: 2, deniedBots: 1 } }]);
});

test('a promotion is of the wave that runs, once, and not while it is paused', () => {
  expect(steer(promote, { ...running, wave: 1 })).toMatchObject([{ data: { wave: 1 } }]);
  expect(steer(promote, { ...running, promoted: true })).toEqual([]);
  expect(codeOf(promote, stopped)).toBe('rollout.paused');
});

test('a promotion that comes when its wave is over promotes no other, and none is promoted before its turn', () => {
  const named = (wave: number): Steering => ({
    ...envelope,
    type: 'rollout.change-set.promote.v1',
    data: { ...data, wave },
  });
  const second = { ...running, wave: 1 };
  expect(steer(named(1), second)).toMatchObject([{ data: { wave: 1 } }]);
  expect(steer(named(0), second)).toEqual([]);
  expect(steer(named(0), { ...stopped, wave: 1 })).toEqual([]);
  expect(codeOf(named(2), second)).toBe('rollout.wave-not-reached');
});

test('analysis is skipped once, paused or not', () => {
  expect(steer(skip, stopped)).toMatchObject([{ type: 'rollout.analysis.skipped.v1' }]);
  expect(steer(skip, { ...running, analysisSkipped: true })).toEqual([]);
});

test('nobody completes what is on its way', () => {
  expect(codeOf(complete(counted({ underWay: 1 })), running)).toBe('rollout.bots-under-way');
});

test('what is completed early says how many bots it leaves as they are', () => {
  expect(steer(complete(counted()), stopped)).toMatchObject([
    { type: 'rollout.change-set.finished.v1', data: { status: 'SUCCEEDED', updated: 3, untouched: 7 } },
  ]);
});

test('what is completed with failed bots has failed', () => {
  const { progress } = counted();
  const failing = counted({ progress: { ...progress, failed: 1 } });
  expect(steer(complete(failing), running)).toMatchObject([{ data: { status: 'FAILED', failed: 1, untouched: 6 } }]);
});

test.each([
  ['ROLL_BACK', 3, 'rollout.change-set.rollback-started.v1'],
  ['ROLL_BACK', 0, 'rollout.change-set.finished.v1'],
  ['STOP', 3, 'rollout.change-set.finished.v1'],
  ['PAUSE', 3, 'rollout.change-set.paused.v1'],
] as const)(
  'who ends it as failed gets what its strategy says: %s with %i released',
  (onFailure, releasedBots, type) => {
    const how = counted({ releasedBots }, { kind: 'ALL', onFailure });
    expect(steer(fail(how), running)).toMatchObject([{ type }]);
  },
);
