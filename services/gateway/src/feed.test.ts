import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { typesPattern } from './feed.ts';

const matches = (types: string, type: string): boolean => new RegExp(typesPattern(types) ?? '.*').test(type);

describe('types filters events as subjects of NATS do', () => {
  test.each([
    ['rollout.>', 'rollout.wave.started.v1', true],
    ['rollout.>', 'reconciler.bot.started.v1', false],
    ['rollout.>', 'rollout', false],
    ['reconciler.drift.>', 'reconciler.drift.detected.v1', true],
    ['reconciler.drift.>', 'reconciler.drifted.it.v1', false],
    ['*.bot.*.v1', 'health.bot.changed.v1', true],
    ['*.bot.*', 'health.bot.changed.v1', false],
    ['config.fleet.created.v1', 'config.fleet.created.v1', true],
    ['config.fleet.created.v1', 'config.fleet.created.v10', false],
    ['rollout.>, config.fleet.>', 'config.fleet.deleted.v1', true],
    ['>', 'config.fleet.deleted.v1', true],
    ['', 'config.fleet.deleted.v1', true],
  ])('%s and %s: %s', (types, type, expected) => {
    expect(matches(types, type)).toBe(expected);
  });

  test.each(['.', 'a..b', '>.a', 'a.>.b', 'a b', '(a+)+$', 'a|b', "a'--", 'Rollout.>', '$JS.>'])(
    '%j is no filter',
    (types) => {
      expect(() => typesPattern(types)).toThrow(/is no filter/);
    },
  );

  test('too many filters are refused', () => {
    expect(() => typesPattern(Array.from({ length: 51 }, () => 'a').join(','))).toThrow(/50 filters at most/);
  });

  test('sec-055: nothing but words and our own wildcards gets into the expression', () => {
    fc.assert(
      fc.property(fc.string(), (types) => {
        try {
          const pattern = typesPattern(types);
          if (pattern !== undefined) expect(pattern).toMatch(/^\^\(\?:(?:[a-z0-9-]|\\\.|\.\+|\[a-z0-9-\]\+|\|)+\)\$$/);
        } catch (error) {
          expect(String(error)).toMatch(/types:/);
        }
      }),
    );
  });
});
