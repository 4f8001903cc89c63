// The parts of answers that tests look at.
import { z } from 'zod';

export const Fleet = z.object({
  id: z.uuid(),
  name: z.string(),
  environment: z.string(),
  status: z.string(),
  version: z.int(),
});
export const Bot = z.object({
  id: z.uuid(),
  fleetId: z.uuid(),
  name: z.string(),
  status: z.string(),
  health: z.string(),
  manifestVersion: z.int(),
  generation: z.int(),
  observedGeneration: z.int(),
  desiredHash: z.string(),
  observedHash: z.string().nullable(),
  target: z.object({
    kind: z.string(),
    endpoint: z.object({ url: z.string(), pid: z.int().nullable() }).nullable(),
  }),
  lastError: z.unknown(),
});
export type Bot = z.infer<typeof Bot>;

export const Timeline = z.object({
  items: z.array(
    z.object({ sequence: z.int(), type: z.string(), time: z.string(), message: z.string(), data: z.unknown() }),
  ),
  nextCursor: z.string().nullable(),
});
export const Problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  code: z.string(),
  correlationId: z.string(),
  errors: z.array(z.object({ path: z.string(), code: z.string(), message: z.string() })),
});
export const Published = z.object({ version: z.int(), hash: z.string(), changeSetId: z.uuid().nullable() });
export const Page = z.object({ items: z.array(z.record(z.string(), z.unknown())), nextCursor: z.string().nullable() });
