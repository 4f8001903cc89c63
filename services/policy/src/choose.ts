// Which packs judge a bot: those that apply by themselves and those that its manifest asks for, less those it skips.
import type { ResolvedManifest, Violation } from '@molthub/contracts';
import { childPath } from '@molthub/manifest';
import type { CompiledPack, Pack } from './pack.ts';
import type { EvaluationContext } from './rules/rule-type.ts';

export type Chosen = {
  readonly packs: readonly CompiledPack[];
  /** What the manifest asks for and cannot have. */
  readonly violations: readonly Violation[];
  /** What the fleet enforces and cannot be judged by: refuses, whatever is judged. */
  readonly missing: readonly Violation[];
};

/** Whether a pack is about bots of this environment with these labels. */
export const targets = (pack: Pack, resolved: ResolvedManifest, { environment }: EvaluationContext): boolean => {
  const isThere = pack.targetEnvironments.length === 0 || pack.targetEnvironments.includes(environment);
  return isThere && hasLabels(resolved, pack.targetTags);
};

/** Whether a bot has all of these labels. */
export const hasLabels = (resolved: ResolvedManifest, wanted: Readonly<Record<string, string>>): boolean => {
  const { labels = {} } = resolved.metadata;
  return Object.entries(wanted).every(([name, value]) => Object.hasOwn(labels, name) && labels[name] === value);
};

/** A pack as it judges the bots of a fleet: one that the fleet names is enforced there, whatever it says of itself. */
export const inFleet = (compiled: CompiledPack, { enforcedPackIds = [] }: EvaluationContext): CompiledPack =>
  enforcedPackIds.includes(compiled.pack.id)
    ? {
        ...compiled,
        pack: { ...compiled.pack, isEnforced: true, autoApply: true, targetEnvironments: [], targetTags: {} },
      }
    : compiled;

/** A manifest that asks for what is not there, or skips what cannot be skipped, is told so: neither passes in silence. */
export const choosePacks = (
  known: readonly CompiledPack[],
  resolved: ResolvedManifest,
  context: EvaluationContext,
): Chosen => {
  const all = known.map((compiled) => inFleet(compiled, context));
  const { includePacks = [], skipPacks = [] } = resolved.spec.policies ?? {};
  const byId = new Map(all.map((compiled) => [compiled.pack.id, compiled.pack]));
  const packs = all.filter(
    ({ pack }) =>
      pack.isActive &&
      (pack.autoApply || includePacks.includes(pack.id)) &&
      (pack.isEnforced || !skipPacks.includes(pack.id)) &&
      targets(pack, resolved, context),
  );
  const unknown = includePacks.flatMap((id, index) =>
    byId.has(id) ? [] : [problem(id, 'includePacks', index, 'There is no such policy pack; remove it.')],
  );
  const kept = skipPacks.flatMap((id, index) =>
    byId.get(id)?.isEnforced
      ? [problem(id, 'skipPacks', index, 'This pack is enforced and judges every bot; remove it.')]
      : [],
  );
  const gone = (context.enforcedPackIds ?? []).flatMap((id) => (byId.has(id) ? [] : [missing(id)]));
  return { packs: packs.toSorted(byPriority), violations: [...unknown, ...kept], missing: gone };
};

const problem = (packId: string, list: 'includePacks' | 'skipPacks', index: number, message: string): Violation => ({
  packId,
  ruleId: list === 'includePacks' ? 'policy.pack-not-found' : 'policy.pack-enforced',
  severity: 'ERROR',
  action: 'deny',
  path: childPath(`spec.policies.${list}`, index),
  message,
  currentValue: packId,
  suggestedValue: null,
});

const missing = (packId: string): Violation => ({
  packId,
  ruleId: 'policy.pack-not-found',
  severity: 'ERROR',
  action: 'deny',
  path: 'metadata.fleet',
  message: `The fleet enforces the policy pack ${packId}, which there is not; take it out of enforcedPolicyPackIds.`,
  currentValue: packId,
  suggestedValue: null,
});

export const byPriority = (a: CompiledPack, b: CompiledPack): number =>
  a.pack.priority - b.pack.priority || (a.pack.id < b.pack.id ? -1 : a.pack.id > b.pack.id ? 1 : 0);
