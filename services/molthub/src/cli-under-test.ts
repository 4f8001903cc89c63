// The command line as a process of its own, with nothing of this machine's Molthub in sight.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

const main = join(import.meta.dirname, '../../../clients/cli/src/main.ts');

export type Told = { readonly status: number | null; readonly stdout: string; readonly stderr: string };

export type Molthub = (args: readonly string[], input?: string) => Promise<Told>;

export const startMolthub = (server: string, key: string, args: readonly string[], home = '/nonexistent') =>
  spawn(process.execPath, [main, ...args], {
    env: {
      PATH: '/usr/local/bin:/usr/bin:/bin',
      MOLTHUB_HOME: home,
      MOLTHUB_SERVER: server,
      MOLTHUB_KEY: key,
      NO_COLOR: '1',
    },
  });

export const molthubOf =
  (server: () => string, key: string, home?: string): Molthub =>
  async (args, input = '') => {
    const child = startMolthub(server(), key, args, home);
    child.stdin.end(input);
    const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
    const [stdout, stderr, status] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
    return { status, stdout, stderr };
  };
