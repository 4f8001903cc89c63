// Starts trace-ingest in a process of its own, and does to it what machines do to processes.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { logLevels } from '@molthub/telemetry';
import { z } from 'zod';

export const TraceArguments = z.object({
  databaseUrl: z.string(),
  natsUrl: z.string(),
  /** 0 takes a free one; start it again with the port that it had, so that senders find it. */
  port: z.int().default(0),
  bytesMax: z.int().optional(),
  bodiesBytesMax: z.int().optional(),
  /** Base address of another backend. */
  forwardUrl: z.string().optional(),
  level: z.enum(logLevels).default('silent'),
});
export type TraceArguments = z.input<typeof TraceArguments>;

export type TraceProcess = {
  readonly url: string;
  readonly port: number;
  /** SIGKILL; resolves when the process is gone. */
  readonly kill: () => Promise<void>;
  readonly stop: () => Promise<void>;
  /** What it wrote to its log. */
  readonly words: () => string;
  /** The most memory that it ever had, in bytes. */
  readonly peakBytes: () => Promise<number>;
};

/** As the project starts its own processes. */
const flags = ['--max-semi-space-size=16'];

/** Resolves when the door is open; throws with its last words when it does not open. */
export const startTraceProcess = async (settings: TraceArguments): Promise<TraceProcess> => {
  const script = join(import.meta.dirname, 'main.ts');
  const child = spawn(process.execPath, [...flags, script, JSON.stringify(settings)], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let words = '';
  for (const output of [child.stdout, child.stderr]) {
    output.on('data', (data) => {
      words = (words + String(data)).slice(-1_000_000);
    });
  }
  // A killed process leaves its input broken, which is what the test asked for.
  child.stdin.on('error', () => undefined);
  const exited = once(child, 'exit');
  const open = () => /^door (http\S+)\n/m.exec(words)?.[1];
  const opened = async () => {
    while (open() === undefined) await once(child.stdout, 'data');
    return open() ?? '';
  };
  const url = await Promise.race([
    opened(),
    exited.then(() => {
      throw new Error(`trace-ingest did not start (exit code ${child.exitCode}): ${words}`);
    }),
  ]);
  return {
    url,
    port: Number(new URL(url).port),
    kill: async () => {
      child.kill('SIGKILL');
      await exited;
    },
    stop: async () => {
      child.stdin.end();
      await exited;
    },
    words: () => words,
    peakBytes: async () => {
      const status = await readFile(`/proc/${child.pid}/status`, 'utf8');
      return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1]) * 1024;
    },
  };
};
