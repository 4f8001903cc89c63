// Why is this value here: every layer that says something at a path, in order, which of them stands, and why the others do not.
import { Rejected } from '@molthub/decider';
import { isItemWith, isJsonObject, parsePath, type PathStep } from '@molthub/manifest';
import { itemIdentity } from './item-identity.ts';
import { deleteForm, isMerging, own } from './forms.ts';
import { called, compareOrder, type Layer, type LayerRef } from './layer.ts';
import { below } from './path-tree.ts';
import { type PreparedLayer, sorted } from './prepare-layer.ts';
import { shown } from './problem.ts';
import { layersIn, placeIn, type Provenance } from './provenance.ts';

/** What one layer says at a path, or above or below it. */
export type Statement = {
  readonly layer: LayerRef;
  /** Null for defaults, which come after all layers. */
  readonly priority: number | null;
  /** All of what is to stand there, parts of it, or that nothing is to stand there. */
  readonly says: 'value' | 'parts' | 'delete';
  /** Where it says that: the path, or one above it. */
  readonly at: string;
  /** What it says there. Secret-looking values are hidden, and long ones told by their size. */
  readonly value: unknown;
  /** Whether what stands there now is of this layer, if only in part. */
  readonly stands: boolean;
  readonly overriddenBy: LayerRef | null;
  readonly reason: string;
};

export type Explanation = {
  /** The path as provenance has it, with the places of list items. */
  readonly path: string;
  /** What stands there, hidden and shortened as in statements; `undefined` for nothing. */
  readonly value: unknown;
  /** The layers that what stands there is of. */
  readonly layers: readonly LayerRef[];
  readonly statements: readonly Statement[];
  /** The locks that the path is under, or that are below it. */
  readonly locks: readonly { readonly layer: LayerRef; readonly path: string }[];
};

/**
 * Explains a path of what `layers` resolved to, before defaults or after them (`withDefaults`). Throws `Rejected` for a
 * path that is none, or that leads to many places.
 */
export const explain = (
  layers: readonly PreparedLayer[],
  { value, provenance }: { readonly value: unknown; readonly provenance: Provenance },
  path: string,
): Explanation => {
  const steps = parsePath(path);
  if (!steps || steps.some(({ kind }) => kind === 'every')) {
    throw new Rejected('config.not-a-path', 'Ask for one path, such as spec.config.logging.level.');
  }
  const ordered = sorted(layers);
  const place = placeIn({ value, origin: provenance.origin }, steps);
  const standing = layersIn(place);
  const said = [
    ...ordered.flatMap((layer, index) => {
      const one = saidBy(layer, steps, value);
      return one === null ? [] : [{ ...one, index, layer: layer.layer }];
    }),
    // What comes after the layers says only what stands.
    ...[...standing]
      .filter((index) => index >= ordered.length)
      .map((index) => ({ says: 'value' as const, depth: steps.length, value: place.value, index, layer: null })),
  ];
  const name = steps.findLast((step) => step.kind === 'name')?.name ?? '';
  return {
    path: place.path,
    value: shown(place.value, name),
    layers: [...standing].toSorted((a, b) => a - b).flatMap((index) => provenance.layers.slice(index, index + 1)),
    statements: said.flatMap(({ index, layer, says, depth, value: saidValue }, order): readonly Statement[] => {
      const [ref, next] = [provenance.layers[index], said[order + 1]];
      if (!ref) return [];
      const stands = place.value === undefined ? next === undefined : standing.has(index);
      const overriddenBy = stands || !next ? null : (provenance.layers[next.index] ?? null);
      const reason = stands
        ? whyStanding(said.length, standing.size)
        : whyOverridden(layer, next?.layer ?? null, overriddenBy);
      const priority = layer?.priority ?? null;
      const at = placeIn({ value, origin: provenance.origin }, steps.slice(0, depth)).path;
      return [{ layer: ref, priority, says, at, value: shown(saidValue, name), stands, overriddenBy, reason }];
    }),
    locks: ordered.flatMap(({ ref, locks }) =>
      locks.filter((lock) => isNear(lock.steps, steps)).map((lock) => ({ layer: ref, path: lock.path })),
    ),
  };
};

const whyStanding = (statements: number, standing: number): string => {
  if (standing > 1) return 'What stands here is joined from several layers.';
  return statements === 1 ? 'Nobody else says anything here.' : 'It comes last of those that say something here.';
};

const whyOverridden = (layer: Layer | null, next: Layer | null, by: LayerRef | null): string => {
  if (!by) return 'It takes away, or nothing of it is left.';
  if (!layer || !next) return `${called(by)} comes after all layers.`;
  if (layer.kind !== next.kind)
    return `${called(by)} comes after it: a layer of kind ${next.kind} after one of kind ${layer.kind}.`;
  if (compareOrder(layer, next) === 0)
    return `${called(by)} has the same priority, and says the same or is overridden too.`;
  return `${called(by)} comes after it: priority ${next.priority} after ${layer.priority}.`;
};

type Said = Pick<Statement, 'says' | 'value'> & { readonly depth: number };

/** What a layer says at a path; null for nothing. `value` is what was resolved, in which list items have their places. */
const saidBy = ({ layer, rules }: PreparedLayer, steps: readonly PathStep[], value: unknown): Said | null => {
  let [said, here, rule]: [unknown, unknown, typeof rules | undefined] = [layer.patch, value, rules];
  for (const [depth, step] of steps.entries()) {
    if (said === undefined) return null;
    const list = rule?.said?.list;
    if (Array.isArray(said) && typeof list === 'object' && step.kind !== 'name') {
      const item = itemAt(here, step);
      const identity = item === undefined ? undefined : itemIdentity(item, list);
      said = said.find((one) =>
        identity === undefined
          ? step.kind === 'item' && isItemWith(one, step.keys)
          : itemIdentity(one, list) === identity,
      );
      [here, rule] = [item, rule?.every];
      if (isJsonObject(said) && own(said, deleteForm) === true)
        return { says: 'delete', depth: depth + 1, value: null };
      continue;
    }
    if (!isMerging(said) || rule?.said?.strategy === 'override' || step.kind !== 'name') {
      return isMerging(said) && rule?.said?.strategy !== 'override' ? null : whole(said, depth);
    }
    said = own(said, step.name);
    [here, rule] = [isJsonObject(here) ? own(here, step.name) : undefined, below(rule, step.name)];
  }
  if (said === undefined) return null;
  const isParts = isMerging(said) && rule?.said?.strategy !== 'override';
  return isParts ? { says: 'parts', depth: steps.length, value: said } : whole(said, steps.length);
};

const whole = (said: unknown, depth: number): Said => ({
  says: said === null ? 'delete' : 'value',
  depth,
  value: said,
});

const itemAt = (list: unknown, step: PathStep): unknown => {
  const items: readonly unknown[] = Array.isArray(list) ? list : [];
  if (step.kind === 'index') return items[step.index];
  return step.kind === 'item' ? items.find((item) => isItemWith(item, step.keys)) : undefined;
};

/** Whether a lock covers a path, or something below it. Items are taken to be the ones that are meant. */
const isNear = (lock: readonly PathStep[], steps: readonly PathStep[]): boolean =>
  lock.slice(0, steps.length).every((one, index) => {
    const other = steps[index];
    if (one.kind === 'name') return other?.kind === 'name' && one.name === other.name;
    if (one.kind !== 'item' || other?.kind !== 'item') return true;
    return Object.entries(one.keys).every(([key, text]) => (other.keys[key] ?? text) === text);
  });
