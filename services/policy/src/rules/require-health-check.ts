import { noParameters, unjudgeableRuleType } from './rule-type.ts';

/** Looks at nothing yet: a manifest declares health checks for containers only, and Molthub probes every bot anyway. */
export const requireHealthCheck = unjudgeableRuleType({
  type: 'require_health_check',
  about: 'The manifest declares a health check.',
  parameters: noParameters,
  reason: 'No engine of this Molthub takes a health check from a manifest (every bot is probed); remove the rule.',
});
