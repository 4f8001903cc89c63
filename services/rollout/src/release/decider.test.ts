import { specification } from '@molthub/decider/testing';
import { expect, test } from 'vitest';
import { botRelease, type Part, type Releasable, type ReleaseFact } from './decider.ts';

const release = specification(botRelease);
const changeSetId = '0193a000-0000-7000-8000-000000000001';
const newer = '0193a000-0000-7000-8000-000000000002';
const fleetId = '0193a000-0000-7000-8000-00000000000f';
const botId = '0193a000-0000-7000-8000-0000000000b1';
const envelope = {
  id: '0193a000-0000-7000-8000-0000000000c1',
  workspace: 'default',
  actor: { kind: 'service', id: 'rollout', name: 'rollout' },
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

const part: Releasable = {
  status: 'RUNNING',
  reason: 'because',
  retired: false,
  planned: { botId, botName: 'bot', wave: 0, before: versionOf(1), after: versionOf(2) },
  newestVersion: 2,
  changedTo: null,
  judgedAt: '2026-11-21T09:59:00.000Z',
  fleet: { id: fleetId, name: 'support', status: 'ACTIVE', environment: 'dev' },
  resolved,
  currentWave: 0,
  origin: 'release',
  held: false,
  pinned: null,
  kept: false,
  takenBy: { changeSetId: newer, version: 1, failed: false },
};
const releaseBot = (more: Partial<Releasable> = {}) => ({
  ...envelope,
  type: 'rollout.bot.release.v1' as const,
  data: { changeSetId, botId },
  part: { ...part, ...more },
});
const rollBack = (more: Partial<Part> = {}) => ({
  ...envelope,
  type: 'rollout.bot.roll-back.v1' as const,
  data: { changeSetId, botId },
  part: { ...part, status: 'ROLLING_BACK', ...more },
});
const settle = (result: 'CONVERGED' | 'FAILED' | 'SKIPPED', generation = 2, supersededBy?: string) => ({
  ...envelope,
  type: 'rollout.bot.settle.v1' as const,
  data: { changeSetId, botId, generation, result, message: 'so', ...(supersededBy ? { supersededBy } : {}) },
});
const restored = {
  botName: 'bot',
  fleetId,
  fleetName: 'support',
  fleetStatus: 'ACTIVE' as const,
  environment: 'dev' as const,
  resolved,
};
const releaseRollback = (version: number | null) => ({
  ...envelope,
  type: 'rollout.bot.release-rollback.v1' as const,
  data: { changeSetId, botId, restored: version ? { ...restored, after: versionOf(version) } : null, message: 'no' },
});

const released: ReleaseFact = {
  type: 'rollout.bot.released.v1',
  data: { changeSetId, wave: 0, direction: 'forward', botId, ...restored, ...versionOf(2) },
};
const settled = (
  result: 'CONVERGED' | 'FAILED' | 'SKIPPED',
  direction: 'forward' | 'rollback' = 'forward',
  generation = 2,
  message = 'so',
): ReleaseFact => ({
  type: 'rollout.bot.settled.v1',
  data: { changeSetId, botId, direction, generation, result, message },
});
const requested: ReleaseFact = {
  type: 'rollout.bot.rollback-requested.v1',
  data: { changeSetId, botId, toVersion: 1, fromVersion: 2, reason: 'because' },
};
const releasedBack: ReleaseFact = {
  type: 'rollout.bot.released.v1',
  data: { changeSetId, wave: 0, direction: 'rollback', botId, ...restored, ...versionOf(3) },
};

test('a bot is released only on a verdict that still holds', () => {
  release
    .given()
    .when(releaseBot({ judgedAt: null }))
    .thenNothing();
  release
    .given()
    .when(releaseBot({ judgedAt: '2026-11-21T09:58:59.999Z' }))
    .thenNothing();
});

test('a bot whose release policy denies has failed without ever being touched', () => {
  const denial = settle('FAILED');
  const denied = { ...denial, data: { ...denial.data, isDenied: true as const }, status: 'RUNNING' };
  release.given().when(denied).then(settled('FAILED'));
  release.given().when(denial).thenNothing();
  // One that was released on a verdict that still held goes on.
  release.given(released).when(denied).thenNothing();
  release.given(settled('FAILED')).when(rollBack()).thenNothing();
});

test('a denial that comes when the change set is over, or goes back, changes nothing', () => {
  const { data, ...denial } = settle('FAILED');
  for (const status of ['ABORTED', 'ROLLING_BACK', 'ROLLED_BACK', 'SUPERSEDED', 'FAILED']) {
    const denied = { ...denial, data: { ...data, isDenied: true as const }, status };
    release.given().when(denied).thenNothing();
  }
});

test('a bot of a running change set is released once, with everything the reconciler needs', () => {
  release.given().when(releaseBot()).then(released);
  release.given(released).when(releaseBot()).thenNothing();
  release.given(released, settled('CONVERGED')).when(releaseBot()).thenNothing();
});

test('nothing is released for a change set that is not running', () => {
  for (const status of ['PLANNED', 'ABORTED', 'ROLLING_BACK', 'FAILED']) {
    release.given().when(releaseBot({ status })).thenNothing();
  }
});

test('a bot that is gone or has a newer version is skipped', () => {
  release
    .given()
    .when(releaseBot({ retired: true }))
    .then(settled('SKIPPED', 'forward', 2, 'The bot was deleted.'));
  const facts = botRelease.decide(
    releaseBot({ takenBy: { changeSetId: newer, version: 3, failed: false } }),
    botRelease.initial,
  );
  expect(facts).toMatchObject([{ data: { result: 'SKIPPED', supersededBy: newer } }]);
});

test('a version that failed elsewhere is released again, one that is under way is not', () => {
  release
    .given()
    .when(releaseBot({ takenBy: { changeSetId: newer, version: 2, failed: true } }))
    .then(released);
  release
    .given()
    .when(releaseBot({ takenBy: { changeSetId: newer, version: 2, failed: false } }))
    .thenTypes('rollout.bot.settled.v1');
});

test('a bot settles once, by a report of its own generation', () => {
  release.given(released).when(settle('CONVERGED')).then(settled('CONVERGED'));
  release.given(released).when(settle('FAILED')).then(settled('FAILED'));
  release.given(released).when(settle('CONVERGED', 1)).thenNothing();
  release.given(released, settled('FAILED')).when(settle('CONVERGED')).thenNothing();
  release.given().when(settle('CONVERGED')).thenNothing();
});

test('a superseded bot is skipped, whether it was released or not', () => {
  release.given(released).when(settle('SKIPPED')).then(settled('SKIPPED'));
  release.given().when(settle('SKIPPED')).then(settled('SKIPPED'));
});

test('a bot goes back to its own version before this change set, even while it is on its way', () => {
  release.given(released).when(rollBack()).then(requested);
  release.given(released, settled('CONVERGED')).when(rollBack()).then(requested);
  release.given(released, settled('FAILED')).when(rollBack()).then(requested);
  release.given(released, requested).when(rollBack()).thenNothing();
});

test('a bot that was never released is not rolled back', () => {
  release.given().when(rollBack()).thenNothing();
  release.given(settled('SKIPPED')).when(rollBack()).thenNothing();
});

test('a bot that others changed since is left as it is, with the reason', () => {
  release
    .given(released, settled('CONVERGED'))
    .when(rollBack({ newestVersion: 3, changedTo: 3 }))
    .then(settled('SKIPPED', 'rollback', 2, 'Changed since: version 3 is newer than 2 of this change set.'));
});

test('a newer version that was only published does not keep a bot from going back', () => {
  release
    .given(released, settled('CONVERGED'))
    .when(rollBack({ newestVersion: 3 }))
    .then({
      type: 'rollout.bot.rollback-requested.v1',
      data: { changeSetId, botId, toVersion: 1, fromVersion: 3, reason: 'because' },
    });
});

test('a bot without an earlier version stays, with the reason', () => {
  release
    .given(released)
    .when(rollBack({ planned: { ...part.planned, before: null } }))
    .then(settled('SKIPPED', 'rollback', 2, 'It ran no version before this change set.'));
});

test('the restored version is released under the same change set and settles by its own generation', () => {
  release
    .given(released, requested)
    .when(releaseRollback(3))
    .then(releasedBack, {
      type: 'rollout.hold.placed.v1',
      stream: `hold-${botId}`,
      data: {
        botId,
        kind: 'HOLD',
        changeSetId,
        reason: `Taken back by change set ${changeSetId}.`,
        placedBy: envelope.actor,
      },
    });
  release.given(released, requested, releasedBack).when(releaseRollback(3)).thenNothing();
  release.given(released, requested, releasedBack).when(settle('CONVERGED', 2)).thenNothing();
  release
    .given(released, requested, releasedBack)
    .when(settle('CONVERGED', 3))
    .then(settled('CONVERGED', 'rollback', 3));
});

test('a late report of the way forward does not settle the way back', () => {
  release.given(released, requested).when(settle('CONVERGED')).thenNothing();
});

test('a refused or failed restore is noted once and never tried again', () => {
  const refused = settled('FAILED', 'rollback', 2, 'no');
  release.given(released, requested).when(releaseRollback(null)).then(refused);
  release.given(released, requested, refused).when(rollBack()).thenNothing();
  release
    .given(released, requested, releasedBack)
    .when(settle('FAILED', 3))
    .then(settled('FAILED', 'rollback', 3));
});
