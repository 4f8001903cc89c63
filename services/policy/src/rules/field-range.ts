import { z } from 'zod';
import { FieldPath, fieldAt } from './field-path.ts';
import { ruleType, WrongParameter } from './rule-type.ts';

/** What is written at the field is a number within bounds. An absent field passes: `required_field` asks for it. */
export const fieldRange = ruleType({
  type: 'field_range',
  about: 'The number at the field is within bounds, both included. An absent field passes; required_field asks for it.',
  parameters: z.strictObject({ field: FieldPath, min: z.number().optional(), max: z.number().optional() }),
  judge: ({ field, min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY }) => {
    if (min === Number.NEGATIVE_INFINITY && max === Number.POSITIVE_INFINITY) {
      throw new WrongParameter('min', 'Write min, max or both; without one every number would pass.');
    }
    if (min > max) throw new WrongParameter('min', 'min is larger than max, so that no number would pass.');
    const { placesIn } = fieldAt(field);
    return (resolved) =>
      placesIn(resolved).flatMap(({ path, value }) => {
        if (typeof value === 'number' && value >= min && value <= max) return [];
        const bounds = [
          ...(Number.isFinite(min) ? [`at least ${min}`] : []),
          ...(Number.isFinite(max) ? [`at most ${max}`] : []),
        ];
        const suggestedValue = typeof value === 'number' && value > max ? max : Number.isFinite(min) ? min : max;
        return [{ path, message: `${path} must be ${bounds.join(' and ')}.`, currentValue: value, suggestedValue }];
      });
  },
});
