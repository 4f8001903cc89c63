// Vectors: ClassifierSuite, StatisticSuite (spinnaker/spinnaker, folder kayenta) and MannWhitneySuite (spinnaker/kayenta).
import { mannWhitney, meanRatio, normalBeyond, shiftByTest } from '@molthub/statistics';
import { describe, expect, test } from 'vitest';
import { classify, type Label, type Measure } from './classify.ts';
import * as vectors from './kayenta-vectors.ts';

const { tenA, tenB, twentyA, twentyB, mostlyZeroCanary, mostlyZeroControl } = vectors;
const ascending = (values: readonly number[]) => values.toSorted((x, y) => x - y);
const five = (value: number) => [value, value, value, value, value];

type Case = readonly [
  name: string,
  canary: readonly number[],
  control: readonly number[],
  options: Partial<Measure>,
  label: Label,
  critical: boolean,
];
const cases: readonly Case[] = [
  ['alike', tenA, tenB, {}, 'PASS', false],
  ['high', twentyA, tenB, {}, 'HIGH', false],
  ['low', tenA, twentyB, {}, 'LOW', false],
  ['low, where only higher is worse', tenA, twentyB, { direction: 'increase' }, 'PASS', false],
  ['high, where only lower is worse', twentyA, tenB, { direction: 'decrease' }, 'PASS', false],
  ['high, where higher is worse', twentyA, tenB, { direction: 'increase' }, 'HIGH', false],
  ['low, where lower is worse', tenA, twentyB, { direction: 'decrease' }, 'LOW', false],
  ['mostly zeros', mostlyZeroCanary, mostlyZeroControl, {}, 'HIGH', false],
  ['constant on both sides', [1, 1, 1], [1, 1], { direction: 'decrease' }, 'PASS', false],
  ['the same values in another order', [1, 2, 3, 4, 5], [5, 4, 3, 2, 1], { direction: 'decrease' }, 'PASS', false],
  ['one zero among ones', [0, 1, 1, 1, 1], five(1), { direction: 'decrease' }, 'PASS', false],
  ['one ten among ones', [1, 1, 1, 1, 10], five(1), {}, 'PASS', false],
  ['constant and ten times as high', five(10), five(1), {}, 'HIGH', false],
  ['constant, above nothing', five(10), five(0), {}, 'HIGH', false],
  ['nothing on both sides', five(0), five(0), {}, 'PASS', false],
  ['no canary', [], [1, 2, 3, 4, 5], { direction: 'decrease' }, 'NODATA', false],
  ['no canary of a critical measure', [], [1, 2, 3, 4, 5], { critical: true }, 'NODATA', true],
  ['no canary where none means none', [], [1, 2, 3, 4, 5], { emptyIsZero: true }, 'PASS', false],
  ['no canary of a required measure', [], [1, 2, 3, 4, 5], { required: true }, 'NODATA_FAIL', false],
];

const classified = (canary: readonly number[], control: readonly number[], options: Partial<Measure>) =>
  classify({ canary, control, direction: 'either', tolerance: 0.1, confidence: 0.95, ...options });

test.each(cases)('%s', (_, canary, control, options, label, critical) => {
  expect(classified(canary, control, options)).toMatchObject({ label, critical });
});

