import { isJsonObject, parsePath, type PathStep } from '@molthub/manifest';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { declareLists, type Layer, resolveLayers } from './index.ts';
import { anyLayersWithLists, layer, outcome } from './testing.ts';

const lists = declareLists({ 'spec.set': 'set', 'spec.items': { keys: ['name'] } });
const said = {
  a: { b: { c: 1, d: 2 }, e: 3 },
  set: ['x', 'y'],
  items: [
    { name: 'one', port: 1 },
    { name: 'two', port: 2 },
  ],
};
const locking = (...locks: readonly string[]) => layer('profile', 'house', { spec: said }, { locks, version: 3 });
const bot = (spec: object, more: Parameters<typeof layer>[3] = {}) => layer('instance', 'bot', { spec }, more);
const resolved = (...layers: readonly Layer[]) => outcome(resolveLayers(layers, lists));

describe('a locked path', () => {
  const roundabout: readonly (readonly [string, string, object, string])[] = [
    ['said otherwise', 'spec.a.b.c', { a: { b: { c: 9 } } }, 'spec.a.b.c'],
    ['deleted', 'spec.a.b.c', { a: { b: { c: null } } }, 'spec.a.b.c'],
    ['by deleting its parent', 'spec.a.b.c', { a: { b: null } }, 'spec.a.b.c'],
    ['by deleting a parent of its parent', 'spec.a.b.c', { a: null }, 'spec.a.b.c'],
    ['by making its parent a scalar', 'spec.a.b.c', { a: 1 }, 'spec.a.b.c'],
    ['by making its parent a list', 'spec.a.b.c', { a: { b: [] } }, 'spec.a.b.c'],
    ['by replacing its parent exactly', 'spec.a.b.c', { a: { $value: { e: 3 } } }, 'spec.a.b.c'],
    ['by changing a child', 'spec.a', { a: { b: { c: 9 } } }, 'spec.a.b.c'],
    ['by deleting a child', 'spec.a', { a: { b: { c: null } } }, 'spec.a.b.c'],
    ['by adding a child', 'spec.a.b', { a: { b: { f: 1 } } }, 'spec.a.b.f'],
    ['by making it an object', 'spec.a.b.c', { a: { b: { c: { x: 1 } } } }, 'spec.a.b.c'],
    ['that says nothing, by saying something', 'spec.f.g', { f: { g: 1 } }, 'spec.f.g'],
    ['with *', 'spec.a.*.d', { a: { b: { d: 9 } } }, 'spec.a.b.d'],
    ['with *, by a new key', 'spec.a.*.d', { a: { n: { d: 9 } } }, 'spec.a.n.d'],
    ['of a list, by replacing it', 'spec.set', { set: [{ $delete: 'x' }] }, 'spec.set'],
    ['of a list, by adding to it', 'spec.set', { set: ['z'] }, 'spec.set'],
    [
      'of an item, by its key',
      'spec.items[name=one].port',
      { items: [{ name: 'one', port: 9 }] },
      'spec.items[0].port',
    ],
    [
      'of an item, by deleting it',
      'spec.items[name=two]',
      { items: [{ name: 'two', $delete: true }] },
      'spec.items[1]',
    ],
    [
      'of an item, by replacing it',
      'spec.items[name=one].port',
      { items: [{ name: 'one', $replace: true }] },
      'spec.items[0].port',
    ],
    ['of every item, by a new one', 'spec.items[*].port', { items: [{ name: 'new', port: 9 }] }, 'spec.items[2].port'],
    [
      'of every item, by deleting the first',
      'spec.items.*.port',
      { items: [{ name: 'one', $delete: true }] },
      'spec.items[0].port',
    ],
    [
      'of an item, by making the list something else',
      'spec.items[name=one].port',
      { items: null },
      'spec.items[0].port',
    ],
  ];
  test.each(roundabout)('is not changed: %s', (_, lock, spec, path) =>
    expect(resolved(locking(lock), bot(spec))).toEqual([`${path} config.locked`]),
  );

  test('of an item, by replacing the list through a strategy', () => {
    const above = bot({ items: [{ name: 'two', port: 2 }] }, { strategies: { 'spec.items': 'override' } });
    expect(resolved(locking('spec.items[name=one].port'), above)).toEqual(['spec.items[0].port config.locked']);
  });
  test('is not changed by replacing its parent through a strategy', () => {
    const above = bot({ a: { e: 3 } }, { strategies: { 'spec.a': 'override' } });
    expect(resolved(locking('spec.a.b.c'), above)).toEqual(['spec.a.b.c config.locked']);
  });

  const harmless: readonly (readonly [string, string, object])[] = [
    ['a sibling', 'spec.a.b.c', { a: { b: { d: 9 }, e: null } }],
    ['the very same value', 'spec.a.b.c', { a: { b: { c: 1 } } }],
    ['the very same parent', 'spec.a.b', { a: { b: { d: 2, c: 1 } } }],
    ['deleting what is not there', 'spec.f.g', { f: { g: null } }],
    ['another parent with the very same value in it', 'spec.a.b.c', { a: { $value: { b: { c: 1 } } } }],
    ['another item', 'spec.items[name=one]', { items: [{ name: 'two', $delete: true }, { name: 'three' }] }],
    [
      'the same items in another order',
      'spec.items[*].port',
      {
        items: [
          { name: 'two', port: 2 },
          { name: 'one', a: 1 },
        ],
      },
    ],
    ['the same items of a set', 'spec.set', { set: ['y', 'x'] }],
  ];
  test.each(harmless)('lets others be said: %s', (_, lock, spec) =>
    expect(resolved(locking(lock), bot(spec))).toHaveProperty('spec'),
  );

  test('is refused with its path, both layers and both values', () => {
    const overlay = { ...layer('overlay', 'debug', { spec: { a: { b: { c: 'on' } } } }), version: 5 };
    expect(resolveLayers([locking('spec.a.b'), overlay])).toEqual({
      sound: false,
      problems: [
        {
          path: 'spec.a.b.c',
          code: 'config.locked',
          message:
            'spec.a.b is locked by profile "house" (version 3) at 1; overlay "debug" (version 5) would make it "on". Remove that, or ask for the lock to be lifted.',
          layers: [
            expect.objectContaining({ id: 'house', version: 3 }),
            expect.objectContaining({ id: 'debug', version: 5 }),
          ],
          values: [1, 'on'],
        },
      ],
    });
  });
  test('that holds a secret is refused without showing it', () => {
    const key = `sk-${'a1B2'.repeat(10)}`;
    const profile = layer(
      'profile',
      'p',
      { spec: { token: 'hunter22', note: key, env: { x: { password: 'hunter23' } } } },
      { locks: ['spec'] },
    );
    const text = JSON.stringify(
      resolveLayers([profile, bot({ token: 'hunter24', note: `${key}x`, env: { x: { password: 'hunter25' }, b: 1 } })]),
    );
    expect(text).toContain('config.locked');
    expect(text).not.toMatch(/hunter|a1B2/);
  });
  test('lists every offender, each judged by what is locked', () => {
    const layers = [
      locking('spec.a.b.c'),
      layer('overlay', 'one', { spec: { a: { b: { c: 5 } } } }, { priority: 1 }),
      layer('overlay', 'two', { spec: { a: null } }, { priority: 2 }),
      layer('overlay', 'three', { spec: { a: { e: 9 } } }, { priority: 3 }),
      bot({ a: { b: { c: 5 } } }),
    ];
    const resolution = resolveLayers(layers);
    expect(!resolution.sound && resolution.problems.map(({ layers: [, by], values }) => [by?.id, ...values])).toEqual([
      ['one', 1, 5],
      ['two', 1, undefined],
      ['bot', 1, 5],
    ]);
  });
  test('binds the layers after it and none before', () => {
    const before = layer('template', 't', { spec: { a: { b: { c: 0 } } } });
    expect(resolved(before, locking('spec.a.b.c'))).toHaveProperty('spec.a.b.c', 1);
  });
  test('binds equals, whichever of them comes first', () => {
    for (const [locks, says] of [
      ['a', 'b'],
      ['b', 'a'],
    ] as const) {
      const layers = [
        layer('template', 't', { spec: { x: 0 } }),
        layer('overlay', locks, { spec: {} }, { locks: ['spec.x'] }),
        layer('overlay', says, { spec: { x: 1 } }),
      ];
      expect(resolved(...layers)).toEqual(['spec.x config.locked']);
    }
  });

  const none = ['', 'spec..a', 'spec.a[0]', 'spec.a[', 'x'.repeat(301)];
  test.each(none)('"%s" is none', (lock) => expect(resolved(locking(lock))).toEqual([`${lock} config.not-a-path`]));
});

