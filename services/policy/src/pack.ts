// What packs and rules are made of.
import type { Environment, ResolvedManifest, Severity } from '@molthub/contracts';

/** A rule of a pack. `type` is text, because a pack may name one that this version of Molthub does not have. */
export type Rule = { readonly id: string; readonly type: string; readonly severity: Severity };

export type Pack = { readonly id: string; readonly version: string; readonly rules: readonly Rule[] };

/** One thing that a rule found: where, why it is wrong, what stands there, and what to write instead. */
export type Finding = {
  readonly path: string;
  readonly message: string;
  readonly currentValue: unknown;
  readonly suggestedValue: string | boolean | null | Readonly<Record<string, string>>;
};

export type EvaluationContext = { readonly environment: Environment };

/** Pure and deterministic: the same manifest gives the same findings. */
export type RuleType = (resolved: ResolvedManifest, context: EvaluationContext) => readonly Finding[];
