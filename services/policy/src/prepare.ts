import type { CommandOf, JudgeProposal, Verdict } from '@molthub/contracts';
import type { Reads } from '@molthub/event-store';
import type { Prepared } from '@molthub/service';
import { judging } from './evaluate.ts';
import { gently } from './gently.ts';
import { packsOf } from './known-packs.ts';
import { waiversFor, waiversOf } from './waivers.ts';

export type PreparedJudge = CommandOf<typeof JudgeProposal> & {
  readonly verdict: Verdict;
};

/** Judges here, where packs can be read and others may run in between; the decision is whether the verdict counts. */
export const prepareJudge = async (
  command: CommandOf<typeof JudgeProposal>,
  reads: Reads,
): Promise<Prepared<PreparedJudge>> => {
  const { resolved, environment, isRollback = false, enforcedPolicyPackIds = [] } = command.data;
  const [packs, waivers] = await Promise.all([
    packsOf(command.workspace, reads),
    waiversOf(command.workspace, command.time, reads),
  ]);
  const context = {
    environment,
    point: 'plan',
    isRollback,
    enforcedPackIds: enforcedPolicyPackIds,
    waivers: waiversFor(waivers, resolved, command.data),
  } as const;
  const { results: _, ...verdict } = await gently(judging(packs, resolved, context));
  return { command: { ...command, verdict } };
};
