// A failure with a message made for the person at the terminal, and the exit code that goes with it.
import type { Problem } from '@molthub/contracts';

export const exitCodes = { ok: 0, failed: 1, usage: 2 } as const;

export class CliError extends Error {
  readonly exitCode: number;
  readonly problems: readonly Problem[];
  /** The HTTP status, where a server said no. */
  readonly status: number | undefined;
  readonly correlationId: string | undefined;

  constructor(
    message: string,
    more: {
      exitCode?: number;
      problems?: readonly Problem[];
      status?: number | undefined;
      correlationId?: string | undefined;
      cause?: unknown;
    } = {},
  ) {
    super(message, { cause: more.cause });
    this.name = 'CliError';
    this.exitCode = more.exitCode ?? exitCodes.failed;
    this.problems = more.problems ?? [];
    this.status = more.status;
    this.correlationId = more.correlationId;
  }
}

/** A command line that cannot be understood. */
export const usageError = (message: string): CliError => new CliError(message, { exitCode: exitCodes.usage });

/** For commands in which 1 is an answer, such as that there are differences: whatever kept them from one is a 2. */
export const orUndone = async (work: Promise<void>): Promise<void> => {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    const { message, problems, status, correlationId } = error;
    throw new CliError(message, { exitCode: exitCodes.usage, problems, status, correlationId, cause: error });
  }
};

/**
 * What there is to print, each sentence once: a server's message often quotes the first of its problems. The problem
 * is left out where the message has all of it; where the message lacks its path, the quote gives way to the problem.
 */
export const toldOnce = ({ message, problems }: Pick<CliError, 'message' | 'problems'>): Told => {
  const [first, ...rest] = problems;
  if (first === undefined || first.message === '') return { message, problems };
  if (message === first.message) {
    const where = first.path === '' ? [] : [{ ...first, path: '', message: `at ${first.path}` }];
    return { message, problems: [...where, ...rest] };
  }
  if (message.includes(`${first.path}: ${first.message}`)) return { message, problems: rest };
  const quote = message.indexOf(`: ${first.message}`);
  return { message: quote > 0 ? message.slice(0, quote) : message, problems };
};
type Told = { readonly message: string; readonly problems: readonly Problem[] };

/** The same error, its message in the words of whoever knows more; what the server said stays its cause. */
export const reworded = (error: CliError, message: string): CliError => {
  const { exitCode, problems, status, correlationId } = error;
  return new CliError(message, { exitCode, problems, status, correlationId, cause: error });
};
