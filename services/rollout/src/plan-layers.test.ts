import { specification } from '@molthub/decider/testing';
import { expect, test } from 'vitest';
import { changeSet } from './decider.ts';
import type { Gathering } from './gathering.ts';

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
const gathering = (more: Partial<Gathering> = {}): Gathering => ({
  name: 'profile quiet version 3',
  reason: 'profile quiet updated',
  fleetId,
  fleetName: 'support',
  fleetStatus: 'ACTIVE',
  environment: 'dev',
  release: { mode: 'auto', strategy: { kind: 'ALL' } },
  author: anna,
  bots: [
    { botId, botName: 'bot', labels: {}, before: versionOf(1), after: versionOf(2) },
    { botId: other, botName: 'other', labels: {}, before: versionOf(1), after: versionOf(2) },
  ],
  refused: [],
  ...more,
});
const planLayers = (more: Partial<Gathering> = {}) => ({
  ...envelope,
  type: 'rollout.layers.plan.v1' as const,
  data: { changeSetId: id },
  gathering: gathering(more),
});

test('what a changed layer brings to the bots of a fleet is one change set, which starts as the fleet releases', () => {
  const planned = ['rollout.change-set.planned.v1', 'rollout.plan.recorded.v1'];
  const started = ['rollout.change-set.started.v1', 'rollout.wave.started.v1'];
  rollout
    .given()
    .when(planLayers())
    .thenTypes(...planned, ...started);
  rollout
    .given()
    .when(planLayers({ release: { mode: 'manual', strategy: { kind: 'ALL' } } }))
    .thenTypes(...planned);
  rollout
    .given()
    .when(planLayers({ fleetStatus: 'PAUSED' }))
    .thenTypes(...planned);
});

test('bots that were refused are told with the change set, the first hundred by name', () => {
  const refused = Array.from({ length: 101 }, (_, n) => ({
    botId,
    botName: `b${n}`,
    code: 'policy.denied',
    message: 'No.',
  }));
  const [planned] = changeSet.decide(planLayers({ refused }), changeSet.initial);
  expect(planned?.data).toMatchObject({ bots: 2, refused: 101, refusedBots: refused.slice(0, 100) });
});

test('where every bot was refused the change set is over before it began, and says why', () => {
  const refused = [{ botId, botName: 'bot', code: 'policy.denied', message: 'No debug logs.' }];
  const facts = changeSet.decide(planLayers({ bots: [], refused }), changeSet.initial);
  expect(facts).toMatchObject([
    { type: 'rollout.change-set.refused.v1', data: { refused: 1, message: '1 bot was refused: No debug logs.' } },
  ]);
  const over = specification(changeSet).given(...facts);
  over
    .when({
      ...envelope,
      type: 'rollout.change-set.start.v1',
      data: { changeSetId: id, reason: '' },
      fleetStatus: 'ACTIVE',
      window: { open: true, message: '' },
    })
    .rejects('rollout.change-set-not-in-state');
  over.when(planLayers()).thenNothing();
});
