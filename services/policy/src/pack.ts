// Packs of rules, compiled: each rule with the judge made of its parameters, or with why there is none.
import type { PackCreated, PolicyRule, Problem } from '@molthub/contracts';
import type { z } from 'zod';
import { ruleTypes } from './rules/registry.ts';
import type { Judge } from './rules/rule-type.ts';

/** A pack of a workspace, or one that comes with Molthub. `version` is what verdicts call it. */
export type Pack = Omit<z.infer<typeof PackCreated.data>, 'packId'> & {
  readonly id: string;
  readonly version: string;
  readonly isBuiltin: boolean;
};

/** A rule that cannot be judged refuses whatever is judged by it. */
export type Refusal = { readonly code: string; readonly message: string };
export type CompiledRule = { readonly rule: PolicyRule } & ({ readonly judge: Judge } | { readonly refusal: Refusal });
export type CompiledPack = { readonly pack: Pack; readonly rules: readonly CompiledRule[] };

/** Compiles a pack, stopping after each rule: a pattern or a schema takes up to some milliseconds. */
export function* compiling(pack: Pack): Generator<void, CompiledPack> {
  const rules: CompiledRule[] = [];
  for (const rule of pack.rules) {
    rules.push({ rule, ...compiledRule(pack.id, rule) });
    yield;
  }
  return { pack, rules };
}

const compiledRule = (packId: string, rule: PolicyRule): { readonly judge: Judge } | { readonly refusal: Refusal } => {
  const named = `The rule ${rule.id} of pack ${packId}`;
  const ruleType = ruleTypes.get(rule.type);
  if (!ruleType) {
    const message = `${named} has the type ${rule.type}, which this Molthub does not know.`;
    return { refusal: { code: 'policy.unknown-rule-type', message } };
  }
  const made = ruleType.judgeFor(rule.config);
  if ('judge' in made) return made;
  const [first] = made.problems;
  const where = first?.path ? `config.${first.path}: ` : '';
  return { refusal: { code: 'policy.rule-invalid', message: `${named} cannot be judged: ${where}${first?.message}` } };
};

/** Everything that is wrong with the rules of a pack that is to be saved, stopping after each rule. */
export function* problemsOf(rules: readonly PolicyRule[]): Generator<void, readonly Problem[]> {
  const problems: Problem[] = [];
  const seen = new Set<string>();
  for (const [index, rule] of rules.entries()) {
    const at = (path: string) => `rules.${index}.${path}`;
    if (seen.has(rule.id)) {
      const message = `Another rule of this pack is called ${rule.id} too; name each differently.`;
      problems.push({ path: at('id'), code: 'policy.rule-doubled', message });
    }
    seen.add(rule.id);
    problems.push(...problemsOfRule(rule, at));
    yield;
  }
  return problems;
}

const problemsOfRule = (rule: PolicyRule, at: (path: string) => string): readonly Problem[] => {
  const ruleType = ruleTypes.get(rule.type);
  if (!ruleType) {
    const message = `There is no rule type ${rule.type}; use one of ${[...ruleTypes.keys()].join(', ')}.`;
    return [{ path: at('type'), code: 'policy.unknown-rule-type', message }];
  }
  const made = ruleType.judgeFor(rule.config);
  if ('judge' in made) return [];
  return made.problems.map(({ path, message }) => ({
    path: at(path === '' ? 'config' : `config.${path}`),
    code: 'policy.rule-invalid',
    message,
  }));
};
