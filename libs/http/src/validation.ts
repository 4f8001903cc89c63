// Zod's findings as the errors of a 400: each names its field and what to do.
import type { z } from 'zod';
import { HttpProblem } from './problem.ts';

const issuesMax = 50;

/** The parsed part of a request, or a 400 that names each wrong field. `part` is `path`, `query` or `body`. */
export const parsePart = <S extends z.ZodType>(schema: S, part: string, value: unknown): z.infer<S> => {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const errors = parsed.error.issues.flatMap((issue) => told(issue)).slice(0, issuesMax);
  const [first] = errors;
  throw new HttpProblem({
    status: 400,
    code: 'gateway.invalid-request',
    detail: first
      ? `The ${part} is not as expected: ${first.path || part}: ${first.message}.`
      : `The ${part} is not as expected.`,
    errors,
  });
};

const told = (issue: z.core.$ZodIssue): readonly { path: string; code: string; message: string }[] => {
  const path = pathOf(issue.path);
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      path: clipped(path === '' ? key : `${path}.${key}`),
      code: 'unknown-field',
      message: 'no such field; take it out',
    }));
  }
  if (issue.code === 'invalid_union') {
    const [closest] = [...issue.errors].sort((a, b) => a.length - b.length);
    const inner = (closest ?? []).flatMap((i) => told({ ...i, path: [...issue.path, ...i.path] }));
    if (inner.length > 0) return inner;
  }
  const missing = issue.code === 'invalid_type' && /received undefined/.test(issue.message);
  return [
    {
      path: clipped(path),
      code: missing ? 'missing-field' : issue.code.replaceAll('_', '-'),
      message: missing ? 'this field is required' : clipped(wordsFor(issue)),
    },
  ];
};

const pathOf = (path: readonly PropertyKey[]): string => path.map(String).join('.');
// Keys of a record are the caller's text; an error is no place for a megabyte of it.
const clipped = (text: string): string => (text.length > 256 ? `${text.slice(0, 256)}…` : text);

/** Schemas that say what to do are quoted; what the validator says by itself is said so that one knows what to do. */
const wordsFor = (issue: z.core.$ZodIssue): string => {
  if (!/^(?:Invalid|Too big|Too small)\b/.test(issue.message)) return issue.message;
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${wordOf(issue.expected)}, not ${received(issue)}`;
    case 'invalid_format':
      return `must be ${formats.get(issue.format) ?? `of the form ${sourceOf(issue.pattern) ?? issue.format}`}`;
    case 'invalid_value':
      return `must be ${anyOf(issue.values.map(String))}`;
    case 'too_small':
      return bounded(issue.origin, issue.inclusive === false ? 'more than' : 'at least', issue.minimum);
    case 'too_big':
      return bounded(issue.origin, issue.inclusive === false ? 'less than' : 'at most', issue.maximum);
    case 'custom':
    case 'invalid_element':
    case 'invalid_key':
    case 'invalid_union':
    case 'not_multiple_of':
    case 'unrecognized_keys':
      return issue.message.replace(/^Invalid input: /, '');
  }
};

const types = new Map([
  ['string', 'a text'],
  ['number', 'a number'],
  ['int', 'a whole number'],
  ['boolean', 'true or false'],
  ['array', 'a list'],
  ['tuple', 'a list'],
  ['object', 'an object'],
  ['record', 'an object'],
]);
const wordOf = (type: string): string => types.get(type) ?? type;
const received = (issue: z.core.$ZodIssue & { readonly code: 'invalid_type' }): string => {
  const type = /received (\w+)$/.exec(issue.message)?.[1] ?? 'that';
  return issue.expected === 'int' && type === 'number' ? 'a number with a fraction' : wordOf(type);
};

const formats = new Map([
  ['uuid', 'a UUID, such as 0193a000-0000-7000-8000-000000000001'],
  ['guid', 'a UUID, such as 0193a000-0000-7000-8000-000000000001'],
  ['datetime', 'a time, such as 2026-11-27T10:00:00Z'],
  ['date', 'a date, such as 2026-11-27'],
  ['email', 'an e-mail address'],
  ['url', 'a URL'],
]);
const sourceOf = (pattern: string | undefined): string | undefined => pattern?.replace(/^\/(.*)\/[a-z]*$/s, '$1');

const anyOf = (values: readonly string[]): string =>
  values.length > 2 ? `one of ${values.join(', ')}` : values.join(' or ');

const bounded = (origin: string, how: string, bound: number | bigint): string => {
  const [one, more] = units.get(origin) ?? [];
  return one === undefined
    ? `must be ${how} ${bound}`
    : `must have ${how} ${bound} ${Number(bound) === 1 ? one : more}`;
};
const units = new Map([
  ['string', ['character', 'characters']],
  ['array', ['entry', 'entries']],
  ['set', ['entry', 'entries']],
  ['record', ['entry', 'entries']],
]);
