import { z } from 'zod';
import { celExpression, expressionLengthMax } from './cel-expression.ts';
import { ruleType } from './rule-type.ts';

/**
 * A free expression that must be true of the resolved manifest. It sees `metadata`, `spec` and `environment`; what it
 * looks into must be there, or be asked for with `has(…)` first: an expression that fails denies.
 */
export const cel = ruleType({
  type: 'cel',
  about: 'A CEL expression over metadata, spec and environment is true. One that fails on a manifest refuses it.',
  parameters: z.strictObject({
    expression: z.string().min(1).max(expressionLengthMax),
    message: z.string().min(1).max(500).optional().describe('What to do when it is false.'),
    path: z.string().max(300).default('').describe('The field that the message is about.'),
  }),
  judge: ({ expression, message, path }) => {
    const { holdsFor } = celExpression(expression);
    const said = message ?? `This must be true: ${expression.slice(0, 300)}`;
    return ({ metadata, spec }, { environment }) =>
      holdsFor({ metadata, spec, environment })
        ? []
        : [{ path, message: said, currentValue: null, suggestedValue: null }];
  },
});
