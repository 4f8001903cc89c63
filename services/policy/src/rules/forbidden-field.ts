import { z } from 'zod';
import { FieldPath, fieldAt } from './field-path.ts';
import { ruleType } from './rule-type.ts';

/** Nothing stands at the field, not even `null`. What secure defaults write stands there too. */
export const forbiddenField = ruleType({
  type: 'forbidden_field',
  about: 'Nothing stands at the field.',
  parameters: z.strictObject({ field: FieldPath }),
  judge: ({ field }) => {
    const { placesIn } = fieldAt(field);
    return (resolved) =>
      placesIn(resolved).map(({ path, value }) => ({
        path,
        message: `${path} must not be there; remove it.`,
        currentValue: value,
        suggestedValue: null,
        suggestion: 'remove',
      }));
  },
});
