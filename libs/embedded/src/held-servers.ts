// For tests: runs hold-embedded.ts as another process, to be killed, and sees what is left of it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Client } from 'pg';
import { z } from 'zod';

const Server = z.object({ url: z.string(), pid: z.number(), port: z.number() });
const Held = z.object({ uid: z.number(), postgres: Server, nats: Server.extend({ password: z.string() }) });

export type HeldServers = z.infer<typeof Held> & {
  /** SIGKILLs the holding process and nothing else. */
  killHolder(): Promise<void>;
  stop(): Promise<number | null>;
};

/** Starts both servers in a process of their own; throws with its last words when they do not start. */
export async function holdServers(options: {
  home: string;
  path: string;
  natsServer: string;
  uid?: number;
  gid?: number;
}): Promise<HeldServers> {
  const { home, path, natsServer, ...identity } = options;
  const script = join(import.meta.dirname, 'hold-embedded.ts');
  const holder = spawn(process.execPath, [script, home, path, natsServer], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { PATH: path },
    ...identity,
  });
  let words = '';
  holder.stderr.on('data', (data) => {
    words += String(data);
  });
  const exited = once(holder, 'exit').then(() => holder.exitCode);
  const lines = createInterface({ input: holder.stdout });
  const first = await Promise.race([once(lines, 'line'), once(holder, 'close').then(() => null)]);
  if (first === null) throw new Error(words.trim());
  const held = Held.parse(JSON.parse(String(first[0])));
  return {
    ...held,
    killHolder: async () => {
      holder.kill('SIGKILL');
      await exited;
    },
    stop: async () => {
      holder.stdin.write('stop\n');
      return exited;
    },
  };
}

/** Command lines of living processes that name this path: servers and guards of a home. */
export async function processesNaming(path: string): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  const commandLines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
  return commandLines.map((line) => line.replaceAll('\0', ' ')).filter((line) => line.includes(path));
}

/** Rows of one statement. */
export async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  // A session that a killed server takes with it must not end the test process.
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}
