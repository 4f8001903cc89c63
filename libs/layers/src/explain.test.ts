import { Rejected } from '@molthub/decider';
import { diff } from '@molthub/manifest';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  declareLists,
  explain,
  type Layer,
  leavesOf,
  prepareLayer,
  provenDifferences,
  resolvePrepared,
  withDefaults,
} from './index.ts';
import { anyLayersWithLists, layer } from './testing.ts';

const lists = declareLists({ 'spec.items': { keys: ['name'] }, 'spec.set': 'set' });
const resolved = (layers: readonly Layer[]) => {
  const prepared = layers.map((one) => prepareLayer(one, lists));
  const resolution = resolvePrepared(prepared);
  if (!resolution.sound) throw new Error(JSON.stringify(resolution.problems));
  return { prepared, resolution };
};
const explained = (path: string, ...layers: readonly Layer[]) => {
  const { prepared, resolution } = resolved(layers);
  const { statements, layers: from, ...rest } = explain(prepared, resolution, path);
  return {
    ...rest,
    layers: from.map(({ id }) => id),
    statements: statements.map(
      (one) => `${one.layer.id} ${one.says} at ${one.at}: ${one.stands ? 'stands' : `by ${one.overriddenBy?.id}`}`,
    ),
    reasons: statements.map(({ reason }) => reason),
  };
};
const template = layer('template', 'base', { spec: { a: { b: 1, c: 1 }, d: { x: 1 } } });
const profile = layer('profile', 'house', { spec: { a: { b: 2 }, d: null } }, { locks: ['spec.a.b', 'spec.e'] });
const low = layer('overlay', 'low', { spec: { a: { c: 3 } } }, { priority: 1 });
const high = layer('overlay', 'high', { spec: { a: { c: 4 } } }, { priority: 2 });
const bot = layer('instance', 'bot', { spec: { d: { y: 2 } } });

