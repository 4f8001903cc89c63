import { childPath, isJsonObject } from '@molthub/manifest';
import { z } from 'zod';
import { openclawConfig, ownValue } from './openclaw-config.ts';
import { type Finding, ruleType } from './rule-type.ts';

const models = 'spec.config.agents.defaults.models';
const guardrails = z.strictObject({
  requireMaxTokens: z.boolean().default(true),
  requireTemperatureLimit: z.boolean().default(true),
  maxTemperature: z.number().min(0).max(2).default(1),
});

/** Each model that an OpenClaw lists under `agents.defaults.models` has bounds in its `params`, and it lists one. */
export const requireModelGuardrails = ruleType({
  type: 'require_model_guardrails',
  about: 'agents.defaults.models lists the models, each with params.maxTokens and a params.temperature within bounds.',
  parameters: guardrails,
  judge: (wanted) => (resolved) => {
    if (resolved.spec.runtime.engine !== 'openclaw') return [];
    const listed = ownValue(openclawConfig(resolved), 'agents', 'defaults', 'models');
    const entries = isJsonObject(listed) ? Object.entries(listed) : [];
    if (entries.length === 0) {
      const message = 'List the models that this bot may use, each with params.maxTokens and params.temperature.';
      return [{ path: models, message, currentValue: listed, suggestedValue: null }];
    }
    return entries.flatMap(([name, model]) => unguarded(childPath(childPath(models, name), 'params'), model, wanted));
  },
});

const unguarded = (path: string, model: unknown, wanted: z.infer<typeof guardrails>): readonly Finding[] => {
  const tokens = ownValue(model, 'params', 'maxTokens');
  const temperature = ownValue(model, 'params', 'temperature');
  const isBounded = typeof temperature === 'number' && temperature <= wanted.maxTemperature;
  return [
    ...(wanted.requireMaxTokens && typeof tokens !== 'number'
      ? [finding(childPath(path, 'maxTokens'), 'Write how many tokens an answer may have.', tokens, 4_096)]
      : []),
    ...(wanted.requireTemperatureLimit && !isBounded
      ? [
          finding(
            childPath(path, 'temperature'),
            `Write a temperature of at most ${wanted.maxTemperature}.`,
            temperature,
            wanted.maxTemperature,
          ),
        ]
      : []),
  ];
};

const finding = (path: string, message: string, currentValue: unknown, suggestedValue: number): Finding => ({
  path,
  message,
  currentValue,
  suggestedValue,
});
