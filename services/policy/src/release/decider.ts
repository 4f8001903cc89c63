// The answer to one question of rollout's: which of the versions that it is about to release may go. Given once.
import { type FactOf, ReleaseEvaluated } from '@molthub/contracts';
import type { Decider } from '@molthub/decider';
import type { PreparedRelease } from './prepare.ts';

type Answer = 'none' | 'given';

export const releases: Decider<Answer, PreparedRelease, FactOf<typeof ReleaseEvaluated>> = {
  initial: 'none',
  decide: ({ data: { askId, changeSetId }, allowed, denied }, answer) =>
    answer === 'given'
      ? []
      : [{ type: ReleaseEvaluated.type, data: { askId, changeSetId, allowed: [...allowed], denied: [...denied] } }],
  evolve: () => 'given',
};
