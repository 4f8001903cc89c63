// Zod's findings as the errors of a 400: each names its field and what to do.
import type { z } from 'zod';
import { HttpProblem } from './problem.ts';

const issuesMax = 50;

/** The parsed part of a request, or a 400 that names each wrong field. `part` is `params`, `query` or `body`. */
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
      message: missing ? 'this field is required' : plain(issue.message),
    },
  ];
};

const pathOf = (path: readonly PropertyKey[]): string => path.map(String).join('.');
// Keys of a record are the caller's text; an error is no place for a megabyte of it.
const clipped = (text: string): string => (text.length > 256 ? `${text.slice(0, 256)}…` : text);
const plain = (message: string): string => clipped(message.replace(/^Invalid input: /, ''));
