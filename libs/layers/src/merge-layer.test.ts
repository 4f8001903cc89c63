import { describe, expect, test } from 'vitest';
import { declareLists, type Layer, manifestLists, resolveLayers, warningsOf } from './index.ts';
import { layer, outcome } from './testing.ts';

const lists = declareLists({
  'spec.set': 'set',
  'spec.items': { keys: ['name'] },
  'spec.items[*].ports': { keys: ['port', 'protocol'] },
  'spec.*.allow': 'set',
});
const resolved = (...layers: readonly Layer[]) => outcome(resolveLayers(layers, lists));
const base = (spec: object) => layer('template', 'base', { spec });
const over = (spec: object, more: Parameters<typeof layer>[3] = {}) => layer('profile', 'over', { spec }, more);

describe('values', () => {
  const rows: readonly (readonly [string, object, object, object])[] = [
    ['objects merge, the last scalar wins', { a: { x: 1, y: 1 } }, { a: { y: 2 } }, { a: { x: 1, y: 2 } }],
    ['null deletes what is inherited', { a: { x: 1, y: 1 } }, { a: { x: null } }, { a: { y: 1 } }],
    ['null deletes an object whole', { a: { x: 1 }, b: 1 }, { a: null }, { b: 1 }],
    ['deleting what is absent does nothing', { a: 1 }, { b: null, c: { d: null } }, { a: 1, c: {} }],
    ['an object that lost its keys stays', { a: { x: 1 } }, { a: { x: null } }, { a: {} }],
    ['{} and [] are values', { a: {}, b: [] }, {}, { a: {}, b: [] }],
    ['an object over a scalar replaces it', { a: 1 }, { a: { x: 1, y: null } }, { a: { x: 1 } }],
    ['a scalar over an object replaces it', { a: { x: 1 } }, { a: 1 }, { a: 1 }],
    ['a list is one value', { a: [1, 2] }, { a: [3] }, { a: [3] }],
    ['null inside a list is an item', { a: 1 }, { a: [null] }, { a: [null] }],
    ['$value is exactly that, with its nulls', { a: { x: 1 } }, { a: { $value: { y: null } } }, { a: { y: null } }],
    ['$value says a literal null', { a: 1 }, { a: { $value: null } }, { a: null }],
    ['$value can hold what is called as a form', {}, { a: { $value: { $delete: true } } }, { a: { $delete: true } }],
    ['keys that every object inherits are keys', { toString: 'x' }, { valueOf: 1 }, { toString: 'x', valueOf: 1 }],
  ];
  test.each(rows)('%s', (_, below, above, spec) => expect(resolved(base(below), over(above))).toEqual({ spec }));
  test('what one layer deletes, a later one says anew, without what was there', () => {
    expect(
      resolved(base({ a: { old: 1 } }), over({ a: null }), layer('instance', 'i', { spec: { a: { x: 1 } } })),
    ).toEqual({
      spec: { a: { x: 1 } },
    });
  });
  test('a value over one of another kind is told, and so is a list over a list that has no declared kind', () => {
    const resolution = resolveLayers(
      [
        base({ a: 1, b: [1], c: { x: 1 }, set: ['x'], d: [1], e: 1 }),
        over({ a: { x: 1 }, b: [2], c: 1, set: ['y'], d: [2], e: 2 }, { strategies: { 'spec.d': 'override' } }),
      ],
      lists,
    );
    expect(resolution.sound && warningsOf(resolution).map(({ path, code }) => `${path} ${code}`)).toEqual([
      'spec.a config.kind-replaced',
      'spec.b config.list-replaced',
      'spec.c config.kind-replaced',
    ]);
  });
});

