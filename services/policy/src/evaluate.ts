// Packs + resolved manifest → verdict: pure, complete, sorted, and the same each time.
import type {
  EnforcementPoint,
  Evaluation,
  PolicyRule,
  ResolvedManifest,
  RuleAction,
  RuleResult,
  Severity,
  Violation,
} from '@molthub/contracts';
import { isJsonObject, isSecretName } from '@molthub/manifest';
import { byPriority, choosePacks, inFleet, targets } from './choose.ts';
import type { CompiledPack, CompiledRule, Pack } from './pack.ts';
import { type EvaluationContext, type Finding, NotJudged } from './rules/rule-type.ts';

/** What one rule may find before the rest is only counted, so that a verdict always fits into its event. */
export const findingsPerRuleMax = 50;
/** The same for everything that all rules found. */
export const verdictBytesMax = 384 * 1024;

const shownLengthMax = 200;

/** What rules of each severity do unless they say otherwise. */
const defaultActions: Readonly<Record<Severity, RuleAction>> = { ERROR: 'deny', WARNING: 'warn', INFO: 'audit' };

/** A verdict with what became of each rule. */
export type Judged = Omit<Evaluation, 'suggestedPatch'>;

/** What a finding of the rule does at a point. */
export const actionAt = ({ actions, severity }: PolicyRule, point: EnforcementPoint): RuleAction =>
  actions[point] ?? defaultActions[severity];

const actionIn = (rule: PolicyRule, { point, isRollback }: EvaluationContext): RuleAction =>
  isRollback && actionAt(rule, 'apply') === 'deny' ? 'deny' : actionAt(rule, point);

/**
 * Judges a resolved manifest by the packs that apply to it. Valid means that nothing was found that denies. Fails
 * closed: a rule whose type does not exist, that is wrong, or that has no answer, is a violation itself. Stops after each
 * rule.
 */
export function* judging(
  all: readonly CompiledPack[],
  resolved: ResolvedManifest,
  context: EvaluationContext,
): Generator<void, Judged> {
  const { packs, violations, missing } = choosePacks(all, resolved, context);
  const asked = context.isRollback ? violations.map(tolerated) : violations;
  return yield* verdictBy(packs, resolved, context, [...asked, ...missing]);
}

/** The same by one pack, switched on or not, which says nothing of bots that it does not target. */
export function* judgingBy(
  compiled: CompiledPack,
  resolved: ResolvedManifest,
  context: EvaluationContext,
): Generator<void, Judged> {
  const here = inFleet(compiled, context);
  const packs = targets(here.pack, resolved, context) ? [here] : [];
  return yield* verdictBy(packs, resolved, context, []);
}

function* verdictBy(
  packs: readonly CompiledPack[],
  resolved: ResolvedManifest,
  context: EvaluationContext,
  others: readonly Violation[],
): Generator<void, Judged> {
  const found: Violation[] = [...others];
  const results: RuleResult[] = [];
  let deniesRelease = false;
  for (const { pack, rules } of packs.toSorted(byPriority)) {
    const inPack: Violation[] = [];
    for (const compiled of rules) {
      if (!isAsked(compiled.rule, context)) continue;
      const violations = violationsOf(pack, compiled, resolved, context);
      const outcome = resultOf(violations);
      results.push({ packId: pack.id, ruleId: compiled.rule.id, ...outcome });
      // A rollback is judged as at `apply` already.
      deniesRelease ||=
        !context.isRollback && outcome.result === 'violated' && actionAt(compiled.rule, 'apply') === 'deny';
      inPack.push(...(context.isRollback && !pack.isEnforced ? violations.map(tolerated) : violations));
      yield;
    }
    found.push(...inPack.toSorted(byPlace));
  }
  const isDenied = (violation: Violation) => violation.action === 'deny';
  const violations = found.filter(isDenied);
  const listed = fitting(violations, verdictBytesMax);
  return {
    valid: violations.length === 0,
    releasable: violations.length === 0 && !deniesRelease,
    violations: listed.violations,
    warnings: fitting(
      found.filter((violation) => !isDenied(violation)),
      listed.bytesLeft,
    ).violations,
    packs: packs.map(({ pack }) => ({ id: pack.id, version: pack.version })),
    results,
  };
}

const isAsked = (rule: PolicyRule, { environment }: EvaluationContext): boolean =>
  rule.enabled && (rule.targetEnvironments.length === 0 || rule.targetEnvironments.includes(environment));

/** All that one rule found has the same waiver, or the same reason of the manifest. */
const resultOf = ([first]: readonly Violation[]): Pick<RuleResult, 'result' | 'waivedBy'> => {
  if (!first) return { result: 'passed' };
  if (first.waivedBy) return { result: 'waived', waivedBy: first.waivedBy };
  return { result: first.overrideReason === undefined ? 'violated' : 'overridden' };
};

