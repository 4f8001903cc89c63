// The verdicts on one bot's proposals: each proposal is judged once.
import type { FactOf, ManifestEvaluated } from '@molthub/contracts';
import type { Decider } from '@molthub/decider';
import type { PreparedJudge } from './prepare.ts';

export type State = { readonly judged: string | null };

export type PolicyFact = FactOf<typeof ManifestEvaluated>;

export const evaluations: Decider<State, PreparedJudge, PolicyFact> = {
  initial: { judged: null },
  decide: ({ data, verdict }, { judged }) => {
    if (judged === data.proposalId) return [];
    const { proposalId, botId, fleetId, environment } = data;
    const of = { proposalId, botId, fleetId, environment };
    return [{ type: 'policy.manifest.evaluated.v1', data: { ...verdict, ...of } }];
  },
  evolve: (_, fact) => ({ judged: fact.data.proposalId }),
};
