// What is wrong with a request, in words that say what to do, whatever the validator calls it.
import { expect, test } from 'vitest';
import { z } from 'zod';
import { HttpProblem } from './problem.ts';
import { parsePart } from './validation.ts';

const messageOf = (schema: z.ZodType, value: unknown): string => {
  try {
    parsePart(z.strictObject({ field: schema }), 'query', { field: value });
  } catch (error) {
    if (error instanceof HttpProblem) return error.errors.map(({ path, message }) => `${path}: ${message}`).join('; ');
    throw error;
  }
  return 'nothing';
};

test.each([
  ['a type', z.string(), 5, 'field: must be a text, not a number'],
  ['a list', z.array(z.string()), 'a', 'field: must be a list, not a text'],
  ['a tuple', z.tuple([z.string(), z.string()]), 'a', 'field: must be a list, not a text'],
  ['a whole number', z.int(), 0.5, 'field: must be a whole number, not a number with a fraction'],
  ['a truth', z.boolean(), null, 'field: must be true or false, not null'],
  ['something', z.string(), undefined, 'field: this field is required'],
  ['a UUID', z.uuid(), 'x', 'field: must be a UUID, such as 0193a000-0000-7000-8000-000000000001'],
  ['a time', z.iso.datetime({ offset: true }), 'now', 'field: must be a time, such as 2026-11-27T10:00:00Z'],
  ['an address', z.url(), 'x', 'field: must be a URL'],
  ['a form', z.string().regex(/^a+$/), 'x', 'field: must be of the form ^a+$'],
  ['a form with words', z.string().regex(/^a+$/, 'must be letters a'), 'x', 'field: must be letters a'],
  ['one of some', z.enum(['OK', 'ERROR']), 'ok', 'field: must be OK or ERROR'],
  ['one of more', z.enum(['a', 'b', 'c']), 'd', 'field: must be one of a, b, c'],
  ['more text', z.string().min(2), 'a', 'field: must have at least 2 characters'],
  ['some text', z.string().min(1), '', 'field: must have at least 1 character'],
  ['less text', z.string().max(2), 'abc', 'field: must have at most 2 characters'],
  ['fewer', z.array(z.string()).max(1), ['a', 'b'], 'field: must have at most 1 entry'],
  ['less', z.number().max(2), 3, 'field: must be at most 2'],
  ['more than', z.number().gt(2), 2, 'field: must be more than 2'],
])('%s is asked for in words', (_, schema, value, message) => {
  expect(messageOf(schema, value)).toBe(message);
});
