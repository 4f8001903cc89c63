import { expect, test } from 'vitest';
import { specification } from '@molthub/decider/testing';
import { changeSet, type ChangeSetFact } from './decider.ts';
import type { Candidate } from './planning/make-plan.ts';
import { botsPerChunkMax, planHash } from './plan.ts';
import type { Late, Progress } from './progress.ts';

const rollout = specification(changeSet);
const id = '0193a000-0000-7000-8000-000000000001';
const other = '0193a000-0000-7000-8000-000000000002';
const fleetId = '0193a000-0000-7000-8000-00000000000f';
const botId = '0193a000-0000-7000-8000-0000000000b1';
const anna = { kind: 'user', id: 'anna', name: 'Anna' } as const;
const envelope = {
  id: '0193a000-0000-7000-8000-0000000000c1',
  workspace: 'default',
  actor: anna,
  correlationId: 'c',
  causationId: null,
  time: '2026-11-21T10:00:00.000Z',
  records: true,
} as const;
const versionOf = (version: number) => ({ version, generation: version, hash: `sha256:${String(version).repeat(64)}` });
const resolved = {
  apiVersion: 'molthub/v1',
  kind: 'MoltbotInstance',
  metadata: { name: 'bot' },
  spec: { runtime: { engine: 'simulated' }, target: { kind: 'simulated' }, config: {} },
} as const;

const planRelease = (fleetStatus: 'ACTIVE' | 'PAUSED' | 'DRAINING', judgedAt: string | null = envelope.time) => ({
  ...envelope,
  type: 'rollout.release.plan.v1' as const,
  data: {
    changeSetId: id,
    fleetId,
    fleetName: 'support',
    fleetStatus,
    environment: 'dev' as const,
    strategy: { kind: 'ALL' as const },
    author: anna,
    reason: 'quieter',
    bot: { botId, botName: 'bot', wave: 0, before: versionOf(1), after: versionOf(2) },
    resolved,
    ...(judgedAt === null ? {} : { judgedAt }),
  },
});
const candidate = (more: Partial<Candidate> = {}): Candidate => ({
  botId,
  botName: 'bot',
  labels: {},
  fleet: { id: fleetId, name: 'support', environment: 'dev', status: 'ACTIVE' },
  before: versionOf(1),
  newest: versionOf(2),
  released: { version: 1, failed: false },
  ...more,
});
const create = (candidates: readonly Candidate[], unknownTargets: readonly string[] = []) => ({
  ...envelope,
  type: 'rollout.change-set.create.v1' as const,
  data: { changeSetId: id, name: 'all', targets: { fleetId }, strategy: { kind: 'ALL' as const }, reason: '' },
  candidates,
  unknownTargets,
  pinned: [],
  conflicts: [],
  lineageId: id,
});
const on = { changeSetId: id, reason: 'because' };
const start = (fleetStatus: 'ACTIVE' | 'PAUSED' | 'DRAINING' = 'ACTIVE') => ({
  ...envelope,
  type: 'rollout.change-set.start.v1' as const,
  data: on,
  fleetStatus,
  window: { open: true, message: '' },
});
const abort = { ...envelope, type: 'rollout.change-set.abort.v1' as const, data: on };
const rollBack = (releasedBots = 1) => ({
  ...envelope,
  type: 'rollout.change-set.roll-back.v1' as const,
  data: on,
  releasedBots,
});
const none: Progress = {
  total: 3,
  updated: 0,
  failed: 0,
  skipped: 0,
  toRestore: 0,
  restored: 0,
  restoreFailed: 0,
  restoreSkipped: 0,
  failedNames: [],
  supersededBy: null,
};
const finish = (progress: Partial<Progress>, late: Late | null = null) => ({
  ...envelope,
  type: 'rollout.change-set.finish.v1' as const,
  data: { changeSetId: id },
  progress: { ...none, ...progress },
  late,
});

const planned = changeSet.decide(create([candidate()]), changeSet.initial);
const running: ChangeSetFact[] = [
  ...planned,
  { type: 'rollout.change-set.started.v1', data: { changeSetId: id } },
  { type: 'rollout.wave.started.v1', data: { changeSetId: id, wave: 0, bots: 1 } },
];
const aborted: ChangeSetFact = {
  type: 'rollout.change-set.aborted.v1',
  data: { changeSetId: id, reason: 'because' },
};
const rollingBack: ChangeSetFact = {
  type: 'rollout.change-set.rollback-started.v1',
  data: { changeSetId: id, reason: 'because', bots: 1 },
};

