// The verdicts on one bot's proposals: each proposal is judged once.
import type { CommandOf, FactOf, JudgeProposal, ManifestEvaluated } from '@molthub/contracts';
import type { Decider } from '@molthub/decider';
import { evaluate } from './evaluate.ts';
import { builtinPacks } from './security-baseline.ts';

export type State = { readonly judged: string | null };

export type PolicyFact = FactOf<typeof ManifestEvaluated>;

export const evaluations: Decider<State, CommandOf<typeof JudgeProposal>, PolicyFact> = {
  initial: { judged: null },
  decide: ({ data }, { judged }) => {
    if (judged === data.proposalId) return [];
    const { proposalId, botId, fleetId, environment } = data;
    const verdict = evaluate(builtinPacks, data.resolved, { environment });
    return [{ type: 'policy.manifest.evaluated.v1', data: { ...verdict, proposalId, botId, fleetId, environment } }];
  },
  evolve: (_, fact) => ({ judged: fact.data.proposalId }),
};
