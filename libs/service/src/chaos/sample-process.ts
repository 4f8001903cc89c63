// Starts the sample services in a process of their own, and does to it what machines do to processes.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { logLevels } from '@molthub/telemetry';
import { z } from 'zod';

export const SampleArguments = z.object({
  databaseUrl: z.string(),
  natsUrl: z.string(),
  level: z.enum(logLevels).default('error'),
  leaseDurations: z.object({ lengthMs: z.number(), renewEveryMs: z.number(), tryEveryMs: z.number() }).optional(),
});
export type SampleArguments = z.input<typeof SampleArguments>;

export type SampleProcess = {
  readonly pid: number;
  /** SIGKILL; resolves when the process is gone. */
  readonly kill: () => Promise<void>;
  /** SIGSTOP: it holds its connections and its leases, and does nothing. */
  readonly freeze: () => void;
  readonly thaw: () => void;
  /** Lets it finish; answers its exit code. */
  readonly stop: () => Promise<number | null>;
  /** What it wrote to its log. */
  readonly words: () => string;
};

/** Resolves when the services take commands; throws with their last words when they do not start. */
export const startSampleProcess = async (settings: SampleArguments): Promise<SampleProcess> => {
  const script = join(import.meta.dirname, 'main.ts');
  const child = spawn(process.execPath, [script, JSON.stringify(settings)], { stdio: ['pipe', 'pipe', 'pipe'] });
  let words = '';
  child.stderr.on('data', (data) => {
    words = (words + String(data)).slice(-20_000);
  });
  // A killed process leaves its input broken, which is what the test asked for.
  child.stdin.on('error', () => undefined);
  const exited = once(child, 'exit').then(() => child.exitCode);
  await Promise.race([
    once(child.stdout, 'data'),
    exited.then((code) => {
      throw new Error(`The sample services did not start (exit code ${code}): ${words}`);
    }),
  ]);
  const { pid } = child;
  if (pid === undefined) throw new Error('The sample services have no process id.');
  return {
    pid,
    kill: () => end(child, exited, 'SIGKILL'),
    freeze: () => child.kill('SIGSTOP'),
    thaw: () => child.kill('SIGCONT'),
    stop: async () => {
      child.stdin.end();
      return exited;
    },
    words: () => words,
  };
};

const end = async (child: ChildProcess, exited: Promise<unknown>, signal: NodeJS.Signals) => {
  child.kill(signal);
  await exited;
};
