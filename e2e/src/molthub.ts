// The whole product as its users start it: a child process with a home of its own, and calls to its gateway.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '@molthub/embedded';
import { botDirs, botProcessesBelow, stopBot } from '@molthub/openclaw';
import { until } from '@molthub/testing';
import { z } from 'zod';
import { environment } from './env.ts';

const program = join(import.meta.dirname, '../../services/molthub/src/main.ts');

const Endpoints = z.object({ api: z.string(), otlp: z.string(), nats: z.string(), postgres: z.string() });
export type Endpoints = z.infer<typeof Endpoints>;

export type Answer = { readonly status: number; readonly headers: Headers; readonly body: unknown };

export type Molthub = {
  readonly home: string;
  readonly pid: () => number;
  readonly output: () => string;
  readonly endpoints: () => Promise<Endpoints>;
  readonly key: () => Promise<string>;
  /** Calls `/api/v1<path>` with the OWNER key unless told otherwise. */
  readonly call: (
    method: string,
    path: string,
    body?: unknown,
    options?: { readonly headers?: Readonly<Record<string, string>>; readonly key?: string; readonly raw?: string },
  ) => Promise<Answer>;
  /** Starts it (again) and waits for the ready line; answers the milliseconds that took. */
  readonly start: () => Promise<number>;
  /** SIGTERM and the exit code. */
  readonly stop: (signal?: NodeJS.Signals) => Promise<number | null>;
  readonly kill: () => Promise<void>;
  /** Closes the pipe by which it knows that whoever started it still lives; answers the exit code. */
  readonly cutLifeline: () => Promise<number | null>;
  /** Ends the process, and everything below the home. */
  readonly remove: () => Promise<void>;
};

/** Prepares a Molthub with fresh ports and a home below the system's temporary folder. Start it with `start`. */
export const prepareMolthub = async (extra: Readonly<Record<string, string>> = {}): Promise<Molthub> => {
  const home = await mkdtemp(join(tmpdir(), 'molthub-e2e-'));
  const [port, otlpPort] = [await freePort(), await freePort()];
  let child: ChildProcess | undefined;
  let output = '';

  const start = async () => {
    const began = Date.now();
    output = '';
    const started = spawn(process.execPath, [program, 'up'], {
      env: {
        ...environment,
        MOLTHUB_HOME: home,
        MOLTHUB_PORT: String(port),
        MOLTHUB_OTLP_PORT: String(otlpPort),
        MOLTHUB_LIFELINE_FD: '3',
        ...extra,
      },
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    });
    child = started;
    const add = (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-200_000);
    };
    started.stdout?.on('data', add);
    started.stderr?.on('data', add);
    await until(
      () => {
        if (started.exitCode !== null) throw new Error(`Molthub ended with ${started.exitCode}: ${output}`);
        return output.includes('molthub ready');
      },
      { what: 'the ready line', timeoutMs: 120_000, everyMs: 20 },
    );
    return Date.now() - began;
  };

  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    if (!child || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null;
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
    return child.exitCode;
  };

  const key = async () => (await readFile(join(home, 'admin.key'), 'utf8')).trim();
  return {
    home,
    pid: () => child?.pid ?? 0,
    output: () => output,
    endpoints: async () => Endpoints.parse(JSON.parse(await readFile(join(home, 'endpoints.json'), 'utf8'))),
    key,
    call: async (method, path, body, options = {}) => {
      const response = await fetch(`http://127.0.0.1:${port}/api/v1${path}`, {
        method,
        headers: {
          authorization: `Bearer ${options.key ?? (await key())}`,
          ...(body === undefined && options.raw === undefined ? {} : { 'content-type': 'application/json' }),
          ...options.headers,
        },
        ...(options.raw !== undefined
          ? { body: options.raw }
          : body === undefined
            ? {}
            : { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      return { status: response.status, headers: response.headers, body: text === '' ? undefined : JSON.parse(text) };
    },
    start,
    stop: (signal = 'SIGTERM') => end(signal),
    kill: async () => {
      await end('SIGKILL');
    },
    cutLifeline: async () => {
      if (!child) throw new Error('Molthub was not started.');
      const exited = once(child, 'exit');
      child.stdio[3]?.destroy();
      await exited;
      return child.exitCode;
    },
    remove: async () => {
      await end('SIGTERM');
      // Bots outlive Molthub, also those of a test that failed before it took them away.
      const bots = join(home, 'bots');
      for (const { name } of await botProcessesBelow(bots)) {
        await stopBot({ dirs: botDirs(join(bots, name)), port: 0, graceMs: 0 });
      }
      await rm(home, { recursive: true, force: true });
    },
  };
};
