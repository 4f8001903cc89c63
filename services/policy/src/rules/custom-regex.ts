import { z } from 'zod';
import { FieldPath, fieldAt } from './field-path.ts';
import { linearPattern } from './linear-pattern.ts';
import { createMeter } from './meter.ts';
import { ruleType, WrongParameter } from './rule-type.ts';

/** Not by a pattern of ours: one that forbids repeats would take its time over a long text. */
const isFlags = (flags: string): boolean => /^[ims]{0,3}$/.test(flags) && new Set(flags).size === flags.length;

/**
 * The text at the field matches a pattern. Numbers and switches are read as they would be written; an absent field
 * passes, since `required_field` asks for it.
 */
export const customRegex = ruleType({
  type: 'custom_regex',
  about: 'The pattern occurs in the text at the field. An absent field passes; required_field asks for it.',
  parameters: z.strictObject({
    field: FieldPath,
    pattern: z
      .string()
      .min(1)
      .describe('RE2: linear time, no look-around and no back-references. Anchor it with ^ and $.'),
    flags: z.string().max(3).refine(isFlags, 'use i, m and s, each once').default(''),
    message: z.string().min(1).max(500).optional(),
  }),
  judge: ({ field, pattern, flags, message }) => {
    const { placesIn } = fieldAt(field);
    const made = linearPattern(pattern, flags);
    if ('problem' in made) throw new WrongParameter('pattern', made.problem);
    return (resolved) => {
      const meter = createMeter();
      return placesIn(resolved).flatMap(({ path, value }) => {
        const text = typeof value === 'number' || typeof value === 'boolean' ? String(value) : value;
        if (typeof text === 'string' && made.pattern.occursIn(text, meter)) return [];
        const said = message ?? `${path} must match ${pattern.slice(0, 200)}.`;
        return [{ path, message: said, currentValue: value, suggestedValue: null }];
      });
    };
  },
});