describe('the effect has to be as large as allowed', () => {
  const [high, control] = [
    [20, 22, 21, 25, 30],
    [1, 2.2, 1.1, 2.5, 3],
  ];
  const byMeans = (allowedDecrease: number, allowedIncrease: number): Partial<Measure> => ({
    effect: { measure: 'mean-ratio', allowedDecrease, allowedIncrease },
  });
  const bySuperiority = (allowedDecrease: number, allowedIncrease: number): Partial<Measure> => ({
    tolerance: 0.2,
    confidence: 0.98,
    effect: { measure: 'superiority', allowedDecrease, allowedIncrease },
  });
  const critical = (limits: Partial<Measure['effect']>): Partial<Measure> => ({
    critical: true,
    effect: { measure: 'mean-ratio', ...limits },
  });
  const more: readonly Case[] = [
    ['by means, high', high, control, byMeans(0.8, 1.2), 'HIGH', false],
    ['by means, low', tenA, twentyB, { ...byMeans(0.8, 1.2), direction: 'decrease' }, 'LOW', false],
    ['by means, too small', [10, 12.2, 10.1, 12.5, 23], high, byMeans(0.5, 1), 'PASS', false],
    ['by means, too small, mostly zeros', mostlyZeroCanary, mostlyZeroControl, byMeans(1, 5), 'PASS', false],
    [
      'by superiority, too small',
      vectors.superiorityPassCanary,
      vectors.superiorityPassControl,
      bySuperiority(0.5, 0.8),
      'PASS',
      false,
    ],
    [
      'by superiority, high',
      vectors.superiorityHighCanary,
      vectors.superiorityHighControl,
      bySuperiority(0.2, 0.8),
      'HIGH',
      false,
    ],
    [
      'by superiority, low',
      vectors.superiorityLowCanary,
      vectors.superiorityLowControl,
      bySuperiority(0.2, 0.8),
      'LOW',
      false,
    ],
    ['critically high', high, control, critical({ criticalIncrease: 1.2 }), 'HIGH', true],
    [
      'critically low',
      [2, 2, 2, 2, 3],
      [10, 20.2, 10.1, 20.5, 30],
      critical({ criticalDecrease: 1.2, criticalIncrease: 1 }),
      'LOW',
      true,
    ],
    ['high, not critically', high, control, critical({ allowedIncrease: 5, criticalIncrease: 13 }), 'HIGH', false],
    ['not even high', high, control, critical({ allowedIncrease: 13, criticalIncrease: 15 }), 'PASS', false],
    ['critically high by default', high, control, { critical: true }, 'HIGH', true],
    ['above nothing, whatever the effect', [54.9, 54.5, 55.1, 55.6, 57.4], five(0), byMeans(0.8, 1.2), 'HIGH', false],
    ['nothing, whatever the effect', five(0), [54.9, 54.5, 55.1, 55.6, 57.4], byMeans(0.8, 1.2), 'LOW', false],
    ['nothing on both sides', five(0), five(0), byMeans(0.8, 1.2), 'PASS', false],
    [
      'critically above nothing',
      [
        0.05000000074505806, 0.05000000074505806, 0.01666666753590107, 0.01666666753590107, 0.01666666753590107,
        0.05000000074505806, 0.03333333507180214, 0.05000000260770321, 0.05000000260770321, 0.13333333656191826,
      ],
      [...five(0), ...five(0)],
      critical({ criticalDecrease: 0.8, criticalIncrease: 1.2 }),
      'HIGH',
      true,
    ],
  ];
  test.each(more)('%s', (_, canary, of, options, label, isCritical) => {
    expect(classified(canary, of, options)).toMatchObject({ label, critical: isCritical });
  });
});

test('what is said names the side without values, and a ratio to nothing is none', () => {
  expect(classified([], [], { critical: true }).reason).toBe('The canary has no values.');
  expect(classified([1], [], {}).reason).toBe('The control has no values.');
  expect(classified([54.9, 54.5, 55.1, 55.6, 57.4], five(0), {}).ratio).toBeNull();
  expect(classified(five(0), five(0), {}).ratio).toBe(1);
});

test.each([
  [five(1), five(1), 1],
  [five(10), five(1), 10],
  [five(10), five(100), 0.1],
  [five(10), five(0), null],
])('the ratio of the means of %j and %j is %d', (canary, control, ratio) => {
  expect(meanRatio(canary, control)).toBe(ratio);
});

test.each([
  [[1, 2, 3, 4, 5], [1, 2, 3, 4, 5], 0.5],
  [vectors.effectNoOverlapCanary, vectors.effectNoOverlapControl, 0],
  [vectors.effectHighCanary, vectors.effectHighControl, 0.771],
  [vectors.effectLowCanary, vectors.effectLowControl, 0.12],
])('the common language effect size is that of StatisticSuite', (canary, control, superiority) => {
  const found = mannWhitney(ascending(canary), ascending(control)).probabilityOfSuperiority;
  expect(Math.abs(found - superiority)).toBeLessThan(0.001);
});

describe('the interval is R’s', () => {
  // R looks for its ends to 10⁻⁴; ours are the differences themselves.
  test.each([
    [
      vectors.halvesCanary,
      vectors.halvesControl,
      0.95,
      -0.500002521696696,
      -0.00003486287505871302,
      -0.4999393907180323,
    ],
    [
      vectors.moreHalvesCanary,
      vectors.moreHalvesControl,
      0.98,
      -0.4999173250549087,
      -0.000006912685789769486,
      -0.0000345044082729315,
    ],
    [mostlyZeroCanary, mostlyZeroControl, 0.95, 0.00003521755377702165, 0.0000202456461662334, 0.000026279243045155653],
  ])('of tied values', (canary, control, confidence, low, high, estimate) => {
    const found = shiftByTest(ascending(canary), ascending(control), confidence);
    for (const [ours, theirs] of [
      [found.low, low],
      [found.high, high],
      [found.value, estimate],
    ] as const) {
      expect(Math.abs(ours - theirs)).toBeLessThan(1e-4);
    }
  });

  test('and so are the deviations at its far ends', () => {
    const control = ascending(mostlyZeroControl);
    for (const [by, zAbove] of [
      [-3.124999999999986, 17.090968923762254 + 1.9599639845400536],
      [5.555555555555557, 20.997687930433106 - 1.9599639845400536],
    ] as const) {
      const moved = ascending(mostlyZeroCanary.map((value) => value - by));
      expect(mannWhitney(moved, control).p / (2 * normalBeyond(zAbove))).toBeCloseTo(1, 5);
    }
  });
});
