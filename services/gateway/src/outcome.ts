// How a command ended, as HTTP says it.
import type { Outcome } from '@molthub/contracts';
import { Rejected } from '@molthub/decider';
import { isUnavailable } from '@molthub/event-store';
import { HttpProblem } from '@molthub/http';

type Refused = Extract<Outcome, { status: 'REFUSED' }>;

/** A rule said no: the status follows from what kind of rule. */
export const refusalOf = ({ code, message, errors }: Omit<Refused, 'status'>): HttpProblem =>
  new HttpProblem({ status: statusOf(code), code, detail: message, errors });

const statuses: readonly (readonly [RegExp, number])[] = [
  [/[.-]version-mismatch$/, 412],
  [/[.-]not-found$/, 404],
  [/^policy\.denied$/, 422],
  [/[.-]too-large$/, 413],
  [/[.-](?:invalid|malformed|secret-literal|unpinned|unsupported|unknown)(?:$|-)/, 400],
];

const statusOf = (code: string): number => statuses.find(([pattern]) => pattern.test(code))?.[1] ?? 409;

export const unavailable = (detail: string, cause?: unknown): HttpProblem =>
  new HttpProblem({ status: 503, code: 'gateway.unavailable', detail, headers: { 'retry-after': '5' }, cause });

/** What an outcome that is no success becomes; undefined for DONE. */
export const problemOf = (outcome: Outcome): HttpProblem | undefined => {
  switch (outcome.status) {
    case 'DONE':
      return undefined;
    case 'REFUSED':
      return refusalOf(outcome);
    case 'PENDING':
      return unavailable('The command has not been decided yet; ask again.');
    case 'FAILED':
    case 'EXPIRED':
      return unavailable(`${outcome.message} Send the request again, with a new Idempotency-Key.`);
    default:
      return outcome satisfies never;
  }
};

/** Turns what handlers throw into problems: refusals, servers that are away, views of services that never started. */
export const translate = (error: unknown): HttpProblem | undefined => {
  if (error instanceof Rejected) {
    return refusalOf({ code: error.code, message: error.message, errors: error.errors.map((e) => ({ ...e })) });
  }
  if (isUnavailable(error)) return unavailable('The database does not answer; try again shortly.', error);
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === '42P01' || code === '3F000') {
    return unavailable('The service that publishes this has not started here yet.', error);
  }
  if (code === '57014') return unavailable('The answer took longer than 5 s; narrow the filters.', error);
  return undefined;
};
