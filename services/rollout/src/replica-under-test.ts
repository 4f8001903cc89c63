// Rollout in a process of its own.
import { join } from 'node:path';
import { startTestProcess, type TestProcess } from '@molthub/service/testing';
import { z } from 'zod';

export const ReplicaSettings = z.object({
  databaseUrl: z.string(),
  natsUrl: z.string(),
  sweepMs: z.number(),
  leaseDurations: z.object({ lengthMs: z.number(), renewEveryMs: z.number(), tryEveryMs: z.number() }),
});

export const startReplica = (settings: z.input<typeof ReplicaSettings>): Promise<TestProcess> =>
  startTestProcess(join(import.meta.dirname, 'replica-main.ts'), settings);
