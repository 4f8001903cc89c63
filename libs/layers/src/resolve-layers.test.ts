import { execFileSync } from 'node:child_process';
import { canonicalHash, childPath, isJsonObject, parsePath } from '@molthub/manifest';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  composePatches,
  declareLists,
  type Layer,
  type Leaf,
  leavesOf,
  mergePatch,
  resolveLayers,
  withDefaults,
} from './index.ts';
import { anyLayers, anyLayersWithLists, anyPatch, anyValue, layer, outcome } from './testing.ts';

const lists = declareLists({
  'spec.set': 'set',
  'spec.items': { keys: ['name'] },
  'spec.items[*].ports': { keys: ['port', 'protocol'] },
  'spec.*.allow': 'set',
});
const resolved = (...layers: readonly Layer[]) => outcome(resolveLayers(layers, lists));
const leaves = (...layers: readonly Layer[]): readonly string[] => {
  const resolution = resolveLayers(layers, lists);
  if (!resolution.sound) throw new Error(JSON.stringify(resolution.problems));
  return leavesOf(resolution.value, resolution.provenance).map(({ path, layer: { id } }) => `${path} ${id}`);
};
const base = (spec: object) => layer('template', 'base', { spec });
const over = (spec: object, more: Parameters<typeof layer>[3] = {}) => layer('profile', 'over', { spec }, more);

describe('the order', () => {
  const said = (level: string) => ({ spec: { level } });
  const all = [
    layer('instance', 'i', said('instance')),
    layer('overlay', 'high', said('overlay 2'), { priority: 2 }),
    layer('overlay', 'low', said('overlay 1'), { priority: 1 }),
    layer('profile', 'p', said('profile'), { priority: 9 }),
    layer('template', 't', said('template'), { priority: 99 }),
  ];
  test('is template, profiles by priority, overlays by priority, instance, however they are given', () => {
    for (let count = all.length; count > 0; count -= 1) {
      const rest = all.slice(all.length - count);
      expect(resolved(...rest)).toEqual(all[all.length - count]?.patch);
      expect(resolved(...rest.toReversed())).toEqual(all[all.length - count]?.patch);
    }
  });
  test('of nothing is nothing', () => expect(resolved()).toEqual({}));
});

describe('provenance', () => {
  test('names layer, version, change set and actor of each leaf', () => {
    const resolution = resolveLayers([base({ a: 1 }), { ...over({ b: 2 }), version: 7, changeSetId: 'c1' }]);
    expect(resolution.sound && leavesOf(resolution.value, resolution.provenance)).toEqual([
      {
        path: 'spec.a',
        value: 1,
        layer: {
          kind: 'template',
          id: 'base',
          name: 'base',
          version: 1,
          changeSetId: null,
          actor: { kind: 'user', id: 'u1', name: 'Ursula' },
        },
      },
      {
        path: 'spec.b',
        value: 2,
        layer: expect.objectContaining({ kind: 'profile', id: 'over', version: 7, changeSetId: 'c1' }),
      },
    ]);
  });
  test('of a list of one layer is one, of a joined one is that of each item', () => {
    expect(
      leaves(
        base({ a: [1, 2], set: ['x'], items: [{ name: 'x', a: 1 }] }),
        over({ set: ['y'], items: [{ name: 'x', b: 1 }] }),
      ),
    ).toEqual([
      'spec.a base',
      'spec.items[0].a base',
      'spec.items[0].b over',
      'spec.items[0].name base',
      'spec.set[0] base',
      'spec.set[1] over',
    ]);
  });
  test('of an object that lost its keys is of who took the last', () =>
    expect(leaves(base({ a: { x: 1 }, b: {} }), over({ a: { x: null } }))).toEqual(['spec.a over', 'spec.b base']));
  test('goes on after defaults: what they fill in or change is theirs', () => {
    const resolution = resolveLayers([base({ a: 1, set: ['x'] }), over({ set: ['y'] })], lists);
    if (!resolution.sound) throw new Error('not sound');
    const after = { spec: { a: 2, set: ['x', 'y', 'z'], b: { c: true }, d: {} } };
    const {
      layers: [ref],
    } = resolution.provenance;
    if (!ref) throw new Error('no layer');
    const defaults = { ...ref, kind: 'secure-defaults' as const, id: 'secure-defaults' };
    expect(
      leavesOf(after, withDefaults(resolution.value, resolution.provenance, after, defaults)).map(
        ({ path, layer: { id } }) => `${path} ${id}`,
      ),
    ).toEqual([
      'spec.a secure-defaults',
      'spec.b.c secure-defaults',
      'spec.d secure-defaults',
      'spec.set[0] base',
      'spec.set[1] over',
      'spec.set[2] secure-defaults',
    ]);
  });
});

test('what a schema filled in before the defaults is of the defaults, and a list that stayed is one leaf', () => {
  const resolution = resolveLayers(
    [base({ items: [{ name: 'x' }], list: [1, 2] }), over({ items: [{ name: 'x', a: 1 }] })],
    lists,
  );
  if (!resolution.sound) throw new Error('not sound');
  const parsed = { spec: { items: [{ name: 'x', a: 1, enabled: true }], list: [1, 2], toString: { valueOf: 1 } } };
  const [ref] = resolution.provenance.layers;
  if (!ref) throw new Error('no layer');
  const after = structuredClone(parsed);
  for (const before of [parsed, resolution.value]) {
    const provenance = withDefaults(before, resolution.provenance, after, { ...ref, id: 'defaults' });
    expect(leavesOf(after, provenance).map(({ path, layer: { id } }) => `${path} ${id}`)).toEqual([
      'spec.items[0].a over',
      'spec.items[0].enabled defaults',
      'spec.items[0].name base',
      'spec.list base',
      'spec.toString.valueOf defaults',
    ]);
  }
});

