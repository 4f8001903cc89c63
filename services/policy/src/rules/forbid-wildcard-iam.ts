import { noParameters, unjudgeableRuleType } from './rule-type.ts';

/** Looks at nothing yet: bots on the targets of today have no task role, so none can be judged. */
export const forbidWildcardIam = unjudgeableRuleType({
  type: 'forbid_wildcard_iam',
  about: 'The task role of a bot allows no "*".',
  parameters: noParameters,
  reason: 'No target of this Molthub gives a bot a task role, so wildcards in it cannot be judged; remove the rule.',
});
