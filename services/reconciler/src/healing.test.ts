import { expect, test } from 'vitest';
import { createHealing, defaultHealing } from './healing.ts';

const make = (more: Partial<typeof defaultHealing> = {}) => createHealing({ ...defaultHealing, ...more });

test('the same drift is healed once and then left alone, ever longer', () => {
  const healing = make();
  const at = (now: number) => healing.permit('bot', 'fleet', 'g1 h1', now).is;
  expect([at(0), at(4_999), at(5_000), at(14_999), at(15_000), at(34_999)]).toEqual([
    'granted',
    'refused',
    'granted',
    'refused',
    'granted',
    'refused',
  ]);
});

test('another drift, and another generation, are healed at once', () => {
  const healing = make();
  expect(healing.permit('bot', 'fleet', 'g1 h1', 0).is).toBe('granted');
  expect(healing.permit('bot', 'fleet', 'g1 h2', 1).is).toBe('granted');
  expect(healing.permit('bot', 'fleet', 'g2 h2', 2).is).toBe('granted');
});

test('a drift that comes back after a quiet minute counts as a new one', () => {
  const healing = make();
  healing.permit('bot', 'fleet', 'k', 0);
  expect(healing.permit('bot', 'fleet', 'k', 61_000).is).toBe('granted');
  expect(healing.permit('bot', 'fleet', 'k', 66_000).is).toBe('granted');
});

test('the heal budget of a minute is kept, and the wait is told', () => {
  const healing = make({ healsPerMinute: 2 });
  expect(healing.permit('a', 'fleet', 'k', 0).is).toBe('granted');
  expect(healing.permit('b', 'fleet', 'k', 10).is).toBe('granted');
  expect(healing.permit('c', 'fleet', 'k', 20)).toMatchObject({ is: 'refused', waitMs: 59_980 });
  expect(healing.permit('c', 'fleet', 'k', 60_001).is).toBe('granted');
});

test('when half of a fleet drifts within a minute nothing of it is healed, other fleets are', () => {
  const healing = make({ breakerBotsMin: 3 });
  for (const bot of ['a', 'b', 'c']) healing.drifted(bot, 'fleet', 5, 0);
  expect(healing.permit('a', 'fleet', 'k', 1).is).toBe('refused');
  expect(healing.permit('z', 'other', 'k', 1).is).toBe('granted');
  expect(healing.permit('a', 'fleet', 'k', defaultHealing.breakerHoldMs).is).toBe('granted');
});

test('a few bots of a small fleet, or drift spread over time, do not open the breaker', () => {
  const healing = make({ breakerBotsMin: 3 });
  healing.drifted('a', 'fleet', 2, 0);
  healing.drifted('b', 'fleet', 2, 0);
  expect(healing.permit('a', 'fleet', 'k', 1).is).toBe('granted');
  const slow = make({ breakerBotsMin: 3 });
  for (const [i, bot] of ['a', 'b', 'c'].entries()) slow.drifted(bot, 'fleet', 4, i * 40_000);
  expect(slow.permit('a', 'fleet', 'k', 80_001).is).toBe('granted');
});
