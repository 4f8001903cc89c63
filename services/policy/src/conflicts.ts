// Rules of different packs that no bot can satisfy together, or that treat the same thing differently: pure, and in the
// same order each time. What only two packs of Molthub's say is nobody's to change, and not told.
import { type Conflict, EnforcementPoint, type Environment, type PolicyRule } from '@molthub/contracts';
import canonicalize from 'canonicalize';
import { actionAt } from './evaluate.ts';
import type { Pack } from './pack.ts';
import { type Claim, claimsOf, contradiction } from './rules/claims.ts';

/** More than anybody reads; `isComplete` says that there are more. */
export const conflictsMax = 500;

/** Pairs of rules that are compared between two stops. */
const pairsAtOnce = 1_000;

/** A rule with what is compared of it, read off once: there are many more pairs than rules. */
type Judging = {
  readonly pack: Pack;
  readonly rule: PolicyRule;
  readonly claims: readonly Claim[];
  readonly environments: readonly Environment[];
  readonly subject: string;
};

/** Every conflict among the packs that are active. Stops after each rule, and after some pairs of them. */
export function* conflictsAmong(
  packs: readonly Pack[],
): Generator<void, { readonly items: Conflict[]; readonly isComplete: boolean }> {
  const all = yield* judgingOf(packs);
  const items: Conflict[] = [];
  let pairs = 0;
  for (const [index, first] of all.entries()) {
    for (const second of all.slice(index + 1)) {
      if (mayMeet(first, second)) items.push(...contradictions(first, second), ...differentActions(first, second));
      if (items.length > conflictsMax) return { items: items.slice(0, conflictsMax), isComplete: false };
      pairs += 1;
      if (pairs % pairsAtOnce === 0) yield;
    }
  }
  return { items, isComplete: true };
}

function* judgingOf(packs: readonly Pack[]): Generator<void, readonly Judging[]> {
  const active = packs.filter(({ isActive }) => isActive);
  const all: Judging[] = [];
  for (const pack of active.toSorted((a, b) => a.priority - b.priority || (a.id < b.id ? -1 : 1))) {
    for (const rule of pack.rules.filter(({ enabled }) => enabled)) {
      const environments = environmentsOf(pack, rule);
      all.push({ pack, rule, claims: claimsOf(rule), environments, subject: subjectOf(rule) });
      yield;
    }
  }
  return all;
}

/** Whether one bot may be judged by both. */
const mayMeet = (a: Judging, b: Judging): boolean =>
  a.pack.id !== b.pack.id &&
  !(a.pack.isBuiltin && b.pack.isBuiltin) &&
  a.environments.some((environment) => b.environments.includes(environment)) &&
  Object.entries(a.pack.targetTags).every(([name, value]) => (b.pack.targetTags[name] ?? value) === value);

const every: readonly Environment[] = ['dev', 'staging', 'prod'];
const environmentsOf = (pack: Pack, rule: PolicyRule): readonly Environment[] =>
  every.filter((one) =>
    [pack.targetEnvironments, rule.targetEnvironments].every((named) => named.length === 0 || named.includes(one)),
  );

const contradictions = (a: Judging, b: Judging): readonly Conflict[] =>
  a.claims.flatMap((claim) =>
    b.claims.flatMap((other) => {
      const said = contradiction(claim, other);
      return said === undefined ? [] : [{ kind: 'contradiction' as const, ...said, rules: [partOf(a), partOf(b)] }];
    }),
  );

const differentActions = (a: Judging, b: Judging): readonly Conflict[] => {
  if (a.rule.type !== b.rule.type || a.subject !== b.subject) return [];
  const points = EnforcementPoint.options.filter((point) => actionAt(a.rule, point) !== actionAt(b.rule, point));
  if (points.length === 0) return [];
  const path = typeof a.rule.config['field'] === 'string' ? a.rule.config['field'] : '';
  const where = points.join(', ');
  const message = `The same finding has different actions at ${where}; the strictest one counts.`;
  return [{ kind: 'action', path, message, rules: [partOf(a), partOf(b)] }];
};

/** What a rule looks at: its field, or for types that have none all that it says. */
const subjectOf = ({ config }: PolicyRule): string =>
  typeof config['field'] === 'string' ? config['field'] : (canonicalize(config) ?? '');

const partOf = ({ pack, rule }: Judging): Conflict['rules'][number] => ({
  packId: pack.id,
  packName: pack.name,
  ruleId: rule.id,
  type: rule.type,
  actions: Object.fromEntries(EnforcementPoint.options.map((point) => [point, actionAt(rule, point)])),
});
