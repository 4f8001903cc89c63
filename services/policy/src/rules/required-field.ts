import { FieldPath, fieldAt } from './field-path.ts';
import { ruleType } from './rule-type.ts';
import { z } from 'zod';

/** Something stands at the field. `null` is nothing. */
export const requiredField = ruleType({
  type: 'required_field',
  about: 'Something stands at the field; null is nothing.',
  parameters: z.strictObject({ field: FieldPath }),
  judge: ({ field }) => {
    const { path, placesIn } = fieldAt(field);
    const message = `${path} must be there; write it.`;
    return (resolved) =>
      placesIn(resolved).some(({ value }) => value !== null && value !== undefined)
        ? []
        : [{ path, message, currentValue: null, suggestedValue: null }];
  },
});
