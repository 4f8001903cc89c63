// The time that a question about traces is asked of: the last day unless it says otherwise, and never without an end.
import { HttpProblem } from '@molthub/http';
import { time } from '../shapes.ts';

export const windowFields = {
  from: time.optional().describe('Default: a day before `to`.'),
  to: time.optional().describe('Default: now.'),
};
export const windowDaysMax = 31;
const dayMs = 86_400_000;

export type Window = { readonly from: string; readonly to: string };

/** Throws 400 where nothing is between the two, or more than 31 days. */
export const windowOf = (query: { readonly from?: string | undefined; readonly to?: string | undefined }): Window => {
  const to = query.to === undefined ? Date.now() : Date.parse(query.to);
  const from = query.from === undefined ? to - dayMs : Date.parse(query.from);
  if (from >= to) throw refused('from', 'must be before `to`');
  if (to - from > windowDaysMax * dayMs) throw refused('from', `must be at most ${windowDaysMax} days before \`to\``);
  return { from: query.from ?? new Date(from).toISOString(), to: query.to ?? new Date(to).toISOString() };
};

export const refused = (path: string, message: string) =>
  new HttpProblem({
    status: 400,
    code: 'gateway.invalid-request',
    detail: `The query is not as expected: ${path}: ${message}.`,
    errors: [{ path, code: 'custom', message }],
  });