const violationsOf = (
  pack: Pack,
  compiled: CompiledRule,
  resolved: ResolvedManifest,
  context: EvaluationContext,
): readonly Violation[] => {
  const { rule } = compiled;
  const refused = (ruleId: string, message: string) => [
    whole(pack, { ruleId, severity: 'ERROR', action: 'deny', message }),
  ];
  if ('refusal' in compiled) return refused(compiled.refusal.code, compiled.refusal.message);
  let findings: readonly Finding[];
  try {
    findings = compiled.judge(resolved, context);
  } catch (error) {
    const name = error instanceof Error ? error.name : 'an unknown error';
    const reason = error instanceof NotJudged ? error.message : name;
    const message = `The rule ${rule.id} of pack ${pack.id} could not be judged (${reason}), so it refuses.`;
    return refused('policy.rule-failed', message);
  }
  const said = effectOf(pack, rule, resolved, context);
  const violations = findings.slice(0, findingsPerRuleMax).map((finding) => ({
    packId: pack.id,
    ruleId: rule.id,
    ...said,
    path: finding.path.toWellFormed(),
    // Rules quote the beginnings of what they found, and such a text may end within a character.
    message: (rule.message ?? finding.message).toWellFormed(),
    currentValue: shown(finding.currentValue, finding.path),
    suggestedValue: finding.suggestedValue,
    ...suggestionOf(finding),
  }));
  const more = findings.length - violations.length;
  if (more === 0) return violations;
  const message = `${more} more places break the rule ${rule.id}; correct the ones named and evaluate again.`;
  return [...violations, whole(pack, { ruleId: rule.id, ...said, message })];
};

const suggestionOf = ({ suggestion, suggestedValue }: Finding): Pick<Violation, 'suggestion'> => {
  if (suggestion === 'example') return {};
  if (suggestion === 'remove') return { suggestion };
  return suggestedValue === null ? {} : { suggestion: 'write' };
};

type Effect = Pick<Violation, 'severity' | 'action' | 'overrideReason' | 'waivedBy'>;

/** What a finding of the rule does here: what the rule says, unless the manifest overrides or a waiver waives it. */
const effectOf = (pack: Pack, rule: PolicyRule, { spec }: ResolvedManifest, context: EvaluationContext): Effect => {
  const { severity } = rule;
  const override = rule.allowOverride
    ? spec.policies?.overrides?.find(({ packId, ruleId }) => packId === pack.id && ruleId === rule.id)
    : undefined;
  if (override) return { severity, action: 'audit', overrideReason: override.reason };
  const mayBeWaived = rule.allowOverride || !pack.isEnforced;
  const waiver = mayBeWaived
    ? context.waivers?.find(({ packId, ruleId }) => packId === pack.id && ruleId === rule.id)
    : undefined;
  if (waiver) {
    const { waiverId, owner, expiresAt } = waiver;
    return { severity, action: 'audit', waivedBy: { waiverId, owner, expiresAt } };
  }
  return { severity, action: actionIn(rule, context) };
};

/** A bot that does worse with its new version goes back to the one before, whatever a pack made since says of that. */
const tolerated = (violation: Violation): Violation =>
  violation.action === 'deny' ? { ...violation, action: 'warn' } : violation;

/** A violation that is about no place, or about all of them. */
const whole = (pack: Pack, said: Effect & { readonly ruleId: string; readonly message: string }): Violation => ({
  packId: pack.id,
  ...said,
  message: said.message.toWellFormed(),
  path: '',
  currentValue: null,
  suggestedValue: null,
});

/** As many as fit, in their order; the rest is counted in a last one that does what they would have done. */
const fitting = (
  all: readonly Violation[],
  bytesMax: number,
): { readonly violations: Violation[]; readonly bytesLeft: number } => {
  let bytesLeft = bytesMax;
  const violations: Violation[] = [];
  for (const [index, violation] of all.entries()) {
    bytesLeft -= Buffer.byteLength(JSON.stringify(violation)) + 1;
    if (bytesLeft >= 0) {
      violations.push(violation);
      continue;
    }
    const message = `${all.length - index} more were found; correct the ones named and evaluate again.`;
    const last = { path: '', message, currentValue: null, suggestedValue: null };
    return { violations: [...violations, { ...violation, ...last }], bytesLeft: 0 };
  }
  return { violations, bytesLeft };
};

/** A value as a verdict may carry it: short, and never a secret. */
const shown = (value: unknown, path: string): Violation['currentValue'] => {
  if (isSecretName(path.slice(path.lastIndexOf('.') + 1).replace(/\[\d+\]$/, ''))) return '[redacted]';
  if (typeof value === 'string') {
    return (value.length > shownLengthMax ? `${value.slice(0, shownLengthMax)}…` : value).toWellFormed();
  }
  if (typeof value === 'boolean' || typeof value === 'number') return value;
  if (Array.isArray(value)) return `a list of ${value.length}`;
  return isJsonObject(value) ? 'an object' : null;
};

const byPlace = (a: Violation, b: Violation): number => order(keyOf(a), keyOf(b));
const keyOf = (violation: Violation) => [violation.ruleId, violation.path, violation.message].join('\u0000');
const order = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
