import { z } from 'zod';
import { ruleType, WrongParameter } from './rule-type.ts';

/** No more replicas than the cap. Manifests have no autoscaling yet, so a rule that requires it is refused. */
export const scalingLimits = ruleType({
  type: 'scaling_limits',
  about: 'spec.runtime.replicas is at most the cap. Autoscaling cannot be required: no manifest has it yet.',
  parameters: z.strictObject({
    maxReplicas: z.int().positive().optional(),
    requireAutoScaling: z.boolean().default(false),
  }),
  judge: ({ maxReplicas, requireAutoScaling }) => {
    if (requireAutoScaling) {
      throw new WrongParameter('requireAutoScaling', 'No manifest of this Molthub has autoscaling; remove this.');
    }
    if (maxReplicas === undefined) {
      throw new WrongParameter('maxReplicas', 'Write maxReplicas; without it nothing is bounded.');
    }
    return ({ spec: { runtime } }) =>
      (runtime.replicas ?? 1) <= maxReplicas
        ? []
        : [
            {
              path: 'spec.runtime.replicas',
              message: `spec.runtime.replicas must be at most ${maxReplicas}.`,
              currentValue: runtime.replicas,
              suggestedValue: maxReplicas,
            },
          ];
  },
});
