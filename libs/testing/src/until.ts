// Waiting for a condition, in place of a sleep.
import { setTimeout as delay } from 'node:timers/promises';

/**
 * Asks `condition` until it answers with something truthy, and resolves with that. Throws after `timeoutMs` (default
 * 10 s), naming `what` was waited for; if the last try threw, that is the cause.
 */
export async function until<T>(
  condition: () => T | Promise<T>,
  options: { readonly what: string; readonly timeoutMs?: number; readonly everyMs?: number },
): Promise<Truthy<T>> {
  const { what, timeoutMs = 10_000, everyMs = 10 } = options;
  const deadline = Date.now() + timeoutMs;
  let cause: unknown;
  for (;;) {
    try {
      const answer = await condition();
      if (isTruthy(answer)) return answer;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    if (Date.now() > deadline) {
      throw new Error(`Waited ${timeoutMs} ms in vain for ${what}`, cause === undefined ? {} : { cause });
    }
    await delay(everyMs);
  }
}

export type Truthy<T> = Exclude<T, undefined | null | false | 0 | ''>;

function isTruthy<T>(value: T): value is Truthy<T> {
  return Boolean(value);
}
