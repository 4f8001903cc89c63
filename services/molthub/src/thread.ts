// Services in a thread of their own, as the program sees them: what no caller waits for must not make callers wait.
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { ServiceName } from '@molthub/contracts';
import type { Part } from '@molthub/gateway-service';
import type { MetricsSnapshot } from '@molthub/telemetry';
import type { Settings } from './env.ts';
import type { Addresses } from './hosted.ts';

/** What the thread begins with. */
export type Given = {
  readonly settings: Settings;
  readonly names: readonly ServiceName[];
  readonly addresses: Addresses;
};
export type Asked = { readonly id: number; readonly what: 'readiness' | 'metrics' | 'stop' };
/** The answer to the question of that number; 0 is told unasked, when all services run. */
export type Said = {
  readonly id: number;
  readonly otlpUrl?: string | undefined;
  readonly parts?: readonly Part[];
  readonly snapshot?: MetricsSnapshot;
  readonly error?: string;
};

export type Thread = {
  /** Where bots send spans; undefined where trace does not run in it. */
  readonly otlpUrl: string | undefined;
  readonly readiness: () => Promise<readonly Part[]>;
  readonly metrics: () => Promise<MetricsSnapshot>;
  readonly stop: () => Promise<void>;
};

/** Reconciling, judging and recording go on by themselves; whoever calls waits for the other services. */
const ofTheFleet = new Set<ServiceName>(['rollout', 'reconciler', 'health', 'trace', 'audit']);

/** Which services get a thread of their own: none where there is one processor, or where no caller is served. */
export const divided = (names: readonly ServiceName[], processors = availableParallelism()) => {
  const isDivided = processors > 1 && names.includes('gateway');
  return {
    here: names.filter((name) => !isDivided || !ofTheFleet.has(name)),
    apart: names.filter((name) => isDivided && ofTheFleet.has(name)),
  };
};

/** Starts the services and resolves when they run; throws why they do not. A later failure ends the whole program. */
export const startThread = async (given: Given): Promise<Thread> => {
  const worker = new Worker(new URL('./fleet-thread.ts', import.meta.url), { workerData: given });
  const waiting = new Map<number, (said: Said) => void>();
  worker.on('message', (said: Said) => {
    waiting.get(said.id)?.(said);
    waiting.delete(said.id);
  });
  let asked = 0;
  const ask = <T>(what: Asked['what'], read: (said: Said) => T | undefined): Promise<T> =>
    new Promise((resolve, reject) => {
      asked += 1;
      waiting.set(asked, (said) => {
        const answer = read(said);
        if (answer === undefined) reject(new Error(said.error ?? `The fleet's thread gave no ${what}.`));
        else resolve(answer);
      });
      worker.postMessage({ id: asked, what } satisfies Asked);
    });
  const otlpUrl = await new Promise<string | undefined>((resolve, reject) => {
    waiting.set(0, (said) => resolve(said.otlpUrl));
    worker.once('error', reject);
  });
  worker.on('error', (error) => {
    throw error;
  });
  let isStopping = false;
  worker.once('exit', (code) => {
    if (!isStopping) throw new Error(`The fleet's thread ended by itself, with ${code}.`);
  });
  return {
    otlpUrl,
    readiness: () => ask('readiness', ({ parts }) => parts),
    metrics: () => ask('metrics', ({ snapshot }) => snapshot),
    stop: async () => {
      isStopping = true;
      const ended = once(worker, 'exit');
      await ask('stop', ({ error }) => (error === undefined ? true : undefined));
      await ended;
    },
  };
};
