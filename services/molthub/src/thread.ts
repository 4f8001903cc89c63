// Services in a thread of their own, as the program sees them: what no caller waits for must not make callers wait.
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { ServiceName } from '@molthub/contracts';
import type { Part } from '@molthub/gateway-service';
import type { MetricsSnapshot } from '@molthub/telemetry';
import type { Settings } from './env.ts';
import type { Addresses } from './hosted.ts';

/** What the thread is to run. */
export type Given = { readonly settings: Settings; readonly addresses: Addresses };
type Question =
  | { readonly what: 'start'; readonly names: readonly ServiceName[]; readonly given: Given }
  | { readonly what: 'readiness' | 'metrics' | 'stop' };
export type Asked = Question & { readonly id: number };
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
  /** Ends it in any case; answers why its services did not stop by themselves, if they did not. */
  readonly stop: () => Promise<string | undefined>;
};

/**
 * Reconciling, judging and recording go on by themselves; whoever calls waits for the other services. Spans come as fast
 * as bots send them, and must hold up neither.
 */
const threads: readonly (readonly ServiceName[])[] = [['rollout', 'reconciler', 'health', 'audit'], ['trace']];

/** Which services get threads of their own: none where there is one processor, or where no caller is served. */
export const divided = (names: readonly ServiceName[], processors = availableParallelism()) => {
  const isDivided = processors > 1 && names.includes('gateway');
  const apart = isDivided ? threads.map((thread) => thread.filter((name) => names.includes(name))) : [];
  return {
    here: names.filter((name) => !apart.flat().includes(name)),
    apart: apart.filter((thread) => thread.length > 0),
  };
};

/** How long an answer may take: a thread that hangs must not make the program hang with it. */
export type Patience = { readonly answerMs: number; readonly stopMs: number };

/** Begins to load the services, which takes as long as servers take to start. Its failure ends the whole program. */
export const openThread = (
  names: readonly ServiceName[],
  program = new URL('./services-thread.ts', import.meta.url),
  { answerMs, stopMs }: Patience = { answerMs: 5_000, stopMs: 60_000 },
): Thread => {
  const worker = new Worker(program);
  const waiting = new Map<number, (said: Said) => void>();
  let asked = 0;
  let isStopping = false;
  const answered = (said: Said) => {
    waiting.get(said.id)?.(said);
    waiting.delete(said.id);
  };
  worker.on('message', answered);
  worker.on('error', (error) => {
    throw error;
  });
  worker.once('exit', (code) => {
    const error = `The thread of ${names.join(', ')} ended by itself, with ${code}.`;
    if (!isStopping) throw new Error(error);
    for (const id of waiting.keys()) answered({ id, error });
  });
  const ask = (question: Question, withinMs?: number): Promise<Said> =>
    new Promise((resolve) => {
      asked += 1;
      const id = asked;
      const error = `The thread of ${names.join(', ')} gave no answer within ${withinMs} ms.`;
      const late = withinMs === undefined ? undefined : setTimeout(() => answered({ id, error }), withinMs);
      waiting.set(id, (said) => {
        clearTimeout(late);
        resolve(said);
      });
      worker.postMessage({ ...question, id } satisfies Asked);
    });
  return {
    start: async (given) => {
      const { error, otlpUrl } = await ask({ what: 'start', names, given });
      if (error !== undefined) throw new Error(error);
      return otlpUrl;
    },
    readiness: async () => {
      const { parts, error = '' } = await ask({ what: 'readiness' }, answerMs);
      return parts ?? names.map((name) => ({ name, ready: false, detail: error }));
    },
    // What is not known is left out, as for everything that cannot be measured.
    metrics: async () => (await ask({ what: 'metrics' }, answerMs)).snapshot ?? [],
    stop: async () => {
      isStopping = true;
      const { error } = await ask({ what: 'stop' }, stopMs);
      // Connections of libraries that are kept alive for a while would hold it up.
      await worker.terminate();
      return error;
    },
  };
};
