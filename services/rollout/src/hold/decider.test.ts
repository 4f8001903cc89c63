// Holds and pins of one bot.
import type { HoldKind } from '@molthub/contracts';
import { specification } from '@molthub/decider/testing';
import { test } from 'vitest';
import { hold, type HoldFact } from './decider.ts';

const bot = specification(hold);
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
const reason = 'because';
const place = (kind: HoldKind, isKnown = true) => ({
  ...envelope,
  type: 'rollout.hold.place.v1' as const,
  data: { botId, kind, reason },
  isKnown,
});
const lift = (kind: HoldKind) => ({
  ...envelope,
  type: 'rollout.hold.lift.v1' as const,
  data: { botId, kind, reason },
});
const placed = (kind: HoldKind): HoldFact => ({
  type: 'rollout.hold.placed.v1',
  data: { botId, kind, reason, changeSetId: null, placedBy: anna },
});
const lifted = (kind: HoldKind): HoldFact => ({ type: 'rollout.hold.lifted.v1', data: { botId, kind, reason } });

test('whoever places a hold is named', () => {
  bot.given().when(place('HOLD')).then(placed('HOLD'));
});

test('a bot that nobody knows cannot be held', () => {
  bot.given().when(place('PIN', false)).rejects('rollout.bot-not-found');
});

test('what is placed twice is placed once', () => {
  bot.given(placed('PIN')).when(place('PIN')).thenNothing();
});

test('a bot may be held and pinned; each is lifted by itself', () => {
  bot.given(placed('HOLD')).when(place('PIN')).then(placed('PIN'));
  bot.given(placed('HOLD'), placed('PIN')).when(lift('HOLD')).then(lifted('HOLD'));
  bot.given(placed('HOLD'), placed('PIN'), lifted('HOLD')).when(place('PIN')).thenNothing();
});

test('what is not placed cannot be lifted, and what was lifted may be placed again', () => {
  bot.given(placed('HOLD')).when(lift('PIN')).thenNothing();
  bot.given(placed('PIN'), lifted('PIN')).when(place('PIN')).then(placed('PIN'));
});
