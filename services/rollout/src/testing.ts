// A policy beside rollout that says only what a test makes it say.
import { JudgeRelease, ReleaseAsked, ReleaseEvaluated } from '@molthub/contracts';
import { aggregate, asIs, intend, on, type ServiceDefinition } from '@molthub/service';
import { silentService } from '@molthub/service/testing';

/** A policy that answers every question: it denies the bots of `denied`, and lets all others go. */
export const policyDenying = (denied: ReadonlySet<string>): ServiceDefinition => ({
  ...silentService('policy'),
  aggregates: [
    aggregate({
      category: 'release',
      commands: [JudgeRelease],
      events: [ReleaseEvaluated],
      id: ({ data }) => data.askId,
      prepare: asIs,
      decider: {
        initial: null,
        evolve: () => null,
        decide: ({ data: { askId, changeSetId, bots } }) => {
          const violations = [{ packId: 'house', ruleId: 'quiet', path: 'spec.config', message: 'Be quiet.' }];
          return [
            {
              type: ReleaseEvaluated.type,
              data: {
                askId,
                changeSetId,
                allowed: bots.map(({ botId }) => botId).filter((botId) => !denied.has(botId)),
                denied: bots
                  .filter(({ botId }) => denied.has(botId))
                  .map(({ botId, version, generation }) => ({ botId, version, generation, count: 2, violations })),
              },
            },
          ];
        },
      },
    }),
  ],
  reactions: [
    on(ReleaseAsked, 'judge', ({ data: { bots, ...ask } }) => [
      intend(JudgeRelease, { ...ask, bots: bots.map(({ hash: _, ...bot }) => bot) }),
    ]),
  ],
});
