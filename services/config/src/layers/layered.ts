// A bot's manifest on the layers that reach it: what it resolves to, by which layers, or why it does not. Pure.
import type { AppliedLayers, Environment, Manifest, OverlayTarget, Problem } from '@molthub/contracts';
import { unreachable } from '@molthub/decider';
import {
  composePatches,
  type Layer,
  manifestLists,
  type PreparedLayer,
  prepareLayer,
  type Provenance,
  resolvePrepared,
} from '@molthub/layers';
import { canonicalHash, isJsonObject, type JsonObject, parseManifest, resolve } from '@molthub/manifest';
import { missingSecrets, patchOf, valuesOf } from '../template/fill.ts';
import type { KnownLayer, KnownTemplate, Layers } from './known-layers.ts';

/** What decides about which layers reach a bot. A null id is that of a bot or a fleet that does not exist (yet). */
export type LayeredBot = {
  readonly workspace: string;
  readonly botId: string | null;
  readonly fleetId: string | null;
  readonly fleetName: string | null;
  readonly environment: Environment;
  /** The version that the manifest has or is to have. */
  readonly manifestVersion: number;
};

export type Layered =
  | {
      readonly sound: true;
      readonly manifest: Manifest;
      readonly applied: AppliedLayers['applied'];
      readonly provenance: Provenance;
    }
  | { readonly sound: false; readonly problems: readonly Problem[] };

/** Whether a layer has a say in what a bot is to run. */
export const reaches = (layer: KnownLayer, bot: LayeredBot, { metadata, spec }: Manifest): boolean => {
  const { labels = {} } = metadata;
  switch (layer.kind) {
    case 'template':
      return spec.template?.name === layer.content.name;
    case 'profile': {
      const { isActive, fleetIds } = layer.content;
      return isActive && (fleetIds.length === 0 || (bot.fleetId !== null && fleetIds.includes(bot.fleetId)));
    }
    case 'overlay': {
      const { enabled, active, rollout, cohort, target } = layer.content;
      if (!enabled || !active || !isTargeted(target, bot, labels)) return false;
      if (rollout === null) return true;
      return bot.botId !== null && isAmong('canary' in rollout ? rollout.canary : (cohort ?? []), bot.botId);
    }
    default:
      return unreachable(layer);
  }
};

/** Lists of layers as sets, as long as their layer is known: thousands of bots are looked for in thousands. */
const sets = new WeakMap<readonly string[], ReadonlySet<string>>();
const isAmong = (ids: readonly string[], id: string): boolean => {
  const known = sets.get(ids) ?? new Set(ids);
  sets.set(ids, known);
  return known.has(id);
};

/** Labels are those that the bot's own manifest says: what layers add decides about no layer. */
export const isTargeted = (
  target: OverlayTarget,
  bot: Pick<LayeredBot, 'botId' | 'fleetId' | 'environment'>,
  labels: Readonly<Record<string, string>>,
): boolean => {
  if ('instanceIds' in target) return bot.botId !== null && isAmong(target.instanceIds, bot.botId);
  if ('fleetId' in target) return bot.fleetId === target.fleetId;
  if ('environment' in target) return bot.environment === target.environment;
  return Object.entries(target.tags).every(([name, value]) => labels[name] === value);
};

/** The bot's own manifest resolved by the layers that reach it, without secure defaults. Never throws. */
export const layered = (instance: Manifest, bot: LayeredBot, layers: Layers): Layered =>
  layeredBy(
    instance,
    bot,
    layers.all.filter((layer) => reaches(layer, bot, instance)),
  );

/** The same by exactly these layers. */
export const layeredBy = (instance: Manifest, bot: LayeredBot, reaching: readonly KnownLayer[]): Layered => {
  const own = ownPatch(instance, reaching.find(isTemplate));
  if (own.problems.length > 0) return { sound: false, problems: own.problems };
  const instanceLayer = prepareLayer(layerOfInstance(instance, own.patch, bot), manifestLists);
  const resolution = resolvePrepared([...reaching.map(preparedOf), instanceLayer]);
  if (!resolution.sound) return { sound: false, problems: resolution.problems.map(problemOf) };
  const parsed = parseManifest(resolution.value);
  if ('problems' in parsed) return { sound: false, problems: parsed.problems };
  const missing = own.missing(parsed.manifest);
  if (missing.length > 0) return { sound: false, problems: missing };
  const applied = reaching.map(({ kind, id, version, content: { name } }) => ({ kind, id, name, version }));
  return { sound: true, manifest: parsed.manifest, applied, provenance: resolution.provenance };
};

