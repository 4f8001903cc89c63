// Vectors: ScorerSuite of Kayenta (spinnaker/spinnaker, folder kayenta).
import { expect, test } from 'vitest';
import type { Label } from './classify.ts';
import { meaningOf, scoreOf } from './score.ts';

const measure = (label: Label, group = 'group', critical = false) => ({
  name: `${group}-${label}`,
  label,
  critical,
  groups: [group],
  reason: 'as measured',
});
const none = new Map<string, number>();
const weights = (one: number, two: number) =>
  new Map([
    ['one', one],
    ['two', two],
  ]);

test.each([
  ['a single measure that passes', [measure('PASS')], none, 100],
  ['a single measure that is high', [measure('HIGH')], none, 0],
  ['a single measure without values', [measure('NODATA')], none, 0],
  [
    'two groups, one without values',
    [measure('PASS', 'one'), measure('PASS', 'one'), measure('NODATA', 'two')],
    none,
    100,
  ],
  ['one group, two measures', [measure('PASS'), measure('HIGH')], none, 50],
  ['one group, three measures', [measure('PASS'), measure('HIGH'), measure('LOW')], none, 33.33],
  [
    'two groups with weights',
    [measure('PASS', 'one'), measure('PASS', 'one'), measure('HIGH', 'two')],
    weights(75, 25),
    75,
  ],
  [
    'two groups of equal weight',
    [measure('PASS', 'one'), measure('HIGH', 'one'), measure('HIGH', 'two')],
    weights(50, 50),
    25,
  ],
  [
    'a measure without values in a group with values',
    [measure('PASS', 'one'), measure('NODATA', 'one'), measure('HIGH', 'two')],
    weights(50, 50),
    50,
  ],
  ['a critical measure that is high', [measure('PASS'), measure('HIGH', 'group', true)], none, 0],
  ['a critical measure that passes beside a low one', [measure('LOW'), measure('PASS', 'group', true)], none, 50],
  ['a critical measure without values', [measure('PASS'), measure('NODATA', 'group', true)], none, 0],
  [
    'two groups of unequal weight',
    [measure('HIGH', 'one'), measure('LOW', 'one'), measure('PASS', 'one'), measure('HIGH', 'two')],
    weights(15, 85),
    5,
  ],
])('%s', (_, results, by, score) => {
  expect(scoreOf(results, by).score).toBe(score);
});

test('a group without values has no score of its own', () => {
  const { groups } = scoreOf([measure('PASS', 'one'), measure('PASS', 'one'), measure('NODATA', 'two')], none);
  expect([...groups]).toEqual([
    ['one', 100],
    ['two', null],
  ]);
});

test('a required measure without values counts as one that did not pass', () => {
  expect(scoreOf([measure('PASS'), measure('NODATA_FAIL')], none).score).toBe(50);
});

test('why the groups were not asked is said', () => {
  expect(scoreOf([measure('PASS'), measure('HIGH', 'group', true)], none).reason).toMatch(/critical: as measured/);
  expect(scoreOf([measure('PASS'), measure('NODATA')], none)).toMatchObject({
    score: 0,
    reason: '1 of 2 measures have no values.',
  });
});

test('a score means pass, marginal or fail by the thresholds, each from its own value on', () => {
  const thresholds = { pass: 95, marginal: 75 };
  expect([100, 95, 94.99, 75, 74.99, 0].map((score) => meaningOf(score, thresholds))).toEqual([
    'PASS',
    'PASS',
    'MARGINAL',
    'MARGINAL',
    'FAIL',
    'FAIL',
  ]);
});
