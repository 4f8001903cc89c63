import {
  type FactOf,
  JudgeProposal,
  JudgeRelease,
  ManifestProposed,
  ReleaseAsked,
  VerdictAsked,
} from '@molthub/contracts';
import { intend, on } from '@molthub/service';

type Proposal = FactOf<typeof ManifestProposed>['data'] | FactOf<typeof VerdictAsked>['data'];

const judge = (data: Proposal) =>
  intend(JudgeProposal, {
    proposalId: data.proposalId,
    botId: data.botId,
    fleetId: data.fleetId,
    environment: data.environment,
    resolved: data.resolved,
    isRollback: data.origin === 'rollback',
    enforcedPolicyPackIds: data.enforcedPolicyPackIds,
    ...('asked' in data ? { asked: data.asked } : {}),
  });

export const reactions = [
  on(ManifestProposed, 'judge-proposal', ({ data }) => [judge(data)]),
  on(VerdictAsked, 'judge-again', ({ data }) => [judge(data)]),
  on(ReleaseAsked, 'judge-release', ({ data: { bots, ...ask } }) => [
    intend(JudgeRelease, { ...ask, bots: bots.map(({ hash: _, ...bot }) => bot) }),
  ]),
];