/** Without locks, so that what is asked is answered by every layer. */
const withoutLocks = ({ locks: _, ...rest }: Layer): Layer => rest;
const plain = anyLayers
  .map((layers) => layers.map(withoutLocks))
  .map((layers) => layers.map(({ strategies: _, ...rest }): Layer => rest));
const sound = (layers: readonly Layer[]) => {
  const resolution = resolveLayers(layers);
  if (!resolution.sound) throw new Error(JSON.stringify(resolution.problems));
  return resolution;
};

/** A value made of nothing but its leaves. */
const rebuilt = (all: readonly Leaf[], value: unknown, path = ''): unknown => {
  const leaf = all.find((one) => one.path === path);
  if (leaf) return leaf.value;
  if (Array.isArray(value)) return value.map((item, index) => rebuilt(all, item, childPath(path, index)));
  if (!isJsonObject(value)) return `nobody said ${path}`;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [name, rebuilt(all, item, childPath(path, name))]),
  );
};
const at = (value: unknown, path: string): unknown =>
  (parsePath(path) ?? []).reduce<unknown>((here, step) => {
    if (step.kind === 'index') return Array.isArray(here) ? here[step.index] : undefined;
    return step.kind === 'name' && isJsonObject(here) ? here[step.name] : undefined;
  }, value);

describe('whatever the layers', () => {
  test('resolving is applying each patch, and applying all of them composed', () => {
    fc.assert(
      fc.property(plain, (layers) => {
        const patches = layers.map(({ patch }) => patch);
        const { value } = sound(layers);
        expect(value).toEqual(patches.reduce<unknown>(mergePatch, {}));
        expect(value).toEqual(mergePatch({}, patches.reduce<unknown>(composePatches, {})));
      }),
      { numRuns: 500 },
    );
  });
  test('provenance has exactly the leaves of the value, and each is what its layer says there', () => {
    fc.assert(
      fc.property(anyLayersWithLists, (layers) => {
        const resolution = resolveLayers(layers.map(withoutLocks));
        fc.pre(resolution.sound);
        const { value, provenance } = resolution;
        const all = leavesOf(value, provenance);
        expect(new Set(all.map(({ path }) => path)).size).toBe(all.length);
        expect(rebuilt(all, value)).toEqual(value);
        for (const { path, value: leaf, layer: from } of all) {
          expect(at(value, path)).toEqual(leaf);
          // What the layer would make alone has the same leaf, or its list the same item: it said it itself.
          const own = layers.find(({ id }) => id === from.id);
          const alone = mergePatch({}, own?.patch);
          const list = path.replace(/\[\d+\]$/, '');
          if (list === path) expect(at(alone, path)).toEqual(leaf);
          else expect(at(alone, list)).toContainEqual(leaf);
        }
      }),
      { numRuns: 500 },
    );
  });
  test('the layers stay as they are, and are resolved the same a second time', () => {
    fc.assert(
      fc.property(anyLayers, (layers) => {
        const before = JSON.stringify(layers);
        const first = JSON.stringify(resolveLayers(layers));
        expect(JSON.stringify(layers)).toBe(before);
        expect(JSON.stringify(resolveLayers(layers.toReversed()))).toBe(first);
      }),
    );
  });
  test('defaults after them change no leaf of a layer that they leave as it was', () => {
    fc.assert(
      fc.property(plain, anyValue, (layers, defaults) => {
        const { value, provenance } = sound(layers);
        const after = mergePatch(defaults, value);
        const [ref] = provenance.layers;
        if (!ref) throw new Error('no layer');
        const all = leavesOf(after, withDefaults(value, provenance, after, { ...ref, id: 'defaults' }));
        expect(rebuilt(all, after)).toEqual(after);
        const before = new Map(leavesOf(value, provenance).map((leaf) => [leaf.path, leaf.layer.id]));
        for (const {
          path,
          layer: { id },
        } of all)
          if (id !== 'defaults') expect(before.get(path)).toBe(id);
      }),
    );
  });
});

test('equal layers give equal hashes in every process, whatever the order of their keys', () => {
  const samples = fc.sample(fc.array(anyPatch, { minLength: 1, maxLength: 4 }), { numRuns: 50, seed: 7 });
  const code = `
    import { resolveLayers } from './src/index.ts';
    import { canonicalHash } from '@molthub/manifest';
    const turned = (value) => Array.isArray(value) ? value.map(turned)
      : value && typeof value === 'object' ? Object.fromEntries(Object.entries(value).reverse().map(([key, item]) => [key, turned(item)])) : value;
    console.log(JSON.stringify(JSON.parse(process.argv[1]).map((layers) => canonicalHash(resolveLayers(turned(layers)).value))));`;
  const layered = samples.map((patches) =>
    patches.map((patch, index) => layer('overlay', `l${index}`, patch, { priority: index })),
  );
  const answer = execFileSync(process.execPath, ['--input-type=module', '-e', code, JSON.stringify(layered)], {
    cwd: new URL('..', import.meta.url),
    encoding: 'utf8',
  });
  expect(JSON.parse(answer)).toEqual(layered.map((layers) => canonicalHash(sound(layers).value)));
});
