// Packs + resolved manifest → verdict: pure, complete, sorted, and the same each time.
import type { ResolvedManifest, Severity, Verdict, Violation } from '@molthub/contracts';
import { isJsonObject, isSecretName } from '@molthub/manifest';
import type { EvaluationContext, Finding, Pack, Rule } from './pack.ts';
import { ruleTypes } from './rules/registry.ts';

/** What one rule may find before the rest is only counted, so that a verdict always fits into its event. */
export const findingsPerRuleMax = 50;

const shownLengthMax = 200;

/**
 * Judges a resolved manifest by all rules of all packs. Valid means that nothing of severity ERROR was found. Fails
 * closed: a rule whose type does not exist, or that throws, is a violation itself.
 */
export const evaluate = (packs: readonly Pack[], resolved: ResolvedManifest, context: EvaluationContext): Verdict => {
  const found = packs
    .flatMap((pack) => pack.rules.flatMap((rule) => violationsOf(pack, rule, resolved, context)))
    .toSorted(byPlace);
  const violations = found.filter((violation) => violation.severity === 'ERROR');
  return {
    valid: violations.length === 0,
    violations,
    warnings: found.filter((violation) => violation.severity !== 'ERROR'),
    packs: packs.map((pack) => ({ id: pack.id, version: pack.version })),
  };
};

const violationsOf = (pack: Pack, rule: Rule, resolved: ResolvedManifest, context: EvaluationContext): Violation[] => {
  const whole = (ruleId: string, severity: Severity, message: string): Violation => ({
    packId: pack.id,
    ruleId,
    severity,
    path: '',
    message,
    currentValue: null,
    suggestedValue: null,
  });
  const ruleType = ruleTypes.get(rule.type);
  if (!ruleType) {
    const message = `The rule ${rule.id} of pack ${pack.id} has the type ${rule.type}, which this Molthub does not know.`;
    return [whole('policy.unknown-rule-type', 'ERROR', message)];
  }
  let findings: readonly Finding[];
  try {
    findings = ruleType(resolved, context);
  } catch (error) {
    const reason = error instanceof Error ? error.name : 'an unknown error';
    const message = `The rule ${rule.id} of pack ${pack.id} could not be judged (${reason}), so it refuses.`;
    return [whole('policy.rule-failed', 'ERROR', message)];
  }
  const violations = findings.slice(0, findingsPerRuleMax).map((finding) => ({
    packId: pack.id,
    ruleId: rule.id,
    severity: rule.severity,
    path: finding.path,
    message: finding.message,
    currentValue: shown(finding.currentValue, finding.path),
    suggestedValue: finding.suggestedValue,
  }));
  const more = findings.length - violations.length;
  if (more === 0) return violations;
  const message = `${more} more places break the rule ${rule.id}; correct the ones named and evaluate again.`;
  return [...violations, whole(rule.id, rule.severity, message)];
};

/** A value as a verdict may carry it: short, and never a secret. */
const shown = (value: unknown, path: string): Violation['currentValue'] => {
  if (isSecretName(path.slice(path.lastIndexOf('.') + 1).replace(/\[\d+\]$/, ''))) return '[redacted]';
  if (typeof value === 'string') {
    return value.length > shownLengthMax ? `${value.slice(0, shownLengthMax)}…` : value;
  }
  if (typeof value === 'boolean' || typeof value === 'number') return value;
  if (Array.isArray(value)) return `a list of ${value.length}`;
  return isJsonObject(value) ? 'an object' : null;
};

const byPlace = (a: Violation, b: Violation): number => order(keyOf(a), keyOf(b));
const keyOf = (violation: Violation) => [violation.packId, violation.ruleId, violation.path].join('\u0000');
const order = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
