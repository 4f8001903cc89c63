/** One reason of a refusal: where it is wrong and what to do about it. */
export type Reason = { readonly path: string; readonly code: string; readonly message: string };

/**
 * A rule said no. Told to the caller and never retried; every other error is a fault.
 * `code` is `<service>.<kebab-reason>`; `message` says what to do.
 */
export class Rejected extends Error {
  readonly code: string;
  readonly errors: readonly Reason[];

  constructor(code: string, message: string, errors: readonly Reason[] = []) {
    super(message);
    this.name = 'Rejected';
    this.code = code;
    this.errors = errors;
  }
}
