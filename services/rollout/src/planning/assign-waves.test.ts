import type { Strategy } from '@molthub/contracts';
import { Rejected } from '@molthub/decider';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { assignWaves, type Plannable } from './assign-waves.ts';

const fleetOf = (size: number, labelsOf: (at: number) => Plannable['labels'] = () => ({})): readonly Plannable[] =>
  Array.from({ length: size }, (_, at) => ({ botId: `id-${at}`, botName: `bot-${at}`, labels: labelsOf(at) }));
const sizesOf = (strategy: Strategy, bots: readonly Plannable[], salt = 'salt') =>
  assignWaves(strategy, bots, salt).waves.map((wave) => wave.length);
const percents = (...steps: number[]): Strategy => ({ kind: 'PERCENTAGE', steps });
const ids = (bots: readonly Plannable[]) => bots.map(({ botId }) => botId);

const steps = fc
  .uniqueArray(fc.integer({ min: 1, max: 99 }), { maxLength: 20 })
  .map((some) => [...some.toSorted((a, b) => a - b), 100]);
const fleets = fc
  .array(fc.record({ tier: fc.constantFrom('a', 'b', 'c'), zone: fc.constantFrom('x', 'y') }), { maxLength: 60 })
  .map((labels) => fleetOf(labels.length, (at) => labels[at] ?? {}));
const strategies: fc.Arbitrary<Strategy> = fc.oneof(
  fc.constant<Strategy>({ kind: 'ALL' }),
  fc.record({ kind: fc.constant('PERCENTAGE' as const), steps }),
  fc.record({ kind: fc.constant('PERCENTAGE' as const), steps, stratifyBy: fc.constantFrom('tier', 'zone') }),
  fc.record({
    kind: fc.constant('PERCENTAGE' as const),
    growth: fc.record({ firstPercent: fc.integer({ min: 1, max: 100 }), factor: fc.integer({ min: 2, max: 100 }) }),
  }),
  fc.record({
    kind: fc.constant('CANARY' as const),
    canary: fc.oneof(
      fc.record({ count: fc.integer({ min: 1, max: 70 }) }),
      fc.record({ percent: fc.integer({ min: 1, max: 100 }) }),
    ),
    steps,
    stratifyBy: fc.constant('tier'),
  }),
  fc.constant<Strategy>({ kind: 'RINGS', label: 'tier', rings: ['c', '*', 'a'] }),
);

