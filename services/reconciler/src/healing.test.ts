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

const hold = defaultHealing.breakerHoldMs;
const massOf = (healing: ReturnType<typeof make>) => {
  for (const bot of ['a', 'b', 'c']) healing.drifted(bot, 'fleet', 5, 0);
};

test('when half of a fleet drifts within a minute nothing of it is healed, other fleets are', () => {
  const healing = make({ breakerBotsMin: 3 });
  massOf(healing);
  expect(healing.permit('a', 'fleet', 'k', 1).is).toBe('refused');
  expect(healing.permit('z', 'other', 'k', 1).is).toBe('granted');
  expect([...healing.holds()]).toMatchObject([['fleet', { drifted: 3, bots: 5 }]]);
});

test('a held fleet stays held, however long, as long as too much of it drifts', () => {
  const healing = make({ breakerBotsMin: 3 });
  massOf(healing);
  expect(healing.over(() => 5, 100 * hold)).toEqual([]);
  expect(healing.permit('a', 'fleet', 'k', 100 * hold).is).toBe('refused');
});

test('a held fleet is over when enough of it came right, and never before its time', () => {
  const healing = make({ breakerBotsMin: 3 });
  massOf(healing);
  healing.calm('a', 'fleet');
  expect(healing.over(() => 5, hold - 1)).toEqual([]);
  expect(healing.over(() => 5, hold)).toEqual(['fleet']);
  expect(healing.resume('fleet', hold)).toEqual(['b', 'c']);
  expect(healing.permit('b', 'fleet', 'k', hold).is).toBe('granted');
});

test('a person who resumes is not overruled by the next bot that is seen drifting', () => {
  const healing = make({ breakerBotsMin: 3 });
  massOf(healing);
  expect(healing.resume('fleet', 10)).toEqual(['a', 'b', 'c']);
  for (const bot of ['a', 'b', 'c']) healing.drifted(bot, 'fleet', 5, 20);
  expect(healing.permit('a', 'fleet', 'k', 30).is).toBe('granted');
  for (const bot of ['a', 'b', 'c']) healing.drifted(bot, 'fleet', 5, 10 + hold);
  expect(healing.permit('b', 'fleet', 'k', 10 + hold).is).toBe('refused');
});

test('a hold that was told before this process began is kept for its whole time', () => {
  const healing = make();
  healing.hold('fleet', { drifted: 30, bots: 50 }, 1_000);
  expect(healing.permit('a', 'fleet', 'k', 2_000).is).toBe('refused');
  expect(healing.over(() => 50, 1_000 + hold - 1)).toEqual([]);
  expect(healing.over(() => 50, 1_000 + hold)).toEqual(['fleet']);
});

test('a bot that is gone does not keep its fleet held', () => {
  const healing = make({ breakerBotsMin: 3 });
  massOf(healing);
  for (const bot of ['a', 'b', 'c']) healing.forget(bot, 'fleet');
  expect(healing.over(() => 2, hold)).toEqual(['fleet']);
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
