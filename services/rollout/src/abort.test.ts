// An abort, and what nobody does to a change set that does not run.
import { specification } from '@molthub/decider/testing';
import { expect, test } from 'vitest';
import { changeSet, type ChangeSetCommand, type ChangeSetFact } from './decider.ts';

const rollout = specification(changeSet);
const changeSetId = '0193a000-0000-7000-8000-000000000001';
const time = '2026-11-21T10:00:00.000Z';
const anna = { kind: 'user', id: 'anna', name: 'Anna' } as const;
const envelope = {
  id: '0193a000-0000-7000-8000-0000000000c1',
  workspace: 'default',
  actor: anna,
  correlationId: 'c',
  causationId: null,
  time,
  records: true,
} as const;
const data = { changeSetId, reason: 'because' };
const progress = {
  total: 2,
  updated: 1,
  failed: 0,
  skipped: 0,
  toRestore: 0,
  restored: 0,
  restoreFailed: 0,
  restoreSkipped: 0,
  failedNames: [],
  supersededBy: null,
};
const strategy = { kind: 'PERCENTAGE' as const, steps: [50, 100] };
const observed = {
  of: { wave: 0, settledAtMs: Date.parse(time), lookingSinceMs: Date.parse(time) },
  strategy,
  progress,
  wave: { open: 0, updated: 1, failed: 0, skipped: 0 },
  nextBots: 1,
  failedBots: 0,
  deniedBots: 0,
  releasedBots: 1,
  underWay: 0,
  settledLastMs: null,
  gates: [],
};
const judge: ChangeSetCommand = { ...envelope, type: 'rollout.change-set.judge.v1', data: { changeSetId }, observed };
const abort: ChangeSetCommand = { ...envelope, type: 'rollout.change-set.abort.v1', data };

const planned: readonly ChangeSetFact[] = [
  {
    type: 'rollout.change-set.planned.v1',
    data: {
      changeSetId,
      name: 'next',
      fleetId: '0193a000-0000-7000-8000-00000000000f',
      fleetName: 'support',
      environment: 'dev',
      strategy,
      planHash: `sha256:${'1'.repeat(64)}`,
      bots: 2,
      waves: 2,
      origin: 'request',
      author: anna,
      reason: '',
    },
  },
];
const settled: readonly ChangeSetFact[] = [
  ...planned,
  { type: 'rollout.change-set.started.v1', data: { changeSetId } },
  { type: 'rollout.wave.started.v1', data: { changeSetId, wave: 0, bots: 1, at: time } },
  { type: 'rollout.wave.settled.v1', data: { changeSetId, wave: 0, updated: 1, failed: 0, skipped: 0, at: time } },
];
const promoted: ChangeSetFact = { type: 'rollout.change-set.promoted.v1', data: { ...data, wave: 0 } };
const aborted: ChangeSetFact = { type: 'rollout.change-set.aborted.v1', data };

test('an abort wins over a promotion that has not taken effect', () => {
  rollout
    .given(...settled, promoted)
    .when(judge)
    .thenTypes('rollout.wave.passed.v1', 'rollout.wave.started.v1');
  rollout
    .given(...settled, promoted)
    .when(abort)
    .then(aborted);
  rollout
    .given(...settled, promoted, aborted)
    .when(judge)
    .thenNothing();
});

test('what an aborted change set has moved can still go back', () => {
  rollout
    .given(...settled, aborted)
    .when({ ...envelope, type: 'rollout.change-set.roll-back.v1', data, releasedBots: 1 })
    .thenTypes('rollout.change-set.rollback-started.v1');
});

const counted = { strategy, progress, failedBots: 0, deniedBots: 0, releasedBots: 1, underWay: 0 };
const steering: readonly ChangeSetCommand[] = [
  { ...envelope, type: 'rollout.change-set.pause.v1', data },
  { ...envelope, type: 'rollout.change-set.resume.v1', data },
  { ...envelope, type: 'rollout.change-set.promote.v1', data },
  { ...envelope, type: 'rollout.analysis.skip.v1', data },
  { ...envelope, type: 'rollout.change-set.complete.v1', data, counted },
  { ...envelope, type: 'rollout.change-set.fail.v1', data, counted },
];
test('what does not run is not paused, resumed, promoted or ended', () => {
  expect(steering).toHaveLength(6);
  for (const command of steering) {
    for (const facts of [[], planned, [...settled, aborted]]) {
      const code = facts.length === 0 ? 'rollout.change-set-not-found' : 'rollout.change-set-not-in-state';
      rollout
        .given(...facts)
        .when(command)
        .rejects(code);
    }
  }
});