describe('waves', () => {
  test('have each bot exactly once, and none is empty', () => {
    fc.assert(
      fc.property(strategies, fleets, fc.string(), (strategy, bots, salt) => {
        const { waves } = assignWaves(strategy, bots, salt);
        expect(waves.flat().toSorted()).toEqual(ids(bots).toSorted());
        expect(waves.every((wave) => wave.length > 0)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
  test('do not depend on the order in which the bots are told', () => {
    fc.assert(
      fc.property(strategies, fleets, fc.string(), (strategy, bots, salt) => {
        expect(assignWaves(strategy, bots.toReversed(), salt)).toEqual(assignWaves(strategy, bots, salt));
      }),
    );
  });
  test('of no bots are none', () => {
    expect(assignWaves(percents(10, 100), [], 'salt')).toEqual({ waves: [], notes: [] });
  });
  test('of ALL are one, without a word', () => {
    expect(assignWaves({ kind: 'ALL' }, fleetOf(3), 'salt')).toMatchObject({ waves: [{ length: 3 }], notes: [] });
  });
  test('are drawn by SHA-256 of salt, zero byte and id', () => {
    expect(assignWaves(percents(30, 100), fleetOf(10), 'salt').waves[0]).toEqual(['id-2', 'id-4', 'id-1']);
  });
  test('of another salt begin with other bots', () => {
    const bots = fleetOf(100);
    const first = (salt: string) => assignWaves(percents(1, 100), bots, salt).waves[0]?.[0];
    const drawn = Map.groupBy(
      Array.from({ length: 400 }, (_, at) => `change-${at}`),
      first,
    );
    // 400 draws of 100 leave out about two bots; the one that is drawn most often is drawn some eleven times.
    expect(drawn.size).toBeGreaterThan(90);
    expect(Math.max(...[...drawn.values()].map((salts) => salts.length))).toBeLessThan(20);
  });
  test('of 10,000 bots are made at once, also 500 of them and by a label that each bot has another value of', () => {
    const bots = fleetOf(10_000, (at) => ({ ring: `r${at % 500}`, tenant: `t${at}` }));
    const rings = Array.from({ length: 500 }, (_, at) => `r${at}`);
    expect(sizesOf({ kind: 'RINGS', label: 'ring', rings }, bots)).toEqual(rings.map(() => 20));
    expect(sizesOf({ kind: 'PERCENTAGE', steps: [1, 50, 100], stratifyBy: 'tenant' }, bots)).toEqual([
      100, 4_900, 5_000,
    ]);
  });
});

describe('the bots that have moved after a step of p %', () => {
  /** Rule by hand, in whole numbers: the nearest, halves up, but at least one, and at least one left out. */
  const expected = (n: number, p: number): number => {
    if (p === 100) return n;
    const below = (n * p - ((n * p) % 100)) / 100;
    const nearest = (n * p) % 100 >= 50 ? below + 1 : below;
    return Math.min(Math.max(1, n - 1), Math.max(1, nearest));
  };
  test('are the nearest number, at least one, and all but one at most', () => {
    for (let n = 1; n <= 200; n += 1) {
      const bots = fleetOf(n);
      for (let p = 1; p <= 99; p += 1)
        expect([n, p, sizesOf(percents(p, 100), bots)[0]]).toEqual([n, p, expected(n, p)]);
      expect(sizesOf(percents(100), bots)).toEqual([n]);
    }
  });
  test('of a smaller p are among those of a larger one, under the same salt', () => {
    fc.assert(
      fc.property(
        fleets,
        steps,
        steps,
        fc.constantFrom(undefined, 'tier'),
        fc.string(),
        (bots, some, others, by, salt) => {
          const movedBy = (all: readonly number[]) => {
            const { waves } = assignWaves({ kind: 'PERCENTAGE', steps: [...all], stratifyBy: by }, bots, salt);
            return waves.map((_, at) => new Set(waves.slice(0, at + 1).flat()));
          };
          const cohorts = [...movedBy(some), ...movedBy(others)].toSorted((a, b) => a.size - b.size);
          for (const [at, larger] of cohorts.entries()) {
            expect([...(cohorts[at - 1] ?? larger)].every((id) => larger.has(id))).toBe(true);
          }
        },
      ),
    );
  });
  // Argo Rollouts, its own table for setWeight without surge (since v1.2, its pull request 1759): from two on we agree.
  test.each([
    [2, 1, 1],
    [2, 50, 1],
    [2, 99, 1],
    [3, 10, 1],
    [3, 25, 1],
    [3, 33, 1],
    [3, 34, 1],
    [3, 49, 1],
    [3, 50, 2],
    [10, 1, 1],
    [10, 14, 1],
    [10, 15, 2],
    [10, 16, 2],
    [10, 99, 9],
  ])('of %d and %d %% are %d, as in Argo Rollouts', (n, p, size) =>
    expect(sizesOf(percents(p, 100), fleetOf(n))[0]).toBe(size),
  );
  // Below 50 % of one, Argo Rollouts moves none: a step in which nothing happens, and then everything at once.
  test.each([1, 49, 50, 99])('of one bot and %d %% are that bot, and the plan says so', (p) => {
    const { waves, notes } = assignWaves(percents(p, 100), fleetOf(1), 'salt');
    expect(waves).toEqual([['id-0']]);
    expect(notes).toEqual([expect.stringMatching(/one bot.*only wave is everything/)]);
  });
});

describe('percentages', () => {
  test('that move nobody new are one wave with the one before, and the plan says so', () => {
    const { waves, notes } = assignWaves(percents(1, 2, 10, 14, 50, 100), fleetOf(10), 'salt');
    expect(waves.map((wave) => wave.length)).toEqual([1, 4, 5]);
    expect(notes).toEqual([
      '2 % of 10 bots is less than half a bot; one moves.',
      'One wave: 1 %, 2 %, 10 % and 14 %, since after each of them 1 bot has moved.',
    ]);
  });
  test('that would leave less than half a bot leave one', () => {
    const { waves, notes } = assignWaves(percents(96, 99, 100), fleetOf(10), 'salt');
    expect(waves.map((wave) => wave.length)).toEqual([9, 1]);
    expect(notes[0]).toBe('96 % of 10 bots leaves less than half a bot; one is left out.');
  });
  test.each([
    [{ firstPercent: 10, factor: 2 }, [10, 10, 20, 40, 20]],
    [{ firstPercent: 1, factor: 10 }, [1, 9, 90]],
    [{ firstPercent: 50, factor: 2 }, [50, 50]],
    [{ firstPercent: 100, factor: 3 }, [100]],
    [{ firstPercent: 60, factor: 100 }, [60, 40]],
  ])('that grow as %j move %j of 100', (growth, sizes) =>
    expect(sizesOf({ kind: 'PERCENTAGE', growth }, fleetOf(100))).toEqual(sizes),
  );
  test('of which the first is everything say that nobody tries it', () => {
    expect(assignWaves(percents(100), fleetOf(4), 'salt').notes).toEqual([
      'All 4 bots move in one wave: none tries it first.',
    ]);
  });
});

describe('canaries', () => {
  const canary = (asked: Extract<Strategy, { kind: 'CANARY' }>['canary'], more: number[] = [100]): Strategy => ({
    kind: 'CANARY',
    canary: asked,
    steps: more,
  });
  test('go first, and the steps after them count them too', () => {
    expect(sizesOf(canary({ count: 1 }, [30, 100]), fleetOf(10))).toEqual([1, 2, 7]);
    expect(sizesOf(canary({ percent: 5 }, [30, 100]), fleetOf(10))).toEqual([1, 2, 7]);
    expect(sizesOf({ kind: 'CANARY', canary: { count: 2 } }, fleetOf(10))).toEqual([2, 8]);
  });
  test('that are more than a step is make it no wave of its own', () => {
    const { waves, notes } = assignWaves(canary({ count: 3 }, [10, 30, 50, 100]), fleetOf(10), 'salt');
    expect(waves.map((wave) => wave.length)).toEqual([3, 2, 5]);
    expect(notes).toEqual(['One wave: the 3 canaries, 10 % and 30 %, since after each of them 3 bots have moved.']);
  });
  test.each([10, 11])('%d of ten are all, and the plan says so', (count) => {
    const { waves, notes } = assignWaves(canary({ count }), fleetOf(10), 'salt');
    expect(waves.map((wave) => wave.length)).toEqual([10]);
    expect(notes.at(-1)).toBe('All 10 bots move in one wave: none tries it first.');
    expect(notes.includes('11 bots were to be canaries, and the plan has 10 bots.')).toBe(count === 11);
  });
  test('are those that are named, or that have all labels', () => {
    const bots = fleetOf(10, (at) => ({ tier: at < 4 ? 'early' : 'late', zone: at % 2 === 0 ? 'x' : 'y' }));
    const named = assignWaves(canary({ botInstanceIds: ['id-7', 'id-2'] }, [50, 100]), bots, 'salt').waves;
    expect(named.map((wave) => wave.length)).toEqual([2, 3, 5]);
    expect(named[0]?.toSorted()).toEqual(['id-2', 'id-7']);
    const labelled = assignWaves(canary({ labels: { tier: 'early', zone: 'y' } }), bots, 'salt').waves;
    expect(labelled[0]?.toSorted()).toEqual(['id-1', 'id-3']);
  });
});

describe('evenly by a label', () => {
  const bots = fleetOf(20, (at) => ({ tenant: at < 10 ? 'large' : at < 16 ? 'middle' : 'small' }));
  const tenantsOf = (wave: readonly string[]) =>
    Map.groupBy(wave, (id) => bots.find(({ botId }) => botId === id)?.labels['tenant'] ?? '');
  test.each(['one', 'two', 'three'])('each wave has its part of each value, whoever is drawn (%s)', (salt) => {
    const { waves } = assignWaves({ kind: 'PERCENTAGE', steps: [50, 100], stratifyBy: 'tenant' }, bots, salt);
    for (const wave of waves) {
      expect(tenantsOf(wave).get('large')).toHaveLength(5);
      expect(tenantsOf(wave).get('middle')).toHaveLength(3);
      expect(tenantsOf(wave).get('small')).toHaveLength(2);
    }
  });
  test('so are the bots after canaries that somebody chose', () => {
    const strategy: Strategy = {
      kind: 'CANARY',
      canary: { labels: { tenant: 'small' } },
      steps: [60, 100],
      stratifyBy: 'tenant',
    };
    const { waves } = assignWaves(strategy, bots, 'salt');
    const sizes = waves.map((wave) =>
      Object.fromEntries([...tenantsOf(wave)].map(([tenant, all]) => [tenant, all.length])),
    );
    expect(sizes).toEqual([{ small: 4 }, { large: 5, middle: 3 }, { large: 5, middle: 3 }]);
  });
});

describe('rings', () => {
  const bots = fleetOf(10, (at) => (at === 9 ? {} : { ring: at < 2 ? 'inner' : at < 5 ? 'outer' : 'rest' }));
  test('are the values of a label, in order; * is for every other value and for none', () => {
    const { waves, notes } = assignWaves(
      { kind: 'RINGS', label: 'ring', rings: ['outer', '*', 'inner'] },
      bots,
      'salt',
    );
    expect(waves.map((wave) => wave.toSorted())).toEqual([
      ['id-2', 'id-3', 'id-4'],
      ['id-5', 'id-6', 'id-7', 'id-8', 'id-9'],
      ['id-0', 'id-1'],
    ]);
    expect(notes).toEqual([]);
  });
  test('that nobody is in make no wave, and the plan says so', () => {
    const { waves, notes } = assignWaves({ kind: 'RINGS', label: 'ring', rings: ['inner', 'none', '*'] }, bots, 'salt');
    expect(waves.map((wave) => wave.length)).toEqual([2, 8]);
    expect(notes).toEqual(['Nobody of the plan is in ring none: no wave is made of it.']);
  });
  test('know only labels that a bot has itself', () => {
    const { waves } = assignWaves({ kind: 'RINGS', label: 'constructor', rings: ['*'] }, bots, 'salt');
    expect(waves.map((wave) => wave.length)).toEqual([10]);
  });
});

describe('a strategy that does not fit the bots is refused, naming field and fix', () => {
  const bots = fleetOf(14, (at) => ({ ...(at < 12 ? {} : { tier: 'a' }), ring: at < 12 ? 'inner' : 'outer' }));
  const rows: readonly (readonly [Strategy, string, string, RegExp])[] = [
    [
      { kind: 'CANARY', canary: { botInstanceIds: ['id-3', 'id-99'] } },
      'rollout.canary-not-in-plan',
      'strategy.canary.botInstanceIds',
      /moves: id-99\. Name only bots/,
    ],
    [
      { kind: 'CANARY', canary: { botInstanceIds: ['id-3', 'id-4', 'id-3'] } },
      'rollout.canary-twice',
      'strategy.canary.botInstanceIds',
      /twice: id-3\./,
    ],
    [
      { kind: 'CANARY', canary: { labels: { tier: 'a', ring: 'inner' } } },
      'rollout.no-canary',
      'strategy.canary.labels',
      /tier=a and ring=inner; name labels/,
    ],
    [
      { kind: 'CANARY', canary: { labels: { toString: 'x' } } },
      'rollout.no-canary',
      'strategy.canary.labels',
      /toString=x/,
    ],
    [
      { kind: 'PERCENTAGE', steps: [100], stratifyBy: 'tier' },
      'rollout.label-missing',
      'strategy.stratifyBy',
      /label tier: bot-0, bot-1, bot-10, .* and 3 more\. Give it/,
    ],
    [
      { kind: 'PERCENTAGE', steps: [100], stratifyBy: 'constructor' },
      'rollout.label-missing',
      'strategy.stratifyBy',
      /label constructor: bot-0/,
    ],
    [
      { kind: 'RINGS', label: 'ring', rings: ['inner', 'outer', 'inner'] },
      'rollout.ring-twice',
      'strategy.rings',
      /twice: inner\./,
    ],
    [
      { kind: 'RINGS', label: 'ring', rings: ['inner'] },
      'rollout.in-no-ring',
      'strategy.rings',
      /rings: bot-12 \(outer\) and bot-13 \(outer\)\. Add theirs, or \*/,
    ],
    [{ kind: 'RINGS', label: 'tier', rings: ['a'] }, 'rollout.in-no-ring', 'strategy.rings', /bot-0 \(no label\)/],
  ];
  test.each(rows)('%j', (strategy, code, path, message) => {
    const refusal = () => assignWaves(strategy, bots, 'salt');
    expect(refusal).toThrow(Rejected);
    expect(refusal).toThrow(expect.objectContaining({ code, errors: [expect.objectContaining({ path })] }));
    expect(refusal).toThrow(message);
  });
});
