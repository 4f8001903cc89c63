import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { declareLists, type Layer, resolveLayers } from './index.ts';
import { anyLayersWithLists, layer, outcome } from './testing.ts';

const lists = declareLists({ 'spec.set': 'set', 'spec.items': { keys: ['name'] } });
const one = (spec: object, more: Parameters<typeof layer>[3] = {}) => layer('overlay', 'one', { spec }, more);
const two = (spec: object, more: Parameters<typeof layer>[3] = {}) => layer('overlay', 'two', { spec }, more);
const bot = (spec: object) => layer('instance', 'bot', { spec });
const resolved = (...layers: readonly Layer[]) => outcome(resolveLayers(layers, lists));

describe('two overlays of one priority', () => {
  const append = { strategies: { 'spec.a': 'append' } } as const;
  const rows: readonly (readonly [string, Layer, Layer, string])[] = [
    ['say a value differently', one({ a: 1 }), two({ a: 2 }), 'spec.a'],
    ['say a list differently', one({ a: [1] }), two({ a: [2] }), 'spec.a'],
    ['say and delete', one({ a: 1 }), two({ a: null }), 'spec.a'],
    ['say a part and delete the whole', one({ a: { b: 1 } }), two({ a: null }), 'spec.a'],
    ['say a part and another kind of whole', one({ a: { b: 1 } }), two({ a: 'x' }), 'spec.a'],
    ['change and say exactly', one({ a: { b: 1 } }), two({ a: { $value: { c: 1 } } }), 'spec.a'],
    [
      'change and override',
      one({ a: { b: 1 } }),
      two({ a: { c: 1 } }, { strategies: { 'spec.a': 'override' } }),
      'spec.a',
    ],
    ['both append the same', one({ a: [1] }, append), two({ a: [1] }, append), 'spec.a'],
    [
      'change an item differently',
      one({ items: [{ name: 'x', a: 1 }] }),
      two({ items: [{ name: 'y' }, { name: 'x', a: 2 }] }),
      'spec.items[name=x].a',
    ],
    [
      'change and delete an item',
      one({ items: [{ name: 'x', a: 1 }] }),
      two({ items: [{ name: 'x', $delete: true }] }),
      'spec.items[name=x]',
    ],
    [
      'change and replace an item',
      one({ items: [{ name: 'x', a: 1 }] }),
      two({ items: [{ name: 'x', $replace: true }] }),
      'spec.items[name=x]',
    ],
    ['add to a set and take from it', one({ set: ['x'] }), two({ set: [{ $delete: 'x' }] }), 'spec.set'],
  ];
  test.each(rows)('that %s are refused, at that path', (_, a, b, path) => {
    expect(resolved(a, b)).toEqual([`${path} config.layer-conflict`]);
    expect(resolved(b, a)).toEqual([`${path} config.layer-conflict`]);
  });

  const fine: readonly (readonly [string, Layer, Layer])[] = [
    ['say different things', one({ a: 1 }), two({ b: 2 })],
    ['say the same', one({ a: { b: [1] } }), two({ a: { b: [1], c: 2 } })],
    ['delete the same', one({ a: null }), two({ a: null })],
    ['add to a set', one({ set: ['x', 'y'] }), two({ set: ['y', 'z'] })],
    [
      'change different items, and one of them differently not',
      one({ items: [{ name: 'x', a: 1 }] }),
      two({ items: [{ name: 'x', b: 1 }, { name: 'y' }] }),
    ],
  ];
  test.each(fine)('that %s resolve', (_, a, b) => expect(resolved(a, b)).toHaveProperty('spec'));

  test('are told apart by their priority, and by their kind', () => {
    expect(resolved(one({ a: 1 }, { priority: 1 }), two({ a: 2 }))).toEqual({ spec: { a: 1 } });
    expect(resolved(layer('profile', 'p', { spec: { a: 1 } }), two({ a: 2 }))).toEqual({ spec: { a: 2 } });
  });
  test('are named with what they say, but no secret', () => {
    const token = `ghp_${'a1B2'.repeat(9)}`;
    expect(resolveLayers([one({ a: 1, key: token }), two({ a: 2, key: 'x' })])).toMatchObject({
      problems: [
        {
          path: 'spec.a',
          message:
            'overlay "one" (version 1) says 1 and overlay "two" (version 1) says 2, with the same priority. Give them different priorities, or say what is meant in a later layer.',
          layers: [{ id: 'one' }, { id: 'two' }],
          values: [1, 2],
        },
        { path: 'spec.key', values: ['[redacted]', 'x'] },
      ],
    });
  });
});

describe('a conflict that a later layer decides', () => {
  test('is told, and what the later one says stands', () => {
    const resolution = resolveLayers([one({ a: { b: 1 } }), two({ a: { b: 2 } }), bot({ a: { b: 3 } })]);
    expect(resolution).toMatchObject({
      sound: true,
      value: { spec: { a: { b: 3 } } },
      conflicts: [{ path: 'spec.a.b', values: [1, 2], decidedBy: { id: 'bot' } }],
    });
  });
  test.each([
    ['deletes it', { a: { b: null } }],
    ['deletes what it is in', { a: null }],
    ['says what it is in exactly', { a: { $value: {} } }],
  ])('is decided by one that %s', (_, spec) =>
    expect(resolved(one({ a: { b: 1 } }), two({ a: { b: 2 } }), bot(spec))).toHaveProperty('spec'),
  );
  test.each([
    ['says something beside it', { a: { c: 1 } }],
    ['says nothing', {}],
  ])('is not decided by one that %s', (_, spec) =>
    expect(resolved(one({ a: { b: 1 } }), two({ a: { b: 2 } }), bot(spec))).toEqual(['spec.a.b config.layer-conflict']),
  );
  test('about an item is decided by who says that of this item', () => {
    const [a, b] = [one({ items: [{ name: 'x', a: 1 }] }), two({ items: [{ name: 'x', a: 2 }] })];
    expect(resolved(a, b, bot({ items: [{ name: 'x', a: 3 }] }))).toEqual({ spec: { items: [{ name: 'x', a: 3 }] } });
    expect(resolved(a, b, bot({ items: [{ name: 'x', $delete: true }] }))).toEqual({ spec: { items: [] } });
    expect(resolved(a, b, bot({ items: [{ name: 'y', a: 3 }] }))).toEqual([
      'spec.items[name=x].a config.layer-conflict',
    ]);
  });
});

test('what resolves never depends on which of two equals comes first', () => {
  let [refused, passed] = [0, 0];
  fc.assert(
    fc.property(
      anyLayersWithLists,
      fc.array(fc.nat({ max: 1 }), { minLength: 5, maxLength: 5 }),
      (layers, priorities) => {
        const equal = layers.map((one, index) => ({ ...one, priority: priorities[index] ?? 0 }));
        const turned = equal.map((one, index) => ({ ...one, id: `l${9 - index}` }));
        const [first, second] = [resolveLayers(equal), resolveLayers(turned)];
        if (first.sound) passed += 1;
        else refused += 1;
        expect(second.sound).toBe(first.sound);
        if (first.sound && second.sound) expect(second.value).toEqual(first.value);
      },
    ),
    { numRuns: 1_000 },
  );
  expect(Math.min(refused, passed)).toBeGreaterThan(100);
});
