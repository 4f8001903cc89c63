import { noParameters, ruleType } from './rule-type.ts';

/** Bots of every engine of today are asked unless their manifest says no. */
export const requireHealthCheck = ruleType({
  type: 'require_health_check',
  about: 'Molthub asks the bot whether it is well: spec.healthCheck is absent or of another kind than none.',
  parameters: noParameters,
  judge:
    () =>
    ({ spec: { healthCheck } }) =>
      healthCheck?.kind === 'none'
        ? [
            {
              path: 'spec.healthCheck.kind',
              message: 'Nobody would notice that this bot is ill; write engine.',
              currentValue: 'none',
              suggestedValue: 'engine',
            },
          ]
        : [],
});
