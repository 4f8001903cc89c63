// `attribute.<key>=<value>` in a query: text, number or truth, whichever the bot sent.
import { z } from 'zod';
import type { Conditions } from './search-traces.ts';

const prefix = 'attribute.';
export const attributeFiltersMax = 8;
const keyCharsMax = 256;
const valueCharsMax = 1_000;
/** Postgres keeps no NUL in jsonb; a search for one finds nothing, and says so. */
const Value = z
  .string()
  .max(valueCharsMax)
  .refine((text) => !text.includes('\0'), 'holds a NUL, which no attribute does');
const numeral = /^-?(?:0|[1-9]\d{0,30})(?:\.\d{1,30})?$/;

/** Lets a query have such fields besides its own; everything else that it does not know is refused as before. */
export const withAttributes = <S extends z.ZodRawShape>(shape: S) =>
  z.looseObject(shape).superRefine((query, context) => {
    const others = Object.keys(query).filter((key) => !Object.hasOwn(shape, key));
    const issue = (key: string, message: string) => context.addIssue({ code: 'custom', path: [key], message });
    for (const key of others) {
      const name = key.slice(prefix.length);
      if (!key.startsWith(prefix)) context.addIssue({ code: 'unrecognized_keys', keys: [key] });
      else if (name === '' || name.length > keyCharsMax || name.includes('\0')) {
        issue(key, `name the attribute: ${prefix}<key> with a key of 1 to ${keyCharsMax} characters`);
      } else {
        const { error } = Value.safeParse(query[key]);
        if (error) issue(key, error.issues[0]?.message ?? 'give one text');
      }
    }
    if (others.length > attributeFiltersMax) {
      issue(prefix, `at most ${attributeFiltersMax} attributes can be asked for at once`);
    }
  });

/** All of them on one span `s`. */
export const attributeConditions =
  (query: Readonly<Record<string, unknown>>): Conditions =>
  (parameter) =>
    Object.entries(query).flatMap(([key, value]) => {
      if (!key.startsWith(prefix) || typeof value !== 'string') return [];
      const forms = formsOf(value).map((json) => parameter(`{${JSON.stringify(key.slice(prefix.length))}:${json}}`));
      // As one condition, since to take a span's JSON apart costs more than all else.
      return [`s.attributes::jsonb @> any(array[${forms.join(', ')}]::jsonb[])`];
    });

/** `5` may have been sent as a number or as text; JSON of each. */
const formsOf = (value: string): readonly string[] => [
  JSON.stringify(value),
  ...(numeral.test(value) || value === 'true' || value === 'false' ? [value] : []),
];
