// Starts the program with the same Node, in the folder one is in, and ends as it ends.
import { spawn } from 'node:child_process';
import { Socket } from 'node:net';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import { CliError } from '../cli-error.ts';
import { codeOf } from '../connection.ts';
import { childEnvironment, environment } from '../env.ts';

const programPath = fileURLToPath(new URL('../../../../services/molthub/src/main.ts', import.meta.url));

export type Running = {
  /** The exit code, as a shell would show it, once the program ended. */
  readonly ended: Promise<number>;
  /** Asks the program to stop; it then ends by itself. */
  readonly stop: () => void;
};

/**
 * Starts the program. It ends when this process does, however this process ends: its lifeline closes. Signals are passed
 * on over the lifeline too, since a terminal's Ctrl-C has reached the whole group already and a second would cut short
 * what the first began.
 */
export const startProgram = (args: readonly string[]): Running => {
  const child = spawn(process.execPath, [programPath, ...args], {
    stdio: ['inherit', 'inherit', 'inherit', 'pipe'],
    env: childEnvironment({ MOLTHUB_LIFELINE_FD: '3' }),
  });
  const ended = new Promise<number>((resolve, reject) => {
    child.once('exit', (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
    child.once('error', (error) =>
      reject(new CliError(`cannot run ${programPath}: ${codeOf(error)}`, { cause: error })),
    );
  });
  const lifeline = child.stdio[3];
  // The program may be gone before the lifeline is.
  lifeline?.on('error', () => lifeline.destroy());
  const stop = () => void lifeline?.destroy();
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  onLifelineLost(stop);
  return { ended, stop };
};

/** `molthub up` and `molthub serve`: the program's exit code is ours. */
export const up = async (verb: 'up' | 'serve', args: readonly string[]): Promise<void> => {
  process.exitCode = await startProgram([verb, ...args]).ended;
};

const onLifelineLost = (stop: () => void): void => {
  const { lifelineFd } = environment();
  if (lifelineFd === undefined) return;
  const lifeline = new Socket({ fd: lifelineFd, readable: true, writable: false });
  lifeline.on('error', stop);
  lifeline.on('close', stop);
  lifeline.resume();
  lifeline.unref();
};