test('a published version is planned, started and released in one decision', () => {
  rollout
    .given()
    .when(planRelease('ACTIVE'))
    .thenTypes(
      'rollout.change-set.planned.v1',
      'rollout.plan.recorded.v1',
      'rollout.change-set.started.v1',
      'rollout.wave.started.v1',
      'rollout.bot.released.v1',
    );
  const released = changeSet.decide(planRelease('ACTIVE'), changeSet.initial).at(-1);
  expect(released).toMatchObject({ stream: `release-${id}-${botId}`, data: { direction: 'forward', version: 2 } });
});

test.each([null, '2026-11-21T09:58:59.999Z'])(
  'one that policy judged at %s is started, and asked about first',
  (judgedAt) => {
    rollout
      .given()
      .when(planRelease('ACTIVE', judgedAt))
      .thenTypes(
        'rollout.change-set.planned.v1',
        'rollout.plan.recorded.v1',
        'rollout.change-set.started.v1',
        'rollout.wave.started.v1',
      );
  },
);

test.each(['PAUSED', 'DRAINING'] as const)('a %s fleet keeps the plan waiting', (status) => {
  rollout.given().when(planRelease(status)).thenTypes('rollout.change-set.planned.v1', 'rollout.plan.recorded.v1');
});

test('planning the same release again does nothing', () => {
  rollout
    .given(...planned)
    .when(planRelease('ACTIVE'))
    .thenNothing();
});

test('a long plan is told in parts of at most 250 bots', () => {
  const bots = Array.from({ length: 2 * botsPerChunkMax + 1 }, (_, at) =>
    candidate({ botId: `0193a000-0000-7000-8000-${String(at).padStart(12, '0')}` }),
  );
  const facts = changeSet.decide(create(bots), changeSet.initial);
  const chunks = facts.flatMap((fact) => (fact.type === 'rollout.plan.recorded.v1' ? [fact.data] : []));
  expect(chunks.map(({ chunk, bots }) => [chunk, bots.length])).toEqual([
    [0, 250],
    [1, 250],
    [2, 1],
  ]);
});

test('the plan hash names exactly this plan', () => {
  const plan = {
    changeSetId: id,
    fleetId,
    strategy: { kind: 'ALL' as const },
    bots: [{ botId, botName: 'bot', wave: 0, before: null, after: versionOf(2) }],
  };
  expect(planHash(plan)).toMatch(/^sha256:[0-9a-f]{64}$/);
  expect(planHash({ ...plan })).toBe(planHash(plan));
  expect(planHash({ ...plan, bots: plan.bots.map((bot) => ({ ...bot, after: versionOf(3) })) })).not.toBe(
    planHash(plan),
  );
});

test('bots that already have their newest version are left out of a plan', () => {
  const moving = candidate({ botId: other, botName: 'second' });
  const facts = changeSet.decide(
    create([candidate({ released: { version: 2, failed: false } }), moving]),
    changeSet.initial,
  );
  expect(facts[0]).toMatchObject({ data: { bots: 1 } });
});

test('a bot that failed at its newest version is planned again', () => {
  rollout
    .given()
    .when(create([candidate({ released: { version: 2, failed: true } })]))
    .thenTypes('rollout.change-set.planned.v1', 'rollout.plan.recorded.v1');
});

test('a change set without anything to release is refused', () => {
  rollout
    .given()
    .when(create([candidate({ released: { version: 2, failed: false } })]))
    .rejects('rollout.nothing-to-release');
});

test('unknown targets are refused by name', () => {
  rollout
    .given()
    .when(create([candidate()], [other]))
    .rejects('rollout.target-not-found');
});

test('bots of several fleets need several change sets', () => {
  const elsewhere = candidate({ fleet: { id: other, name: 'sales', environment: 'dev', status: 'ACTIVE' } });
  rollout
    .given()
    .when(create([candidate(), elsewhere]))
    .rejects('rollout.several-fleets');
});

test('a planned change set starts with its only wave', () => {
  rollout
    .given(...planned)
    .when(start())
    .then(
      { type: 'rollout.change-set.started.v1', data: { changeSetId: id } },
      { type: 'rollout.wave.started.v1', data: { changeSetId: id, wave: 0, bots: 1, at: envelope.time } },
    );
  rollout
    .given(...running)
    .when(start())
    .thenNothing();
});

test('a paused or draining fleet takes no rollouts', () => {
  rollout
    .given(...planned)
    .when(start('PAUSED'))
    .rejects('rollout.fleet-paused');
  rollout
    .given(...planned)
    .when(start('DRAINING'))
    .rejects('rollout.fleet-paused');
});

