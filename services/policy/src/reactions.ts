import { JudgeProposal, JudgeRelease, ManifestProposed, ReleaseAsked } from '@molthub/contracts';
import { intend, on } from '@molthub/service';

export const reactions = [
  on(ManifestProposed, 'judge-proposal', ({ data }) => [
    intend(JudgeProposal, {
      proposalId: data.proposalId,
      botId: data.botId,
      fleetId: data.fleetId,
      environment: data.environment,
      resolved: data.resolved,
      isRollback: data.origin === 'rollback',
      enforcedPolicyPackIds: data.enforcedPolicyPackIds,
    }),
  ]),
  on(ReleaseAsked, 'judge-release', ({ data: { bots, ...ask } }) => [
    intend(JudgeRelease, { ...ask, bots: bots.map(({ hash: _, ...bot }) => bot) }),
  ]),
];
