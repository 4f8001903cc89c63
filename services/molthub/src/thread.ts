// Services in a thread of their own, as the program sees them: what no caller waits for must not make callers wait.
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { ServiceName } from '@molthub/contracts';
import type { Part } from '@molthub/gateway-service';
import type { MetricsSnapshot } from '@molthub/telemetry';
import type { Settings } from './env.ts';
import type { Addresses } from './hosted.ts';

/** What the thread is to run. */
export type Given = {
  readonly settings: Settings;
  readonly names: readonly ServiceName[];
  readonly addresses: Addresses;
};
export type Asked = { readonly id: number } & (
  | { readonly what: 'start'; readonly given: Given }
  | { readonly what: 'readiness' | 'metrics' | 'stop' }
);
/** The answer to the question of that number. */
export type Said = {
  readonly id: number;
  readonly otlpUrl?: string | undefined;
  readonly parts?: readonly Part[];
  readonly snapshot?: MetricsSnapshot;
  readonly error?: string;
};

export type Thread = {
  /** Resolves when the services run, with where bots send spans if trace is among them; throws why they do not. */
  readonly start: (given: Given) => Promise<string | undefined>;
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

/** Begins to load the services, which takes as long as servers take to start. Its failure ends the whole program. */
export const openThread = (): Thread => {
  const worker = new Worker(new URL('./fleet-thread.ts', import.meta.url));
  const waiting = new Map<number, (said: Said) => void>();
  let asked = 0;
  let isStopping = false;
  worker.on('message', (said: Said) => {
    waiting.get(said.id)?.(said);
    waiting.delete(said.id);
  });
  worker.on('error', (error) => {
    throw error;
  });
  worker.once('exit', (code) => {
    if (!isStopping) throw new Error(`The fleet's thread ended by itself, with ${code}.`);
  });
  const ask = <T>(
    question: { what: 'start'; given: Given } | { what: 'readiness' | 'metrics' | 'stop' },
    read: (said: Said) => T,
  ): Promise<T> =>
    new Promise((resolve, reject) => {
      asked += 1;
      waiting.set(asked, (said) => {
        if (said.error === undefined) resolve(read(said));
        else reject(new Error(said.error));
      });
      worker.postMessage({ ...question, id: asked } satisfies Asked);
    });
  return {
    start: (given) => ask({ what: 'start', given }, ({ otlpUrl }) => otlpUrl),
    readiness: () => ask({ what: 'readiness' }, ({ parts = [] }) => parts),
    metrics: () => ask({ what: 'metrics' }, ({ snapshot = [] }) => snapshot),
    stop: async () => {
      isStopping = true;
      await ask({ what: 'stop' }, () => undefined);
      // Connections of libraries that are kept alive for a while would hold it up.
      await worker.terminate();
    },
  };
};
