// A plan: who moves, from what to what, in which order. Immutable, and named by its hash.
import { type FactOf, type PlannedBot, PlanRecorded, type Strategy } from '@molthub/contracts';
import { canonicalHash } from '@molthub/manifest';

/** An event is at most 512 KiB, so a long plan is told in parts. */
export const botsPerChunkMax = 250;

/** The hash that names exactly this plan; approvals and audits refer to it. */
export const planHash = (plan: {
  readonly changeSetId: string;
  readonly fleetId: string;
  readonly strategy: Strategy;
  readonly bots: readonly PlannedBot[];
}): string => canonicalHash({ ...plan, bots: [...plan.bots] });

/** The plan as facts, each small enough for one event. */
export const recordPlan = (changeSetId: string, bots: readonly PlannedBot[]): FactOf<typeof PlanRecorded>[] =>
  Array.from({ length: Math.ceil(bots.length / botsPerChunkMax) }, (_, chunk) => ({
    type: PlanRecorded.type,
    data: { changeSetId, chunk, bots: bots.slice(chunk * botsPerChunkMax, (chunk + 1) * botsPerChunkMax) },
  }));
