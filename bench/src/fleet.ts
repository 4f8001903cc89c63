// Fleets and bots as figures make them over the API.
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { Answer, Molthub } from './molthub.ts';

const Made = z.object({ id: z.uuid() });

/** The answer, if it has the status that was hoped for; a figure over refusals would be none. */
export const expectStatus = (answer: Answer, status: number, what: string): Answer => {
  if (answer.status === status) return answer;
  throw new Error(`${what} answered ${answer.status}: ${JSON.stringify(answer.body)}`);
};

export const makeFleet = async (molthub: Molthub, name: string): Promise<string> => {
  const answer = await molthub.call('POST', '/fleets', { name, environment: 'dev' });
  return Made.parse(expectStatus(answer, 201, 'POST /fleets').body).id;
};

export const simulatedManifest = (name: string, simulation: Readonly<Record<string, unknown>> = {}) => ({
  apiVersion: 'molthub/v1',
  kind: 'MoltbotInstance',
  metadata: { name },
  spec: { runtime: { engine: 'simulated' }, target: { kind: 'simulated' }, config: { simulation } },
});

/** A `202` counts as made too: its operation goes on by itself. */
export const makeBot = async (molthub: Molthub, fleetId: string, manifest: unknown): Promise<string> => {
  const answer = await molthub.call('POST', '/bot-instances', { fleetId, manifest }, { prefer: 'wait=60' });
  return Made.parse(expectStatus(answer, 201, 'POST /bot-instances').body).id;
};

/** At most `inFlight` at a time; answers what each call took, in milliseconds. */
export const callAll = async (
  count: number,
  inFlight: number,
  call: (index: number) => Promise<unknown>,
): Promise<readonly number[]> => {
  const tookMs: number[] = [];
  let next = 0;
  const caller = async () => {
    for (let index = next++; index < count; index = next++) {
      const began = performance.now();
      await call(index);
      tookMs.push(performance.now() - began);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, caller));
  return tookMs;
};

/** Calls at a fixed rate whatever the answers take, so that a slow answer does not thin out the load behind it. */
export const callAtRate = async (
  perSecond: number,
  seconds: number,
  call: (index: number) => Promise<unknown>,
): Promise<readonly number[]> => {
  const began = performance.now();
  const tookMs: number[] = [];
  const calls: Promise<void>[] = [];
  for (let index = 0; index < perSecond * seconds; index += 1) {
    const dueMs = began + (index * 1_000) / perSecond;
    const early = dueMs - performance.now();
    if (early > 0) await sleep(early);
    calls.push(
      // Counted from when it was due: what waits here was waited for.
      call(index).then(() => {
        tookMs.push(performance.now() - dueMs);
      }),
    );
  }
  await Promise.all(calls);
  return tookMs;
};

/** Asks until `condition` answers something; milliseconds between two looks. */
export const until = async <T>(
  what: string,
  timeoutMs: number,
  everyMs: number,
  condition: () => Promise<T | undefined>,
): Promise<T> => {
  const endMs = performance.now() + timeoutMs;
  for (;;) {
    const found = await condition();
    if (found !== undefined) return found;
    if (performance.now() > endMs) throw new Error(`${what} did not come about in ${timeoutMs / 1_000} s.`);
    await sleep(everyMs);
  }
};