describe('a value is explained', () => {
  test('by all who say it, in order, who stands, and why not the others', () =>
    expect(explained('spec.a.c', bot, high, low, profile, template)).toEqual({
      path: 'spec.a.c',
      value: 4,
      layers: ['high'],
      statements: [
        'base value at spec.a.c: by low',
        'low value at spec.a.c: by high',
        'high value at spec.a.c: stands',
      ],
      reasons: [
        'overlay "low" (version 1) comes after it: a layer of kind overlay after one of kind template.',
        'overlay "high" (version 1) comes after it: priority 2 after 1.',
        'It comes last of those that say something here.',
      ],
      locks: [],
    }));
  test('with the locks it is under, and those below it', () => {
    expect(explained('spec.a.b', template, profile).locks).toEqual([
      { layer: expect.objectContaining({ id: 'house' }), path: 'spec.a.b' },
    ]);
    expect(explained('spec', template, profile).locks.map(({ path }) => path)).toEqual(['spec.a.b', 'spec.e']);
    expect(explained('spec.e.f.g', template, profile)).toMatchObject({
      value: undefined,
      layers: [],
      statements: [],
      locks: [{ path: 'spec.e' }],
    });
  });
  test('by who says its parts, and who deleted what was there', () =>
    expect(explained('spec.d', template, profile, bot)).toMatchObject({
      value: { y: 2 },
      layers: ['bot'],
      statements: ['base parts at spec.d: by house', 'house delete at spec.d: by bot', 'bot parts at spec.d: stands'],
    }));
  test('by who deleted something above it', () =>
    expect(explained('spec.d.x', template, profile)).toMatchObject({
      value: undefined,
      layers: [],
      statements: ['base value at spec.d.x: by house', 'house delete at spec.d: stands'],
    }));
  test('when it is joined from several', () =>
    expect(explained('spec.a', template, profile, low)).toMatchObject({
      value: { b: 2, c: 3 },
      layers: ['house', 'low'],
      statements: ['base parts at spec.a: by house', 'house parts at spec.a: stands', 'low parts at spec.a: stands'],
    }));
  test('in a list, by the keys of an item or its place', () => {
    const one = layer('template', 'one', {
      spec: {
        items: [
          { name: 'x', a: 1 },
          { name: 'y', a: 1 },
        ],
      },
    });
    const two = layer('profile', 'two', {
      spec: {
        items: [
          { name: 'y', a: 2 },
          { name: 'x', $delete: true },
        ],
      },
    });
    const expected = {
      path: 'spec.items[0].a',
      value: 2,
      statements: ['one value at spec.items[0].a: by two', 'two value at spec.items[0].a: stands'],
    };
    expect(explained('spec.items[name=y].a', one, two)).toMatchObject(expected);
    expect(explained('spec.items[0].a', one, two)).toMatchObject(expected);
    expect(explained('spec.items[name=x]', one, two)).toMatchObject({
      path: 'spec.items[name=x]',
      value: undefined,
      statements: ['one parts at spec.items[name=x]: by two', 'two delete at spec.items[name=x]: stands'],
    });
  });
  test('in a set and a list of one value, by who says the list', () => {
    const one = layer('template', 'one', { spec: { set: ['x'], list: [1] } });
    const two = layer('profile', 'two', { spec: { set: ['y'], list: [2] } });
    expect(explained('spec.set[1]', one, two)).toMatchObject({ value: 'y', layers: ['two'] });
    expect(explained('spec.list[0]', one, two).statements).toEqual([
      'one value at spec.list: by two',
      'two value at spec.list: stands',
    ]);
  });
  test('after defaults too', () => {
    const { prepared, resolution } = resolved([template]);
    const value = { spec: { a: { b: 1, c: 9 }, d: { x: 1 }, f: 'safe' } };
    const [ref] = resolution.provenance.layers;
    if (!ref) throw new Error('no layer');
    const defaults = { ...ref, kind: 'secure-defaults' as const, id: 'defaults' };
    const after = { value, provenance: withDefaults(resolution.value, resolution.provenance, value, defaults) };
    expect(explain(prepared, after, 'spec.f')).toMatchObject({
      value: 'safe',
      layers: [{ id: 'defaults' }],
      statements: [{ stands: true, priority: null, reason: 'Nobody else says anything here.' }],
    });
    expect(explain(prepared, after, 'spec.a.c')).toMatchObject({
      value: 9,
      statements: [
        {
          layer: { id: 'base' },
          stands: false,
          overriddenBy: { id: 'defaults' },
          reason: 'a secure default comes after all layers.',
        },
        { layer: { id: 'defaults' }, stands: true },
      ],
    });
    expect(explain(prepared, after, 'spec.a.b')).toMatchObject({
      layers: [{ id: 'base' }],
      statements: [{ stands: true }],
    });
  });
  test('without showing a secret', () => {
    const secret = layer('profile', 'p', { spec: { token: 'hunter22', nested: { password: 'hunter23' } } });
    expect(
      JSON.stringify([
        explained('spec.token', secret),
        explained('spec.nested.password', secret),
        explained('spec', secret),
      ]),
    ).not.toContain('hunter');
  });
  test.each(['', 'spec..a', 'spec.*.a'])('but not "%s", which is not one path', (path) =>
    expect(() => explained(path, template)).toThrow(Rejected),
  );

  test('of each leaf by the layer that provenance names, whatever the layers', () => {
    fc.assert(
      fc.property(anyLayersWithLists, (layers) => {
        const prepared = layers.map(({ locks: _, ...rest }) => prepareLayer(rest));
        const resolution = resolvePrepared(prepared);
        fc.pre(resolution.sound && Object.keys(resolution.value).length > 0);
        if (!resolution.sound) return;
        for (const leaf of leavesOf(resolution.value, resolution.provenance)) {
          const why = explain(prepared, resolution, leaf.path);
          expect(why.layers.map(({ id }) => id)).toEqual([leaf.layer.id]);
          expect(why.path).toBe(leaf.path);
          expect(why.statements.filter(({ stands }) => stands).map(({ layer: { id } }) => id)).toEqual([leaf.layer.id]);
          // Whoever is overridden is so by somebody later.
          const order = why.statements.map(({ layer: { id } }) => id);
          for (const one of why.statements)
            if (one.overriddenBy)
              expect(order.indexOf(one.overriddenBy.id)).toBeGreaterThan(order.indexOf(one.layer.id));
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('a difference of two resolutions', () => {
  test('names the layers of both sides', () => {
    const before = resolved([template]).resolution;
    const after = resolved([template, profile, layer('instance', 'bot', { spec: { n: [1] } })]).resolution;
    expect(
      provenDifferences(before, after).map(({ path, before: one, after: other, beforeFrom, afterFrom }) => [
        path,
        one,
        beforeFrom.map(({ id }) => id),
        other,
        afterFrom.map(({ id }) => id),
      ]),
    ).toEqual([
      ['spec.a.b', 1, ['base'], 2, ['house']],
      ['spec.d', { x: 1 }, ['base'], undefined, []],
      ['spec.n', undefined, [], [1], ['bot']],
    ]);
  });
  test('is what differs between the values, each side with a layer where something stands', () => {
    fc.assert(
      fc.property(anyLayersWithLists, (layers) => {
        const open = layers.map(({ locks: _, ...rest }) => prepareLayer(rest));
        const [before, after] = [resolvePrepared(open.slice(0, -1)), resolvePrepared(open)];
        fc.pre(before.sound && after.sound);
        if (!before.sound || !after.sound) return;
        expect(provenDifferences(after, after)).toEqual([]);
        const changed = provenDifferences(before, after);
        expect(changed.map(({ path, before: one, after: other }) => ({ path, before: one, after: other }))).toEqual(
          diff(before.value, after.value),
        );
        for (const { before: one, after: other, beforeFrom, afterFrom } of changed) {
          expect([one === undefined, other === undefined]).toEqual([beforeFrom.length === 0, afterFrom.length === 0]);
        }
      }),
      { numRuns: 500 },
    );
  });
});
