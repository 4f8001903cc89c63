// What `/readyz` says: each service and each server that Molthub stands on, by name.
import { z } from 'zod';

const Ready = z.looseObject({ name: z.string(), ready: z.boolean(), detail: z.string().default('') });
export type Ready = z.infer<typeof Ready>;

/** The parts of a readiness answer, in its order; none where the answer is not one of Molthub's. */
export const readinessOf = (body: unknown): readonly Ready[] => {
  const answer = z.looseObject({ parts: z.array(Ready) }).safeParse(body);
  return answer.success ? answer.data.parts : [];
};
