// What a caller is told when a request is not carried out: RFC 9457, `application/problem+json`.
import { STATUS_CODES } from 'node:http';
import { z } from 'zod';

export type ProblemParts = {
  readonly status: number;
  /** `<service>.<kebab-reason>` */
  readonly code: string;
  /** What is wrong and what to do about it, in a sentence. */
  readonly detail: string;
  readonly errors?: readonly { readonly path: string; readonly code: string; readonly message: string }[];
  readonly headers?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
};

/** Thrown anywhere on a request's way; the app answers it. */
export class HttpProblem extends Error {
  readonly status: number;
  readonly code: string;
  readonly errors: NonNullable<ProblemParts['errors']>;
  readonly headers: Readonly<Record<string, string>>;

  constructor(parts: ProblemParts) {
    super(parts.detail, { cause: parts.cause });
    this.name = 'HttpProblem';
    this.status = parts.status;
    this.code = parts.code;
    this.errors = parts.errors ?? [];
    this.headers = parts.headers ?? {};
  }
}

export const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.string(),
    correlationId: z.string(),
    errors: z.array(z.object({ path: z.string(), code: z.string(), message: z.string() })),
  })
  .describe('RFC 9457 problem details');

/** The body of a problem's answer. */
export const problemBody = (problem: HttpProblem, correlationId: string): z.infer<typeof problemSchema> => ({
  type: `https://molthub.dev/problems/${problem.code}`,
  title: STATUS_CODES[problem.status] ?? 'Error',
  status: problem.status,
  detail: problem.message,
  code: problem.code,
  correlationId,
  errors: [...problem.errors],
});
