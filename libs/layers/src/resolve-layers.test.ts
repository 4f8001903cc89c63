import { describe, expect, test } from 'vitest';
import { type Layer, type Lists, leavesOf, type Resolution, resolveLayers } from './index.ts';

const actor = { kind: 'user', id: 'u1', name: 'Ursula' } as const;
const layer = (
  kind: Layer['kind'],
  id: string,
  patch: Layer['patch'],
  more: Partial<Pick<Layer, 'priority' | 'strategies' | 'locks' | 'allowInstanceOverrides'>> = {},
): Layer => ({ kind, id, name: id, version: 1, changeSetId: null, actor, priority: 0, patch, ...more });

const valueOf = (resolution: Resolution) => (resolution.sound ? resolution.value : resolution.problems);
const resolved = (layers: readonly Layer[], lists?: Lists) => valueOf(resolveLayers(layers, lists));

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
      expect(resolved(rest)).toEqual(all[all.length - count]?.patch);
      expect(resolved(rest.toReversed())).toEqual(all[all.length - count]?.patch);
    }
  });
  test('of nothing is nothing', () => expect(resolved([])).toEqual({}));
});

test('every leaf names its layer', () => {
  const resolution = resolveLayers([
    layer('template', 't', { spec: { a: 1, b: { c: 'x', d: [1, 2] }, e: {} } }),
    layer('instance', 'i', { spec: { a: null, b: { c: 'y' } } }),
  ]);
  expect(resolution.sound && leavesOf(resolution.value, resolution.provenance)).toMatchObject([
    { path: 'spec.b.c', value: 'y', layer: { kind: 'instance', id: 'i', version: 1, actor } },
    { path: 'spec.b.d', value: [1, 2], layer: { kind: 'template', id: 't' } },
    { path: 'spec.e', value: {}, layer: { id: 't' } },
  ]);
});
