// Tells faults of the database from faults of a statement: the first pause whoever works, the second are someone's.

const sqlState = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' ? error.code : '';

/**
 * Deadlocks and serialization, sessions ended for being idle, a server that was demoted to a standby (25006), a database
 * that is being restored (3D000). Source: PostgreSQL, appendix A.
 */
const sqlStatesOfServer = new Set(['40001', '40P01', '25P03', '25P04', '25006', '3D000']);
const networkCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
]);

/** The server or the way to it is the problem: nothing was wrong with what was asked, so it may be asked again. */
export const isUnavailable = (error: unknown): boolean => {
  const code = sqlState(error);
  if (/^(08|28|53|57P|58)/.test(code) || sqlStatesOfServer.has(code) || networkCodes.has(code)) return true;
  const message = error instanceof Error ? error.message : '';
  return /Connection terminated|connection timeout|timeout exceeded when trying to connect|not queryable|Client has encountered/i.test(
    message,
  );
};

/** The lease under which this was done belongs to another holder now. */
export const isFenced = (error: unknown): boolean => sqlState(error) === 'MH002';

/** The constraint that a statement violated, or undefined. */
export const violatedConstraint = (error: unknown): string | undefined =>
  sqlState(error).startsWith('23') &&
  typeof error === 'object' &&
  error !== null &&
  'constraint' in error &&
  typeof error.constraint === 'string'
    ? error.constraint
    : undefined;