describe('lists', () => {
  const strategy = (path: string, way: 'override' | 'merge' | 'append' | 'prepend') => ({
    strategies: { [path]: way },
  });
  const rows: readonly (readonly [string, object, Layer, object])[] = [
    ['of one value: append', { a: [1, 2] }, over({ a: [2] }, strategy('spec.a', 'append')), { a: [1, 2, 2] }],
    ['of one value: prepend', { a: [1, 2] }, over({ a: [2] }, strategy('spec.a', 'prepend')), { a: [2, 1, 2] }],
    // The merge of earlier systems was append and doubled what was there.
    [
      'of one value: merge adds only what is new',
      { a: [1, { x: 1, y: 2 }] },
      over({ a: [{ y: 2, x: 1 }, 3, 3] }, strategy('spec.a', 'merge')),
      { a: [1, { x: 1, y: 2 }, 3] },
    ],
    ['of one value: override', { a: [1, 2] }, over({ a: [2] }, strategy('spec.a', 'override')), { a: [2] }],
    [
      'a strategy for every key',
      { x: { b: [1] }, y: { b: [1] } },
      over({ x: { b: [2] } }, strategy('spec.*.b', 'append')),
      { x: { b: [1, 2] }, y: { b: [1] } },
    ],
    ['append where nothing is inherited', {}, over({ a: [1] }, strategy('spec.a', 'append')), { a: [1] }],
    [
      'an object: override',
      { a: { x: 1 } },
      over({ a: { y: 2, z: null } }, strategy('spec.a', 'override')),
      { a: { y: 2 } },
    ],
    ['a set is joined', { set: ['a', 'b'] }, over({ set: ['b', 'c'] }), { set: ['a', 'b', 'c'] }],
    [
      'a set: prepend',
      { set: ['a', 'b'] },
      over({ set: ['b', 'c'] }, strategy('spec.set', 'prepend')),
      { set: ['c', 'a', 'b'] },
    ],
    [
      'a set: override',
      { set: ['a', 'b'] },
      over({ set: ['b', { $delete: 'x' }] }, strategy('spec.set', 'override')),
      { set: ['b'] },
    ],
    ['a set loses an item', { set: ['a', 'b'] }, over({ set: [{ $delete: 'a' }, 'c'] }), { set: ['b', 'c'] }],
    ['a set tells 1 from "1"', { set: ['1'] }, over({ set: [1, { $delete: true }] }), { set: ['1', 1] }],
    ['declared for every key', { x: { allow: ['a'] } }, over({ x: { allow: ['b'] } }), { x: { allow: ['a', 'b'] } }],
    [
      'items merge by their key, and new ones come after',
      {
        items: [
          { name: 'x', a: 1 },
          { name: 'y', a: 1 },
        ],
      },
      over({ items: [{ name: 'z' }, { name: 'y', b: 2 }, { name: 'x', a: null }] }),
      { items: [{ name: 'x' }, { name: 'y', a: 1, b: 2 }, { name: 'z' }] },
    ],
    [
      'items: prepend',
      { items: [{ name: 'x' }] },
      over({ items: [{ name: 'y' }, { name: 'x', a: 1 }] }, strategy('spec.items', 'prepend')),
      { items: [{ name: 'y' }, { name: 'x', a: 1 }] },
    ],
    [
      'items: override',
      { items: [{ name: 'x', a: 1 }] },
      over({ items: [{ name: 'x' }, { name: 'y', $delete: true }] }, strategy('spec.items', 'override')),
      { items: [{ name: 'x' }] },
    ],
    [
      'an item is deleted',
      { items: [{ name: 'x', a: 1 }, { name: 'y' }] },
      over({ items: [{ name: 'x', $delete: true }] }),
      { items: [{ name: 'y' }] },
    ],
    [
      'deleting an absent item does nothing',
      { items: [] },
      over({ items: [{ name: 'x', $delete: true }] }),
      { items: [] },
    ],
    [
      'an item is said anew',
      { items: [{ name: 'x', a: 1 }] },
      over({ items: [{ name: 'x', b: null, c: 1, $replace: true }] }),
      { items: [{ name: 'x', c: 1 }] },
    ],
    [
      'a list in an item',
      {
        items: [
          {
            name: 'x',
            ports: [
              { port: 1, protocol: 'tcp', a: 1 },
              { port: 1, protocol: 'udp' },
            ],
          },
        ],
      },
      over({ items: [{ name: 'x', ports: [{ port: 1, protocol: 'udp', b: 1 }] }] }),
      {
        items: [
          {
            name: 'x',
            ports: [
              { port: 1, protocol: 'tcp', a: 1 },
              { port: 1, protocol: 'udp', b: 1 },
            ],
          },
        ],
      },
    ],
    [
      'forms in a list where nothing is inherited',
      {},
      over({
        items: [
          { name: 'x', a: null, $replace: true },
          { name: 'y', $delete: true },
        ],
        set: [{ $delete: 'a' }, 'b'],
      }),
      { items: [{ name: 'x' }], set: ['b'] },
    ],
  ];
  test.each(rows)('%s', (_, below, above, spec) => expect(resolved(base(below), above)).toEqual({ spec }));

  const wrong: readonly (readonly [string, Layer, string])[] = [
    ['two items with one key', over({ items: [{ name: 'x' }, { name: 'x' }] }), 'spec.items[1] config.duplicate-item'],
    ['an item without its key', over({ items: [{ label: 'x' }] }), 'spec.items[0] config.item-without-key'],
    ['an item that is no object', over({ items: ['x'] }), 'spec.items[0] config.item-without-key'],
    ['a key that is an object', over({ items: [{ name: {} }] }), 'spec.items[0] config.item-without-key'],
    ['an item twice in a set', over({ set: ['x', 'x'] }), 'spec.set[1] config.duplicate-item'],
    ['an item added and deleted', over({ set: ['x', { $delete: 'x' }] }), 'spec.set[1] config.duplicate-item'],
    [
      'deleting and replacing an item',
      over({ items: [{ name: 'x', $delete: true, $replace: true }] }),
      'spec.items[0] config.form-misplaced',
    ],
    [
      'deleting by another word',
      over({ items: [{ name: 'x', $delete: 'yes' }] }),
      'spec.items[0] config.form-misplaced',
    ],
    ['deleting a key by a form', over({ a: { $delete: true } }), 'spec.a.$delete config.form-misplaced'],
    ['$value with others beside it', over({ a: { $value: 1, b: 1 } }), 'spec.a config.form-misplaced'],
    [
      'append to what is no list',
      over({ a: { x: 1 } }, strategy('spec.a', 'append')),
      'spec.a config.strategy-not-for-this',
    ],
    ['a strategy for no path', over({}, strategy('spec..a', 'append')), 'spec..a config.not-a-path'],
    ['a strategy for an index', over({}, strategy('spec.a[0]', 'append')), 'spec.a[0] config.not-a-path'],
    ['a patch that is exactly something', layer('profile', 'p', { $value: {} }), ' config.not-a-patch'],
  ];
  test.each(wrong)('%s is refused', (_, above, problem) => expect(resolved(base({}), above)).toEqual([problem]));

  test('of a manifest: secrets and channels are known by their keys, skills are a set', () => {
    const spec = {
      secrets: [{ name: 'A', provider: 'env', key: 'A' }],
      channels: [{ type: 'slack' }],
      skills: { mode: 'ALLOWLIST', allowlist: ['a'] },
    };
    const profile = over({
      secrets: [{ name: 'B', provider: 'env', key: 'B' }],
      channels: [{ type: 'slack', enabled: false }],
      skills: { allowlist: ['b'] },
    });
    expect(outcome(resolveLayers([base(spec), profile], manifestLists))).toEqual({
      spec: {
        secrets: [...spec.secrets, { name: 'B', provider: 'env', key: 'B' }],
        channels: [{ type: 'slack', enabled: false }],
        skills: { mode: 'ALLOWLIST', allowlist: ['a', 'b'] },
      },
    });
  });
});
