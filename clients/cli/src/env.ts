// The environment the CLI runs in: the only reader of process.env here.
import { homedir } from 'node:os';
import { join } from 'node:path';

export type Environment = {
  readonly server: string | undefined;
  readonly key: string | undefined;
  /** Where a Molthub that is started in this environment listens, as it is written there. */
  readonly port: string | undefined;
  /** Where Molthub keeps its data on this machine. */
  readonly home: string;
  /** A pipe that closes when whoever started us is gone. */
  readonly lifelineFd: number | undefined;
  readonly path: string;
};

export const environment = (): Environment => {
  const env = process.env;
  const lifeline = Number(env['MOLTHUB_LIFELINE_FD']);
  return {
    server: env['MOLTHUB_SERVER'] || undefined,
    key: env['MOLTHUB_KEY'] || undefined,
    port: env['MOLTHUB_PORT'] || undefined,
    home: env['MOLTHUB_HOME'] || (process.getuid?.() === 0 ? '/var/lib/molthub' : join(homedir(), '.molthub')),
    lifelineFd: Number.isInteger(lifeline) && lifeline > 2 ? lifeline : undefined,
    path: env['PATH'] ?? '',
  };
};

/** What git sees: our environment, no questions on the terminal, and words that can be read. */
export const gitEnvironment = (): Record<string, string | undefined> => ({
  ...process.env,
  // Set where git itself runs us, in a hook: they would lead it to another repository than the one that was named.
  GIT_DIR: undefined,
  GIT_WORK_TREE: undefined,
  GIT_INDEX_FILE: undefined,
  GIT_TERMINAL_PROMPT: '0',
  GIT_OPTIONAL_LOCKS: '0',
  LC_ALL: 'C',
});

/** What a child of ours sees: our environment with another lifeline. */
export const childEnvironment = (extra: Record<string, string>): Record<string, string | undefined> => ({
  ...process.env,
  ...extra,
});
