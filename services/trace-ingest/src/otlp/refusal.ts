// Why a request is not taken, as OTLP tells it: an HTTP status and a google.rpc code with one clear sentence.

export type RefusalStatus = 400 | 401 | 404 | 405 | 408 | 413 | 415 | 429 | 503;

export class Refusal extends Error {
  readonly status: RefusalStatus;

  constructor(status: RefusalStatus, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'Refusal';
    this.status = status;
  }
}

/** The body is not what its Content-Type says; sending it again will not help. */
export const malformed = (message: string, cause?: unknown): Refusal =>
  new Refusal(400, message, cause === undefined ? {} : { cause });

/** One sender's flood, of which the others are to feel nothing. */
export const moreThanShare = (): Refusal =>
  new Refusal(429, 'This bot has half of what may wait already, which is its share; send again later.');
