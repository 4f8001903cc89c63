// Layers can be meant to do harm: they are refused, or resolve, before they hold anything up.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { declareLists, type Layer, layerLimits, leavesOf, manifestLists, resolveLayers } from './index.ts';
import { layer, outcome } from './testing.ts';

/** How long the work holds up everything else, in ms of this thread's CPU time; the fastest of three. */
const fastest = (work: () => unknown): number =>
  Math.min(
    ...[1, 2, 3].map(() => {
      const began = process.threadCpuUsage();
      work();
      const { user, system } = process.threadCpuUsage(began);
      return (user + system) / 1_000;
    }),
  );
const blockedMsMax = 50;

const nested = (levels: number): unknown => JSON.parse('{"a":'.repeat(levels) + '1' + '}'.repeat(levels));
const over = (patch: object, more: Parameters<typeof layer>[3] = {}) => layer('overlay', 'o', { ...patch }, more);
const wide = (keys: number, value: unknown = 1) =>
  Object.fromEntries(Array.from({ length: keys }, (_, index) => [`k${index}`, value]));
/** Nearly as many keys as a patch may have. */
const widest = 4_900;

describe('depth', () => {
  test('of 64 levels resolves, of one more is refused', () => {
    expect(outcome(resolveLayers([over({ a: nested(64) })]))).toEqual({ a: nested(64) });
    expect(outcome(resolveLayers([over({ a: nested(65) })]))).toEqual([expect.stringMatching(/config.too-deep$/)]);
  });
  test('of 10,000 levels is refused, and soon', () => {
    const patch = { a: nested(10_000) };
    expect(outcome(resolveLayers([over(patch)]))).toEqual([expect.stringMatching(/config.too-deep$/)]);
    expect(fastest(() => resolveLayers([over(patch)]))).toBeLessThan(blockedMsMax);
  });
});

describe('prototype keys', () => {
  let keys: readonly PropertyKey[];
  beforeEach(() => {
    keys = Reflect.ownKeys(Object.prototype);
  });
  afterEach(() => expect(Reflect.ownKeys(Object.prototype)).toEqual(keys));

  test.each(['__proto__', 'constructor', 'prototype'])('%s is refused at any depth, naming it', (key) => {
    const patch: unknown = JSON.parse(`{"a":[{"b":{"${key}":{"polluted":1}}}],"$value":1}`);
    expect(outcome(resolveLayers([over(Object(patch))]))).toEqual([`a[0].b.${key} config.forbidden-key`]);
  });
  test('are no list, strategy or lock', () => {
    const layers = [
      over(
        { a: 1 },
        { locks: ['__proto__.polluted', 'a.constructor'], strategies: JSON.parse('{"__proto__.x":"append"}') },
      ),
      layer('instance', 'i', { a: 1 }),
    ];
    expect(outcome(resolveLayers(layers, declareLists({ '__proto__.x': 'set' })))).toEqual({ a: 1 });
  });
  test('do not come from what every object inherits', () => {
    const lists = declareLists({ items: { keys: ['toString'] } });
    expect(outcome(resolveLayers([over({ items: [{}] })], lists))).toEqual(['items[0] config.item-without-key']);
    const layers = [
      over({ hasOwnProperty: 1 }, { locks: ['toString', 'a[valueOf=1]'] }),
      layer('instance', 'i', { a: [{}] }),
    ];
    expect(outcome(resolveLayers(layers))).toEqual({ hasOwnProperty: 1, a: [{}] });
  });
});

describe('size', () => {
  test('of 100,000 keys is refused, and soon', () => {
    const patch = { a: wide(100_000) };
    expect(outcome(resolveLayers([over(patch)]))).toEqual([' config.too-large']);
    expect(fastest(() => resolveLayers([over(patch)]))).toBeLessThan(blockedMsMax);
  });
  test('of all layers together is refused above its limit', () => {
    const layers = Array.from({ length: 5 }, (_, index) =>
      layer(
        'overlay',
        `o${index}`,
        { texts: Array.from({ length: 12_000 }, () => `text-${index}`) },
        { priority: index },
      ),
    );
    expect(outcome(resolveLayers(layers))).toEqual([' config.too-large']);
  });
  test('of more layers than may apply to one bot is refused', () => {
    const layers = Array.from({ length: layerLimits.layersMax + 1 }, (_, index) => layer('overlay', `o${index}`, {}));
    expect(outcome(resolveLayers(layers))).toEqual([' config.too-many']);
    expect(outcome(resolveLayers(layers.slice(1)))).toEqual({});
  });
  test('of locks and strategies is refused above its limit', () => {
    const paths = Array.from({ length: 201 }, (_, index) => `a.k${index}`);
    expect(outcome(resolveLayers([over({}, { locks: paths })]))).toEqual([' config.too-many']);
    const strategies = Object.fromEntries(paths.map((path) => [path, 'merge' as const]));
    expect(outcome(resolveLayers([over({}, { strategies })]))).toEqual([' config.too-many']);
  });
});

