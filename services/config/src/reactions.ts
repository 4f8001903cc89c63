// Policy's verdicts conclude proposals; a change set on its way back asks for earlier versions.
import { BotRollbackRequested, ConcludeManifest, ManifestEvaluated, RollBackManifest } from '@molthub/contracts';
import { intend, on } from '@molthub/service';

export const reactions = [
  on(ManifestEvaluated, 'conclude-manifest', ({ data, time }) => [
    intend(ConcludeManifest, {
      botId: data.botId,
      proposalId: data.proposalId,
      valid: data.valid,
      errors: data.violations.map(({ path, ruleId, message }) => ({ path, code: ruleId, message })),
      ...(data.releasable ? { judgedAt: time } : {}),
    }),
  ]),
  on(BotRollbackRequested, 'roll-back-bot', ({ data }) => [
    intend(RollBackManifest, {
      botId: data.botId,
      toVersion: data.toVersion,
      fromVersion: data.fromVersion,
      reason: data.reason,
      forChangeSetId: data.changeSetId,
    }),
  ]),
];
