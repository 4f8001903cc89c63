// A service in a process of its own, and what machines do to processes: for tests of several replicas.
import { spawn } from 'node:child_process';
import { once } from 'node:events';

export type TestProcess = {
  /** SIGKILL; resolves when the process is gone. */
  readonly kill: () => Promise<void>;
  /** SIGSTOP: it holds its connections and its lease, and does nothing. */
  readonly freeze: () => void;
  readonly thaw: () => void;
};

/**
 * Runs a script with `settings` as JSON in its first argument. Resolves when it prints something, which it does when it
 * takes commands; throws with its last words when it ends before. It is to stop when its input ends.
 */
export const startTestProcess = async (script: string, settings: object): Promise<TestProcess> => {
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
      throw new Error(`${script} did not start (exit code ${child.exitCode}): ${words}`);
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