test('an ended change set refuses to start', () => {
  rollout
    .given(...running, aborted)
    .when(start())
    .rejects('rollout.change-set-not-in-state');
  rollout.given().when(start()).rejects('rollout.change-set-not-found');
});

test('abort is idempotent and does nothing once a change set is over', () => {
  rollout
    .given(...running)
    .when(abort)
    .then(aborted);
  rollout
    .given(...planned)
    .when(abort)
    .then(aborted);
  rollout
    .given(...running, aborted)
    .when(abort)
    .thenNothing();
  rollout.given().when(abort).rejects('rollout.change-set-not-found');
});

test('a change set goes on until its last bot has settled', () => {
  rollout
    .given(...running)
    .when(finish({ updated: 2 }))
    .thenNothing();
  rollout
    .given(...running)
    .when(finish({ updated: 2, skipped: 1 }))
    .then({
      type: 'rollout.change-set.finished.v1',
      data: { changeSetId: id, status: 'SUCCEEDED', updated: 2, failed: 0, message: '2 bots updated, 1 skipped' },
    });
});

test('one failed bot fails its change set, by name', () => {
  rollout
    .given(...running)
    .when(finish({ updated: 2, failed: 1, failedNames: ['bert'] }))
    .then({
      type: 'rollout.change-set.finished.v1',
      data: { changeSetId: id, status: 'FAILED', updated: 2, failed: 1, message: '2 bots updated, 1 failed (bert)' },
    });
});

test('a change set whose bots all moved on to newer versions is superseded, also before it started', () => {
  const superseded: ChangeSetFact = {
    type: 'rollout.change-set.superseded.v1',
    data: { changeSetId: id, byChangeSetId: other },
  };
  rollout
    .given(...running)
    .when(finish({ skipped: 3, supersededBy: other }))
    .then(superseded);
  rollout
    .given(...planned)
    .when(finish({ skipped: 3, supersededBy: other }))
    .then(superseded);
});

test('a change set that lost some bots to newer versions and updated the others succeeds', () => {
  rollout
    .given(...running)
    .when(finish({ updated: 1, skipped: 2, supersededBy: other }))
    .thenTypes('rollout.change-set.finished.v1');
});

test('a plan whose bots were all deleted before it started ends without claiming success', () => {
  rollout
    .given(...planned)
    .when(finish({ skipped: 3 }))
    .thenTypes('rollout.change-set.aborted.v1');
});

test('a change set that released bots can be rolled back, once', () => {
  rollout
    .given(...running)
    .when(rollBack())
    .then(rollingBack);
  rollout
    .given(...running, aborted)
    .when(rollBack())
    .then(rollingBack);
  rollout
    .given(...running, rollingBack)
    .when(rollBack())
    .thenNothing();
  rollout
    .given(...planned)
    .when(rollBack())
    .rejects('rollout.change-set-not-in-state');
  rollout
    .given(...running)
    .when(rollBack(0))
    .rejects('rollout.nothing-to-roll-back');
});

test('a rollback ends when every released bot is back, failed or left out, and is never tried again', () => {
  const restored = { toRestore: 3, restored: 1, restoreFailed: 1, restoreSkipped: 1, failedNames: ['bert'] };
  rollout
    .given(...running, rollingBack)
    .when(finish({ ...restored, restored: 0 }))
    .thenNothing();
  const ended: ChangeSetFact = {
    type: 'rollout.change-set.rolled-back.v1',
    data: {
      changeSetId: id,
      restored: 1,
      failed: 1,
      skipped: 1,
      message: '1 bot restored, 1 failed (bert), 1 skipped',
    },
  };
  rollout
    .given(...running, rollingBack)
    .when(finish(restored))
    .then(ended);
  rollout
    .given(...running, rollingBack, ended)
    .when(rollBack())
    .rejects('rollout.change-set-not-in-state');
  rollout
    .given(...running, rollingBack, ended)
    .when(abort)
    .thenNothing();
});

test('bots that are not back in time end a way back as failed, by name', () => {
  const late = { deadlineSeconds: 600, bots: 2, names: ['anna', 'bert'] };
  rollout
    .given(...running, rollingBack)
    .when(finish({ toRestore: 3, restored: 1 }, late))
    .then({
      type: 'rollout.change-set.finished.v1',
      data: {
        changeSetId: id,
        status: 'FAILED',
        updated: 0,
        failed: 0,
        message: '1 bot restored. 2 did not come back within 600 s: anna, bert.',
      },
    });
});
