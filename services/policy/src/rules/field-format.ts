import { z } from 'zod';
import { FieldPath, fieldAt } from './field-path.ts';
import { linearPattern } from './linear-pattern.ts';
import { createMeter, type Meter } from './meter.ts';
import { ruleType, WrongParameter } from './rule-type.ts';

const Format = z.enum(['email', 'url', 'semver', 'alphanumeric', 'regex']);

/** Patterns of ours, run by the same engine as those that people write. */
const known = {
  email: '^[^\\s@]{1,64}@[^\\s@.]+(?:\\.[^\\s@.]+)+$',
  url: '^https?://[^\\s/?#]+(?:[/?#]\\S*)?$',
  // semver.org, 2.0.0.
  semver:
    '^(?:0|[1-9]\\d*)\\.(?:0|[1-9]\\d*)\\.(?:0|[1-9]\\d*)' +
    '(?:-(?:0|[1-9]\\d*|\\d*[A-Za-z-][0-9A-Za-z-]*)(?:\\.(?:0|[1-9]\\d*|\\d*[A-Za-z-][0-9A-Za-z-]*))*)?' +
    '(?:\\+[0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*)?$',
  alphanumeric: '^[A-Za-z0-9]+$',
} as const;

/** What is written at the field is text of a form. A field that is absent has no form: `required_field` asks for it. */
export const fieldFormat = ruleType({
  type: 'field_format',
  about: 'The text at the field has a form. An absent field passes; required_field asks for it.',
  parameters: z.strictObject({
    field: FieldPath,
    format: Format,
    pattern: z.string().min(1).optional().describe('For the format regex: an RE2 pattern that must occur in the text.'),
  }),
  judge: ({ field, format, pattern }) => {
    const { placesIn } = fieldAt(field);
    const occursIn = patternOf(format, pattern);
    return (resolved) => {
      const meter = createMeter();
      return placesIn(resolved).flatMap(({ path, value }) =>
        typeof value === 'string' && occursIn(value, meter)
          ? []
          : [{ path, message: messageOf(path, format, pattern), currentValue: value, suggestedValue: null }],
      );
    };
  },
});

const patternOf = (
  format: z.infer<typeof Format>,
  own: string | undefined,
): ((text: string, meter: Meter) => boolean) => {
  if (format !== 'regex' && own !== undefined) {
    throw new WrongParameter(
      'pattern',
      'Only the format regex takes a pattern; remove it, or write "format": "regex".',
    );
  }
  const source = format === 'regex' ? own : known[format];
  if (source === undefined) throw new WrongParameter('pattern', 'The format regex needs a pattern; write one.');
  const made = linearPattern(source);
  if ('problem' in made) throw new WrongParameter('pattern', made.problem);
  return made.pattern.occursIn;
};

const messageOf = (path: string, format: string, pattern: string | undefined): string =>
  pattern === undefined ? `${path} must be of the form ${format}.` : `${path} must match ${pattern.slice(0, 200)}.`;
