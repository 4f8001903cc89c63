// What is wrong with a field of a document, and what to do, in words for whoever wrote it.
import type { z } from 'zod';
import { placeOf } from './schema-fields.ts';
import { unreachable } from './unreachable.ts';

type Issue = z.core.$ZodIssue;
export type FieldProblem = { readonly path: readonly PropertyKey[]; readonly message: string };

/** The problems of one issue: an unknown field is told at the field, and each on its own. */
export const fieldProblems = (schema: z.ZodType, value: unknown, issue: Issue): readonly FieldProblem[] => {
  if (issue.code !== 'unrecognized_keys') return [{ path: issue.path, message: wordsFor(value, issue) }];
  const fields = issue.path.reduce((place, key) => place.at(keyOf(key)), placeOf(schema)).fields;
  return issue.keys.slice(0, 20).map((key) => ({ path: [...issue.path, key], message: unknownField(key, fields) }));
};

/** `spec.rules[0].id` */
export const pathText = (path: readonly PropertyKey[]): string =>
  path.reduce<string>((text, key) => {
    if (typeof key === 'number') return `${text}[${key}]`;
    return text === '' ? String(key) : `${text}.${String(key)}`;
  }, '');

/** The keys of a path in a text of the server's, such as `spec.channels[0].config["a.b"]`. */
export const keysIn = (text: string): readonly PropertyKey[] =>
  Array.from(text.matchAll(/\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]|[^.[\]]+/g), ([whole, index, quoted]) =>
    index === undefined ? (quoted ?? whole) : Number(index),
  );

const keyOf = (key: PropertyKey): string | number => (typeof key === 'symbol' ? '' : key);

const unknownField = (key: string, fields: readonly string[]): string => {
  const near = nearest(key, fields);
  if (near !== undefined) return `there is no such field; did you mean '${near}'?`;
  if (fields.length === 0) return 'there is no such field; remove it';
  return `there is no such field; remove it, or use one of ${fields.slice(0, 12).join(', ')}`;
};

const wordsFor = (root: unknown, issue: Issue): string => {
  switch (issue.code) {
    case 'invalid_type': {
      const value = valueAt(root, issue.path);
      const wanted = typeWords.get(issue.expected) ?? issue.expected;
      return value === undefined ? `is missing; write ${wanted}` : `is ${typeOf(value)}; write ${wanted}`;
    }
    case 'invalid_value':
      return `use ${issue.values.length === 1 ? '' : 'one of '}${issue.values.map(String).join(', ')}`;
    case 'too_big':
      return `is too large; at most ${issue.maximum}${unitOf(issue.origin)}`;
    case 'too_small':
      return `is too small; at least ${issue.minimum}${unitOf(issue.origin)}`;
    case 'invalid_key':
      return 'this name is not allowed here; use letters, digits, _ . - and /';
    case 'invalid_union':
      return valueAt(root, issue.path) === undefined ? 'is missing' : unionWords(issue);
    case 'custom':
    case 'invalid_element':
    case 'invalid_format':
    case 'not_multiple_of':
    case 'unrecognized_keys':
      return lowered(issue.message);
    default:
      return unreachable(issue);
  }
};

/** Of several forms none fits: the closest one, which is the one with the fewest problems, says the most. */
const unionWords = (issue: Issue & { readonly code: 'invalid_union' }): string => {
  // Which form is meant is said by a field, and it says none of them.
  if ('options' in issue && issue.options !== undefined) return `use one of ${issue.options.map(String).join(', ')}`;
  const [closest] = issue.errors.toSorted((a, b) => a.length - b.length);
  const [first] = closest ?? [];
  if (first === undefined) return lowered(issue.message);
  const where = first.path.length === 0 ? '' : `${pathText(first.path)}: `;
  return `fits none of its forms; of the closest: ${where}${lowered(first.message)}`;
};

const lowered = (message: string): string =>
  message.replace(/^Invalid input: /, '').replace(/^[A-Z](?![A-Z])/, (letter) => letter.toLowerCase());

const unitOf = (origin: string): string => {
  if (origin === 'string') return ' characters';
  return origin === 'array' || origin === 'set' || origin === 'record' ? ' entries' : '';
};

const typeWords = new Map([
  ['object', 'a map'],
  ['record', 'a map'],
  ['array', 'a list'],
  ['string', 'a text'],
  ['number', 'a number'],
  ['int', 'a whole number'],
  ['boolean', 'true or false'],
]);

const typeOf = (value: unknown): string => {
  if (value === null) return 'nothing (null)';
  if (Array.isArray(value)) return 'a list';
  return typeWords.get(typeof value) ?? typeof value;
};

const valueAt = (root: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce<unknown>((value, key) => {
    if (typeof value !== 'object' || value === null) return undefined;
    return Object.entries(value).find(([name]) => name === String(key))?.[1];
  }, root);

const lengthMax = 64;

/** The field that was probably meant: at most two letters off, or written in another case. */
export const nearest = (key: string, fields: readonly string[]): string | undefined => {
  if (key.length > lengthMax) return undefined;
  const ranked = fields.map((field) => ({ field, off: distance(key.toLowerCase(), field.toLowerCase()) }));
  const [best] = ranked.toSorted((a, b) => a.off - b.off);
  return best !== undefined && best.off <= Math.min(2, Math.floor(key.length / 2)) ? best.field : undefined;
};

/** How many letters have to be put in, taken out or changed (Levenshtein). */
const distance = (from: string, to: string): number => {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (const [i, letter] of Array.from(from).entries()) {
    const next = [i + 1];
    for (const [j, other] of Array.from(to).entries()) {
      const changed = (row[j] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(changed, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
};
