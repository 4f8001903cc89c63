import { specification } from '@molthub/decider/testing';
import { expect, test } from 'vitest';
import { clearance, type ClearanceFact, type Waiting } from './decider.ts';

const asking = specification(clearance);
const [askId, changeSetId, botId, fleetId] = [1, 2, 3, 4].map((n) => `0193a000-0000-7000-8000-00000000000${n}`);
const envelope = {
  id: '0193a000-0000-7000-8000-0000000000c1',
  workspace: 'default',
  actor: { kind: 'service', id: 'rollout', name: 'rollout' },
  correlationId: 'c',
  causationId: null,
  time: '2026-11-21T10:00:00.000Z',
  records: true,
} as const;
const ids = { askId: askId ?? '', changeSetId: changeSetId ?? '' };
const botIds = [botId ?? ''];
const waiting: Waiting = {
  fleetId: fleetId ?? '',
  environment: 'dev',
  bots: [
    {
      botId: botId ?? '',
      version: 2,
      generation: 2,
      hash: `sha256:${'2'.repeat(64)}`,
      resolved: {
        apiVersion: 'molthub/v1',
        kind: 'MoltbotInstance',
        metadata: { name: 'bot' },
        spec: { runtime: { engine: 'simulated' }, target: { kind: 'simulated' }, config: {} },
      },
    },
  ],
};
const ask = (of: Waiting | null) => ({
  ...envelope,
  type: 'rollout.release.ask.v1' as const,
  data: { ...ids, botIds },
  waiting: of,
});
const clear = {
  ...envelope,
  type: 'rollout.release.clear.v1' as const,
  data: { ...ids, botIds, judgedAt: envelope.time },
};
const asked: ClearanceFact = { type: 'rollout.release.asked.v1', data: { ...ids, ...waiting } };
const cleared: ClearanceFact = { type: 'rollout.release.cleared.v1', data: clear.data };

test('policy is asked once about the bots that wait, with what they are to run', () => {
  asking.given().when(ask(waiting)).then(asked);
  asking.given(asked).when(ask(waiting)).thenNothing();
  asking.given().when(ask(null)).thenNothing();
});

test('its answer is taken once, and only to a question', () => {
  asking.given(asked).when(clear).then(cleared);
  asking.given(asked, cleared).when(clear).thenNothing();
  asking.given().when(clear).thenNothing();
  expect(clearance.decide(clear, 'asked')).toHaveLength(1);
});