const isTemplate = (layer: KnownLayer): layer is KnownTemplate => layer.kind === 'template';

type Own = {
  readonly patch: JsonObject;
  readonly problems: readonly Problem[];
  readonly missing: (resolved: Manifest) => readonly Problem[];
};

/**
 * What a bot says itself: its manifest, and what it fills into its template. Its template's name is no part of what it
 * runs.
 */
const ownPatch = (instance: Manifest, known: KnownTemplate | undefined): Own => {
  const { template: use, ...spec } = instance.spec;
  if (use === undefined) return { patch: instance, problems: [], missing: () => [] };
  const own = { ...instance, spec };
  if (!known) {
    const message = `There is no template ${use.name}; molthub get templates lists those that there are.`;
    const problem = { path: 'spec.template.name', code: 'config.template-not-found', message };
    return { patch: own, problems: [problem], missing: () => [] };
  }
  const { engine } = known.content;
  if (engine !== null && engine !== spec.runtime.engine) {
    const message = `The template ${use.name} is for bots of engine ${engine}.`;
    return {
      patch: own,
      problems: [{ path: 'spec.template.name', code: 'config.template-engine', message }],
      missing: () => [],
    };
  }
  const { patch, problems } = valuesOf(known.content, use.values);
  const composed = composePatches(patch, own);
  return {
    patch: isJsonObject(composed) ? composed : own,
    problems,
    missing: (resolved) => missingSecrets(known.content, use.values, resolved),
  };
};

/** What is too large is too large as a whole; in a bot's manifest it is its configuration that can be. */
const problemOf = ({ path, code, message }: Problem): Problem => ({
  path: path === '' && code === 'config.too-large' ? 'spec.config' : path,
  code,
  message,
});

/** The hash of what a manifest resolves to with secure defaults; null where its layers do not resolve. */
export const layeredHash = (instance: Manifest, bot: LayeredBot, layers: Layers): string | null => {
  const found = layered(instance, bot, layers);
  if (!found.sound) return null;
  const fleetName = bot.fleetName ?? instance.metadata.fleet ?? 'none';
  return canonicalHash(resolve(found.manifest, { ...bot, fleetName }));
};

const layerOfInstance = (
  instance: Manifest,
  patch: JsonObject,
  { botId, manifestVersion: version }: LayeredBot,
): Layer => ({
  kind: 'instance',
  id: botId ?? 'new',
  name: instance.metadata.name,
  version,
  changeSetId: null,
  actor: { kind: 'service', id: 'config', name: 'config' },
  priority: 0,
  patch,
});

/** A layer is prepared once and not for each bot: a version of it never changes, and is one object in memory. */
const prepared = new WeakMap<KnownLayer, PreparedLayer>();

export const preparedOf = (layer: KnownLayer): PreparedLayer => {
  const known = prepared.get(layer);
  if (known) return known;
  const made = prepareLayer(layerOf(layer), manifestLists);
  prepared.set(layer, made);
  return made;
};

const layerOf = (layer: KnownLayer): Layer => {
  const { kind, id, version, author: actor, content } = layer;
  const priority = 'priority' in content ? content.priority : 0;
  const same = { kind, id, name: content.name, version, changeSetId: null, actor, priority };
  switch (layer.kind) {
    case 'template':
      return { ...same, patch: patchOf(layer.content) };
    case 'profile': {
      const { defaults: patch, strategies, lockedFields: locks, allowInstanceOverrides } = layer.content;
      return { ...same, patch, strategies, locks, allowInstanceOverrides };
    }
    case 'overlay':
      return { ...same, patch: layer.content.patch };
    default:
      return unreachable(layer);
  }
};
