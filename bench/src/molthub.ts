// The whole product as its users start it, in a process of its own with a home of its own; measured through its doors.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '@molthub/embedded';
import { environment } from './env.ts';

const root = join(import.meta.dirname, '../..');
const main = join(root, 'services/molthub/src/main.ts');
const programs = {
  up: [main, 'up'],
  'npm-start': [join(root, 'bootstrap/run.mjs'), 'start'],
} as const;
const readyMsMax = 120_000;

export type Answer = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: unknown;
};

export type Body = { readonly type: string; readonly bytes: Buffer };

export type Molthub = {
  readonly home: string;
  readonly pid: () => number;
  /** Calls `/api/v1<path>` with the OWNER key, over one of at most 256 kept connections. */
  readonly call: (
    method: string,
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ) => Promise<Answer>;
  /** Posts to the OTLP door. */
  readonly sendSpans: (token: string, body: Body) => Promise<Answer>;
  /** Starts it (again); answers the milliseconds until its ready line. */
  readonly start: () => Promise<number>;
  readonly stop: () => Promise<void>;
};

/** What a started Molthub inherits: the machine's environment, without a Molthub of somebody else in it. */
const inherited = Object.fromEntries(
  Object.entries(environment).filter(
    ([name]) => !name.startsWith('MOLTHUB_') && name !== 'DATABASE_URL' && name !== 'NATS_URL',
  ),
);

type Environment = Readonly<Record<string, string>>;

/** The program with some services only, on servers that run already; the one with the gateway is to start first. */
export const prepareServices = (home: string, names: readonly string[], servers: Environment): Promise<Molthub> =>
  preparedIn(home, [main, 'serve', ...names], servers);

/** Starts Molthub in a fresh home, runs `work`, stops it and removes the home whatever happened. */
export const withMolthub = async <T>(
  work: (molthub: Molthub) => Promise<T>,
  options: { readonly through?: keyof typeof programs } = {},
): Promise<T> => {
  const home = await mkdtemp(join(tmpdir(), 'molthub-bench-'));
  const molthub = await preparedIn(home, programs[options.through ?? 'up'], {});
  try {
    await molthub.start();
    return await work(molthub);
  } finally {
    await molthub.stop();
    await rm(home, { recursive: true, force: true });
  }
};

const preparedIn = async (home: string, program: readonly string[], servers: Environment): Promise<Molthub> => {
  const [port, otlpPort] = [await freePort(), await freePort()];
  const agent = new Agent({ keepAlive: true, maxSockets: 256 });
  let child: ChildProcess | undefined;
  let key = '';
  return {
    home,
    pid: () => child?.pid ?? 0,
    call: (method, path, body, headers = {}) =>
      ask(agent, port, method, `/api/v1${path}`, { authorization: `Bearer ${key}`, ...headers }, jsonOf(body)),
    sendSpans: (token, body) => ask(agent, otlpPort, 'POST', '/v1/traces', { authorization: `Bearer ${token}` }, body),
    start: async () => {
      const began = performance.now();
      child = spawn(process.execPath, program, {
        env: {
          ...inherited,
          ...servers,
          MOLTHUB_HOME: home,
          MOLTHUB_PORT: String(port),
          MOLTHUB_OTLP_PORT: String(otlpPort),
          // It stops by itself when this process is gone, however that came about: it would be the next one's load.
          MOLTHUB_LIFELINE_FD: '3',
        },
        stdio: ['ignore', 'pipe', 'inherit', 'pipe'],
      });
      await readyLine(child);
      const tookMs = performance.now() - began;
      key = (await readFile(join(home, 'admin.key'), 'utf8')).trim();
      return tookMs;
    },
    stop: async () => {
      agent.destroy();
      if (!child || child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      await exited;
    },
  };
};

const readyLine = (child: ChildProcess): Promise<void> =>
  new Promise((resolve, reject) => {
    let output = '';
    const timer = setTimeout(() => reject(new Error(`Molthub was not ready in ${readyMsMax} ms.`)), readyMsMax);
    child.once('exit', (code) => {
      clearTimeout(timer);
      reject(new Error(`Molthub ended with ${code}: ${output}`));
    });
    child.stdout?.on('data', (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-10_000);
      if (!output.includes('molthub ready')) return;
      clearTimeout(timer);
      resolve();
    });
  });

const jsonOf = (body: unknown): Body | undefined =>
  body === undefined ? undefined : { type: 'application/json', bytes: Buffer.from(JSON.stringify(body)) };

/** Plain node:http: what measures must cost little beside what is measured. */
const ask = (
  agent: Agent,
  port: number,
  method: string,
  path: string,
  headers: Readonly<Record<string, string>>,
  body: Body | undefined,
): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const typed = body ? { 'content-type': body.type, 'content-length': String(body.bytes.byteLength) } : {};
    const outgoing = request(
      { agent, host: '127.0.0.1', port, method, path, headers: { ...headers, ...typed } },
      (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('error', reject);
        incoming.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          const isJson = String(incoming.headers['content-type']).includes('json');
          resolve({
            status: incoming.statusCode ?? 0,
            headers: incoming.headers,
            body: text === '' || !isJson ? text : JSON.parse(text),
          });
        });
      },
    );
    outgoing.on('error', reject);
    outgoing.end(body?.bytes);
  });
