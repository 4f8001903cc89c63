// What a layer is: a patch with a place in the order, and what it lets others do.
import type { Actor } from '@molthub/contracts';
import type { JsonObject } from '@molthub/manifest';

/** From the bottom up; secure defaults come after all of them and are the caller's. */
export const layerKinds = ['template', 'profile', 'overlay', 'instance'] as const;
export type LayerKind = (typeof layerKinds)[number];

/** Who said a value: what provenance and refusals tell of a layer. */
export type LayerRef = {
  readonly kind: LayerKind | 'secure-defaults';
  readonly id: string;
  readonly name: string;
  readonly version: number;
  readonly changeSetId: string | null;
  readonly actor: Actor;
};

/**
 * How a layer's own value meets what it inherits at a path. `override` replaces it whole, also an object. `merge` is an
 * object's default; in a list it adds what is not there yet, items with a key being merged by it. `append` and `prepend`
 * are for lists: behind, or before, what is inherited.
 */
export type MergeStrategy = 'override' | 'merge' | 'append' | 'prepend';

export type Layer = LayerRef & {
  readonly kind: LayerKind;
  /** Among layers of one kind the higher comes later, and so wins. */
  readonly priority: number;
  /** A merge patch (RFC 7386) of the manifest: `null` deletes, `{ "$value": x }` is exactly x. */
  readonly patch: JsonObject;
  readonly strategies?: Readonly<Record<string, MergeStrategy>>;
  /** Paths that no later layer may change, nor anything above or below them. */
  readonly locks?: readonly string[];
  /** False: the instance may change nothing that this layer says. Default: true. */
  readonly allowInstanceOverrides?: boolean;
};

export const layerLimits = {
  /** Layers that apply to one bot. */
  layersMax: 64,
  /** Of one layer, and of all layers together. */
  locksMax: 200,
  allLocksMax: 1_000,
  strategiesMax: 100,
  /** Of one layer's patch, about, as JSON in UTF-8: what a resolved manifest may have. */
  patchBytesMax: 256 * 1024,
  /** Keys in one layer's patch, at all its levels. */
  fieldsMax: 5_000,
  /** Of all layers together. */
  bytesMax: 512 * 1024,
  /** Keys and items that resolving may look at, copy or compare. A usual bot takes some hundreds. */
  stepsMax: 20_000,
} as const;

export const refOf = ({ kind, id, name, version, changeSetId, actor }: LayerRef): LayerRef => ({
  kind,
  id,
  name,
  version,
  changeSetId,
  actor,
});

/** A layer in a sentence. */
export const called = ({ kind, name, version }: LayerRef): string =>
  kind === 'instance'
    ? `the bot's own manifest (version ${version})`
    : kind === 'secure-defaults'
      ? 'a secure default'
      : `${kind} "${name}" (version ${version})`;

/** Which of two layers comes first; 0 for equals, which have no order among them. */
export const compareOrder = (a: Layer, b: Layer): number =>
  layerKinds.indexOf(a.kind) - layerKinds.indexOf(b.kind) || a.priority - b.priority;
