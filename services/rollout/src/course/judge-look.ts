// Looks at every change set that is judged, and says which of them can go a step further.
import { JudgeChangeSet } from '@molthub/contracts';
import { isUnavailable, type Reads } from '@molthub/event-store';
import { fold } from '@molthub/decider';
import { type Intent, intend } from '@molthub/service';
import { z } from 'zod';
import { changeSet, changeSetEvents, type ChangeSet, type ChangeSetFact } from '../decider.ts';
import { judge } from './judge.ts';
import { observe } from './observe.ts';
import type { Webhooks } from './webhooks.ts';

const Open = z.object({ workspace: z.string(), id: z.uuid(), name: z.string(), planHash: z.string() });
const Fact = z.object({ type: z.string(), data: z.unknown() });

/** What says how a change set is; its plan and its releases say nothing of that, and are by far the largest. */
const courseTypes = changeSetEvents
  .map(({ type }) => type)
  .filter((type) => type !== 'rollout.plan.recorded.v1' && type !== 'rollout.bot.released.v1');

const isFact = (fact: z.infer<typeof Fact>): fact is ChangeSetFact => courseTypes.some((type) => type === fact.type);

/** How a change set is, from what it said of its course; the counts of its plan are not in it. */
export const stateOf = async (changeSetId: string, reads: Reads): Promise<ChangeSet> => {
  const rows = await reads('select type, data from events where stream_id = $1 and type = any($2) order by version', [
    `change-set-${changeSetId}`,
    courseTypes,
  ]);
  return fold(changeSet, z.array(Fact).parse(rows).filter(isFact));
};

export type Judgeable = { readonly workspace: string; readonly intent: Intent };
export type JudgeSettings = { readonly windowLatenessMs: number; readonly webhooks: Webhooks };

/**
 * The steps that can be taken now, and how many change sets are on their way. What is decided here is decided again by
 * the command, on what is known then: this look only spares commands that would come to nothing. One that cannot be
 * looked at keeps none of the others waiting.
 */
export const judgeLook = async (
  reads: Reads,
  now: Date,
  { windowLatenessMs, webhooks }: JudgeSettings,
): Promise<{
  readonly steps: readonly Judgeable[];
  readonly underWay: number;
  readonly faults: readonly unknown[];
}> => {
  const open = z.array(Open).parse(
    await reads(
      `select workspace, id, name, plan_hash as "planHash" from change_sets
       where staged and finished_at is null and status in ('RUNNING', 'PAUSED') order by id`,
    ),
  );
  const stepOf = async ({ workspace, id, name, planHash }: z.infer<typeof Open>): Promise<Judgeable | null> => {
    const state = await stateOf(id, reads);
    if (state.at !== 'running' || state.run === null) return null;
    const { run, plan } = state;
    const webhook = webhooks.saidOf({ changeSetId: id, name, planHash, run, gate: plan.strategy.gates?.webhook }, now);
    const observed = await observe(id, run, reads, { now, windowLatenessMs, webhook });
    if (observed === null || judge(id, run, observed, now.toISOString()).length === 0) return null;
    const data = { changeSetId: id, ...(webhook ? { webhook: { wave: run.wave, ...webhook } } : {}) };
    return { workspace, intent: intend(JudgeChangeSet, data) };
  };
  const steps: Judgeable[] = [];
  const faults: unknown[] = [];
  for (const changeSetRow of open) {
    try {
      const step = await stepOf(changeSetRow);
      if (step) steps.push(step);
    } catch (error) {
      if (isUnavailable(error)) throw error;
      faults.push(error);
    }
  }
  webhooks.keepOnly(open.map(({ id }) => id));
  return { steps, underWay: open.length, faults };
};
