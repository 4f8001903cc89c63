// What the environment says to this service.
import { z } from 'zod';

const TraceEnvironment = z.object({
  MOLTHUB_OTLP_HOST: z.string().default('127.0.0.1'),
  /** 0 takes a free port. */
  MOLTHUB_OTLP_PORT: z.coerce.number().int().min(0).max(65_535).default(4318),
});
export type TraceEnvironment = z.infer<typeof TraceEnvironment>;

export const traceEnvironment = (env: Readonly<Record<string, string | undefined>> = process.env): TraceEnvironment =>
  TraceEnvironment.parse(env);
