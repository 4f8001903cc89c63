// What can go wrong between Molthub and a bot's gateway.

/**
 * `refused`: the gateway answered no. `unreachable`: nobody answers there. `timeout`: no answer in time; a write may
 * still
 * have taken effect. `outcome-unknown`: the connection ended while a request was under way. `protocol`: the other side
 * does not speak the protocol, or too much of it.
 */
export type GatewayFailure = 'refused' | 'unreachable' | 'timeout' | 'outcome-unknown' | 'protocol';

type Particulars = {
  readonly code?: string;
  readonly details?: unknown;
  readonly retryable?: boolean;
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
};

export class GatewayError extends Error {
  readonly failure: GatewayFailure;
  /**
   * The gateway's own code: the particular one where it gives one (`AUTH_TOKEN_MISMATCH`), else `INVALID_REQUEST` and
   * such.
   */
  readonly code: string;
  readonly details: unknown;
  readonly retryable: boolean;
  readonly retryAfterMs: number | undefined;

  constructor(failure: GatewayFailure, message: string, particulars: Particulars = {}) {
    super(plainText(message, 500), { cause: particulars.cause });
    this.name = 'GatewayError';
    this.failure = failure;
    this.code = plainText(particulars.code ?? failure, 80);
    this.details = particulars.details;
    this.retryable = particulars.retryable ?? false;
    this.retryAfterMs = particulars.retryAfterMs;
  }
}

/** A bot's words as one line without control characters: they end up in logs and on terminals. */
export function plainText(text: string, charactersMax: number): string {
  return text.slice(0, charactersMax).replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ');
}
