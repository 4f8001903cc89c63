// Waiting until everything has had its time.
import { setTimeout as delay } from 'node:timers/promises';
import { check, type Findings } from './check.ts';
import type { SentCommand } from './load.ts';

/** Checks until nothing is wrong or the time is over; answers the last findings. */
export const settle = async (
  urls: { readonly databaseUrl: string; readonly natsUrl: string },
  sent: readonly SentCommand[],
  timeoutMs = 45_000,
): Promise<Findings> => {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const findings = await check(urls, sent);
    if (findings.problems.length === 0 || Date.now() > deadline) return findings;
    await delay(500);
  }
};
