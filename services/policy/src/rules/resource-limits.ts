import { z } from 'zod';
import { type Finding, ruleType, WrongParameter } from './rule-type.ts';

/**
 * The manifest bounds what a bot may take, and not above the caps. No `cpu` or `memory` means no bound, which is above
 * every cap; no `replicas` means one.
 */
export const resourceLimits = ruleType({
  type: 'resource_limits',
  about: 'spec.runtime bounds CPU, memory and replicas, and not above these caps; what is absent is unbounded.',
  parameters: z.strictObject({
    maxCpu: z.number().positive().optional().describe('Cores.'),
    maxMemory: z.int().positive().optional().describe('MiB.'),
    maxReplicas: z.int().positive().optional(),
  }),
  judge: ({ maxCpu, maxMemory, maxReplicas }) => {
    if (maxCpu === undefined && maxMemory === undefined && maxReplicas === undefined) {
      throw new WrongParameter('maxCpu', 'Write maxCpu, maxMemory or maxReplicas; without one nothing is bounded.');
    }
    return ({ spec: { runtime } }) => [
      ...capped('cpu', runtime.cpu, maxCpu),
      ...capped('memory', runtime.memory, maxMemory),
      ...capped('replicas', runtime.replicas ?? 1, maxReplicas),
    ];
  },
});

const capped = (field: string, value: number | undefined, cap: number | undefined): readonly Finding[] => {
  if (cap === undefined || (value !== undefined && value <= cap)) return [];
  const message =
    value === undefined
      ? `Without spec.runtime.${field} nothing bounds it; write at most ${cap}.`
      : `spec.runtime.${field} must be at most ${cap}.`;
  return [{ path: `spec.runtime.${field}`, message, currentValue: value, suggestedValue: cap }];
};
