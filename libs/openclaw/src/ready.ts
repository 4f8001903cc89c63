// When a started bot can be worked with: it says so itself over HTTP, without a token.
import { get } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { isAlive, type ProcessIdentity } from './process-identity.ts';

export type Readiness =
  | { readonly state: 'ready'; readonly afterMs: number }
  | { readonly state: 'exited'; readonly afterMs: number }
  | { readonly state: 'timeout'; readonly afterMs: number; readonly lastAnswer: string };

export type ReadyRequest = {
  readonly port: number;
  /** A start takes 5 to 20 s on a quiet machine and up to 46 s on a busy one; allow 60 s. */
  readonly timeoutMs: number;
  /** Waiting ends early when this process does. */
  readonly identity?: ProcessIdentity;
  readonly signal?: AbortSignal;
};

const POLL_MS = 150;
const ANSWER_TIMEOUT_MS = 3_000;

/** Waits for 200 from `/readyz`, or from `/healthz` of a version that has no `/readyz`. */
export async function waitReady(request: ReadyRequest): Promise<Readiness> {
  const startedAt = Date.now();
  const afterMs = () => Date.now() - startedAt;
  let lastAnswer = 'nobody answers';
  let path = '/readyz';
  while (afterMs() < request.timeoutMs) {
    request.signal?.throwIfAborted();
    if (request.identity !== undefined && !(await isAlive(request.identity)))
      return { state: 'exited', afterMs: afterMs() };
    const status = await statusOf(request.port, path);
    if (status === 200) return { state: 'ready', afterMs: afterMs() };
    if (status === 404) path = '/healthz';
    if (status !== undefined) lastAnswer = `${path} answers ${status}`;
    await wait(POLL_MS);
  }
  return { state: 'timeout', afterMs: afterMs(), lastAnswer };
}

function statusOf(port: number, path: string): Promise<number | undefined> {
  return new Promise((resolve) => {
    const request = get({ host: '127.0.0.1', port, path, agent: false, timeout: ANSWER_TIMEOUT_MS }, (response) => {
      resolve(response.statusCode);
      response.destroy();
    });
    request.once('error', () => resolve(undefined));
    request.once('timeout', () => {
      resolve(undefined);
      request.destroy();
    });
  });
}