describe('the largest layers that may be', () => {
  const four = (patch: (index: number) => object, more: (index: number) => Parameters<typeof layer>[3] = () => ({})) =>
    Array.from({ length: 4 }, (_, index) =>
      layer('overlay', `o${index}`, { ...patch(index) }, { priority: index, ...more(index) }),
    );
  const locks = Array.from({ length: layerLimits.locksMax }, (_, index) => `a.k${index * 7}`);
  const items = Array.from({ length: 4_900 }, (_, index) => ({ name: `n${index}` }));
  const lists = declareLists({ items: { keys: ['name'] }, texts: 'set' });
  const texts = Array.from({ length: 9_000 }, (_, index) => `text-${index}`);
  const rows: readonly (readonly [string, readonly Layer[], string])[] = [
    ['the same keys', four(() => ({ a: wide(widest) })), 'sound'],
    [
      'other keys',
      four((one) => ({ a: Object.fromEntries(texts.slice(0, widest).map((text) => [`${one}-${text}`, 1])) })),
      'sound',
    ],
    ['keys that are deleted', four((index) => ({ a: wide(widest / 2, index % 2 === 0 ? 1 : null) })), 'sound'],
    [
      'locks on their keys',
      four(
        () => ({ a: wide(widest / 2) }),
        () => ({ locks }),
      ),
      'config.too-much-work',
    ],
    [
      'locks on all their keys',
      four(
        () => ({ a: wide(widest) }),
        () => ({ locks: locks.map(() => 'a.*') }),
      ),
      'config.too-much-work',
    ],
    [
      'broken locks',
      four(
        (index) => ({ a: wide(1_000, index) }),
        () => ({ locks: ['a.*'] }),
      ),
      'config.locked',
    ],
    [
      'equals',
      four(
        () => ({ a: wide(widest / 2) }),
        () => ({ priority: 0 }),
      ),
      'sound',
    ],
    [
      'equals that all differ',
      four(
        (index) => ({ a: wide(widest / 2, index) }),
        () => ({ priority: 0 }),
      ),
      'config.layer-conflict',
    ],
    [
      'equals that all differ, decided',
      [
        ...four(
          (index) => ({ a: wide(widest / 4, index) }),
          () => ({ priority: 0 }),
        ),
        layer('instance', 'i', { a: wide(widest / 4) }),
      ],
      'sound',
    ],
    ['items with keys', four(() => ({ items: items.slice(0, widest / 4) })), 'sound'],
    ['too many items with keys', four(() => ({ items })), 'config.too-much-work'],
    ['a set', four(() => ({ texts: texts.slice(0, widest / 2) })), 'sound'],
    [
      'a list of everything',
      four(
        () => ({ list: items.slice(0, widest / 4) }),
        () => ({ strategies: { list: 'append' } }),
      ),
      'sound',
    ],
    [
      'a list of everything that is new',
      four(
        () => ({ list: items }),
        () => ({ strategies: { list: 'merge' } }),
      ),
      'config.too-much-work',
    ],
    ['many equals', Array.from({ length: 64 }, (_, index) => layer('overlay', `o${index}`, { a: wide(75) })), 'sound'],
    [
      'nothing but locks',
      Array.from({ length: 64 }, (_, index) =>
        layer(
          'overlay',
          `o${index}`,
          { a: { x: 1 } },
          { priority: index, locks: locks.map((__, lock) => `a.*.${lock}`) },
        ),
      ),
      'config.too-many',
    ],
    [
      'as many locks as may be',
      Array.from({ length: 20 }, (_, index) =>
        layer(
          'overlay',
          `o${index}`,
          { a: { x: 1 } },
          { priority: index, locks: locks.slice(0, 50).map((lock) => `${lock}.*.b`) },
        ),
      ),
      'sound',
    ],
    [
      'no override',
      [
        layer('profile', 'p', { a: wide(widest / 2) }, { allowInstanceOverrides: false }),
        layer('instance', 'i', { a: wide(widest / 2, 2) }),
      ],
      'config.override-forbidden',
    ],
  ];
  test.each(rows)('of %s hold nothing up', (_, layers, expected) => {
    const resolution = resolveLayers(layers, lists);
    expect(resolution.sound ? 'sound' : resolution.problems[0]?.code).toBe(expected);
    expect(fastest(() => resolveLayers(layers, lists))).toBeLessThan(blockedMsMax);
  });
  test('with each leaf written', () => {
    const resolution = resolveLayers(
      four(() => ({ a: wide(widest) })),
      manifestLists,
    );
    if (!resolution.sound) throw new Error('not sound');
    expect(fastest(() => leavesOf(resolution.value, resolution.provenance))).toBeLessThan(blockedMsMax);
  });
});
