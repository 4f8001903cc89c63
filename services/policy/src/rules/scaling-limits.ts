import { z } from 'zod';
import { type Finding, ruleType, WrongParameter } from './rule-type.ts';

/** The most replicas that a bot may come to: those of its autoscaling, else those it is written with. */
export const scalingLimits = ruleType({
  type: 'scaling_limits',
  about: 'A bot comes to at most so many replicas, by autoscaling too; with requireAutoScaling it must have that.',
  parameters: z.strictObject({
    maxReplicas: z.int().positive().optional(),
    requireAutoScaling: z.boolean().default(false),
  }),
  judge: ({ maxReplicas, requireAutoScaling }) => {
    if (maxReplicas === undefined && !requireAutoScaling) {
      throw new WrongParameter(
        'maxReplicas',
        'Write maxReplicas or requireAutoScaling; without them nothing is asked.',
      );
    }
    return ({ spec: { runtime } }) => [
      ...above('spec.runtime.replicas', runtime.replicas, maxReplicas),
      ...above('spec.runtime.autoscaling.maxReplicas', runtime.autoscaling?.maxReplicas, maxReplicas),
      ...(requireAutoScaling && runtime.autoscaling === undefined ? [noAutoscaling] : []),
    ];
  },
});

const above = (path: string, replicas: number | undefined, max: number | undefined): readonly Finding[] => {
  if (max === undefined || (replicas ?? 1) <= max) return [];
  return [{ path, message: `${path} must be at most ${max}.`, currentValue: replicas, suggestedValue: max }];
};

const noAutoscaling: Finding = {
  path: 'spec.runtime.autoscaling',
  message: 'The bot does not scale by itself; write minReplicas and maxReplicas, such as these.',
  currentValue: undefined,
  suggestedValue: { minReplicas: 1, maxReplicas: 2 },
  suggestion: 'example',
};
