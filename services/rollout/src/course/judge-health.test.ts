// What the health of moved bots says of a wave.
import { expect, test } from 'vitest';
import { type HealthCounted, judgeHealth } from './judge-health.ts';

const none: HealthCounted = { healthy: 0, degraded: 0, unhealthy: 0, unknown: 0, unwell: [] };
const all = { failed: 0, open: 0 };
const verdict = (seen: Partial<HealthCounted>, gate = {}, notMoved = all) =>
  judgeHealth(gate, { ...none, ...seen }, notMoved).verdict;

test('a wave passes when every moved bot says that it is well', () => {
  expect(verdict({ healthy: 3 })).toBe('PASS');
});

test('a bot that has not said anything on what is new leaves it without data', () => {
  expect(verdict({ healthy: 2, unknown: 1 })).toBe('NO_DATA');
});

test('so many may be silent as its gate allows, rounded to the safe side and never all', () => {
  expect(verdict({ healthy: 2, unknown: 2 }, { minBots: { percent: 50 } })).toBe('PASS');
  expect(verdict({ healthy: 1, unknown: 2 }, { minBots: { percent: 50 } })).toBe('NO_DATA');
  expect(verdict({ unknown: 3 }, { minBots: { percent: 1 } })).toBe('NO_DATA');
  expect(verdict({ healthy: 2 }, { minBots: { count: 5 } })).toBe('PASS');
});

test('one unhealthy bot fails it, whatever the others do not say', () => {
  expect(verdict({ healthy: 1, unhealthy: 1, unknown: 8 })).toBe('FAIL');
});

test('so many may be unhealthy as its gate allows', () => {
  expect(verdict({ healthy: 8, unhealthy: 1 }, { unhealthyMax: 1 })).toBe('PASS');
  expect(verdict({ healthy: 8, unhealthy: 2 }, { unhealthyMax: 1 })).toBe('FAIL');
});

test('a degraded bot is neither good nor bad', () => {
  expect(verdict({ healthy: 8, degraded: 1 })).toBe('INCONCLUSIVE');
});

test('before any bot has moved nothing is known of it', () => {
  expect(verdict({}, {}, { failed: 0, open: 3 })).toBe('NO_DATA');
});

test('where every bot that was to move failed nothing is known of what is new', () => {
  expect(verdict({}, {}, { failed: 1, open: 0 })).toBe('NO_DATA');
});

test('where no bot had to move there is nothing against it', () => {
  expect(verdict({})).toBe('PASS');
});

test('it names the bots that are unwell', () => {
  const { message, evidence } = judgeHealth(
    {},
    { ...none, unhealthy: 1, healthy: 1, unwell: ['bot-1: it crashed'] },
    all,
  );
  expect(message).toBe('1 of 2 moved bots is unhealthy: bot-1: it crashed.');
  expect(evidence).toMatchObject({ unhealthy: 1, unwell: ['bot-1: it crashed'] });
});
