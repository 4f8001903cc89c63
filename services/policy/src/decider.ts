// The verdicts on one bot's proposals: each proposal is judged once, and again where its verdict did not arrive.
import type { FactOf, ManifestEvaluated } from '@molthub/contracts';
import type { Decider } from '@molthub/decider';
import type { PreparedJudge } from './prepare.ts';

/** The proposal that was judged last, and how often its verdict was asked for. */
export type State = { readonly judged: string | null; readonly asks: number };

export type PolicyFact = FactOf<typeof ManifestEvaluated>;

export const evaluations: Decider<State, PreparedJudge, PolicyFact> = {
  initial: { judged: null, asks: 0 },
  decide: ({ data, verdict }, { judged, asks }) => {
    const { proposalId, botId, fleetId, environment, asked } = data;
    if (judged === proposalId && (asked ?? 1) <= asks) return [];
    const of = { proposalId, botId, fleetId, environment, ...(asked === undefined ? {} : { asked }) };
    return [{ type: 'policy.manifest.evaluated.v1', data: { ...verdict, ...of } }];
  },
  evolve: (_, { data }) => ({ judged: data.proposalId, asks: data.asked ?? 1 }),
};
