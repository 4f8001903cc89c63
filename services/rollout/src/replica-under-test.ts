// Starts rollout in a process of its own, and does to it what machines do to processes.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { z } from 'zod';

export const ReplicaSettings = z.object({
  databaseUrl: z.string(),
  natsUrl: z.string(),
  sweepMs: z.number(),
  leaseDurations: z.object({ lengthMs: z.number(), renewEveryMs: z.number(), tryEveryMs: z.number() }),
});

export type Replica = {
  /** SIGKILL; resolves when the process is gone. */
  readonly kill: () => Promise<void>;
  /** SIGSTOP: it holds its connections and its lease, and does nothing. */
  readonly freeze: () => void;
  readonly thaw: () => void;
};

/** Resolves when it takes commands; throws with its last words when it does not start. */
export const startReplica = async (settings: z.input<typeof ReplicaSettings>): Promise<Replica> => {
  const script = join(import.meta.dirname, 'replica-main.ts');
  const child = spawn(process.execPath, [script, JSON.stringify(settings)], { stdio: ['pipe', 'pipe', 'pipe'] });
  let words = '';
  child.stderr.on('data', (data) => {
    words = (words + String(data)).slice(-20_000);
  });
  // A killed process leaves its input broken, which is what the test asked for.
  child.stdin.on('error', () => undefined);
  const exited = once(child, 'exit');
  await Promise.race([
    once(child.stdout, 'data'),
    exited.then(() => {
      throw new Error(`Rollout did not start (exit code ${child.exitCode}): ${words}`);
    }),
  ]);
  return {
    kill: async () => {
      child.kill('SIGKILL');
      await exited;
    },
    freeze: () => child.kill('SIGSTOP'),
    thaw: () => child.kill('SIGCONT'),
  };
};