describe('a profile that lets bots override nothing', () => {
  const strict = layer(
    'profile',
    'strict',
    { spec: { a: { b: 1, c: {} }, set: ['x'], gone: null } },
    { allowInstanceOverrides: false },
  );
  test.each([
    ['a value', { a: { b: 2 } }, 'spec.a.b'],
    ['a parent', { a: null }, 'spec.a'],
    ['a list', { set: ['y'] }, 'spec.set'],
    ['what it deleted', { gone: 1 }, 'spec.gone'],
  ])('is kept: %s', (_, spec, path) =>
    expect(resolved(strict, bot(spec))).toEqual([`${path} config.override-forbidden`]),
  );
  test('lets a bot say what it does not say, and the same', () =>
    expect(resolved(strict, bot({ a: { b: 1, c: { d: 1 }, e: 2 }, f: 3 }))).toEqual({
      spec: { a: { b: 1, c: { d: 1 }, e: 2 }, set: ['x'], f: 3 },
    }));
  test('lets overlays override it', () =>
    expect(resolved(strict, layer('overlay', 'o', { spec: { a: { b: 2 } } }))).toHaveProperty('spec.a.b', 2));
});

/** What stands at a path with `*`, by the names on the way: asked by other code than the code that locks. */
const standing = (value: unknown, steps: readonly PathStep[], at = ''): Readonly<Record<string, string>> => {
  const [step, ...rest] = steps;
  if (!step) return value === undefined ? {} : { [at]: canonical(value) };
  if (Array.isArray(value) && step.kind === 'every') {
    return Object.assign({}, ...value.map((item: unknown, index) => standing(item, rest, `${at}.${index}`)));
  }
  if (!isJsonObject(value)) return {};
  const names = step.kind === 'name' ? Object.keys(value).filter((name) => name === step.name) : Object.keys(value);
  return Object.assign({}, ...names.map((name) => standing(value[name], rest, `${at}.${name}`)));
};
const canonical = (value: unknown): string =>
  JSON.stringify(value, (_, item: unknown) =>
    isJsonObject(item) ? Object.fromEntries(Object.entries(item).toSorted(([a], [b]) => (a < b ? -1 : 1))) : item,
  );

test('no sequence of layers changes what is locked, and none that changes nothing locked is refused', () => {
  let [refused, passed] = [0, 0];
  fc.assert(
    fc.property(anyLayersWithLists, (layers) => {
      const open = layers.map(({ locks: _, ...rest }): Layer => rest);
      const after = open.map((_, index) => {
        const resolution = resolveLayers(open.slice(0, index + 1));
        return resolution.sound ? resolution.value : null;
      });
      fc.pre(!after.includes(null));
      const isKept = layers.every(({ locks = [] }, index) =>
        locks.every((lock) => {
          const steps = parsePath(lock) ?? [];
          const locked = standing(after[index], steps);
          return after.slice(index).every((later) => canonical(standing(later, steps)) === canonical(locked));
        }),
      );
      const resolution = resolveLayers(layers);
      if (resolution.sound) passed += 1;
      else refused += 1;
      expect(resolution.sound).toBe(isKept);
      if (resolution.sound) expect(resolution.value).toEqual(after.at(-1));
    }),
    { numRuns: 1_000 },
  );
  // Both happen often enough to say something.
  expect(Math.min(refused, passed)).toBeGreaterThan(100);
});
