// For tests: layers in one line, and layers that nobody would think of.
import * as fc from 'fast-check';
import type { Layer, MergeStrategy } from './layer.ts';
import type { Resolution } from './resolve-layers.ts';

const actor = { kind: 'user', id: 'u1', name: 'Ursula' } as const;

type More = Partial<Pick<Layer, 'priority' | 'strategies' | 'locks' | 'allowInstanceOverrides' | 'version'>>;

/** A layer that is called as its id. */
export const layer = (kind: Layer['kind'], id: string, patch: Layer['patch'], more: More = {}): Layer => ({
  kind,
  id,
  name: id,
  version: 1,
  changeSetId: null,
  actor,
  priority: 0,
  patch,
  ...more,
});

/** What was resolved, or where and why nothing was. */
export const outcome = (resolution: Resolution): unknown =>
  resolution.sound ? resolution.value : resolution.problems.map(({ path, code }) => `${path} ${code}`);

/** Few names, so that layers meet. */
const names = fc.constantFrom('a', 'b', 'c');

const { exact, said } = fc.letrec<{ exact: unknown; said: unknown }>((tie) => ({
  exact: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom(null, 0, 1, 'x', [], [null, 1], {}),
    fc.dictionary(names, tie('exact'), { maxKeys: 3 }),
  ),
  said: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom(null, null, 0, 1, 2, 'x', [1], [2, 3], {}),
    tie('exact').map((value) => ({ $value: value })),
    fc.dictionary(names, tie('said'), { maxKeys: 3 }),
  ),
}));

/** A value without forms. */
export const anyValue = exact;
/** A patch that deletes a lot, at most four levels deep. */
export const anyPatch = fc.dictionary(names, said, { maxKeys: 3 });

/** Paths that such patches may have, with `*`. */
export const anyPath = fc
  .array(fc.oneof(names, names, fc.constant('*')), { minLength: 1, maxLength: 3 })
  .map((steps) => steps.join('.'));

const layersWith = (ways: readonly MergeStrategy[]) =>
  fc
    .array(
      fc.record({
        patch: anyPatch,
        strategies: fc.dictionary(anyPath, fc.constantFrom(...ways), { maxKeys: 2 }),
        locks: fc.array(anyPath, { maxLength: 2 }),
      }),
      { minLength: 1, maxLength: 5 },
    )
    .map((all) =>
      all.map((one, index) =>
        layer(index === all.length - 1 ? 'instance' : 'overlay', `l${index}`, one.patch, { ...one, priority: index }),
      ),
    );

/** Layers in the order in which they count, none of them equal to another. */
export const anyLayers = layersWith(['override', 'merge']);
/** The same, with strategies for lists: refused where what they are for is none. */
export const anyLayersWithLists = layersWith(['override', 'merge', 'append', 'prepend']);
