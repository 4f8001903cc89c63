import { JudgeProposal, ManifestEvaluated } from '@molthub/contracts';
import { aggregate, asIs, type ServiceDefinition } from '@molthub/service';
import { evaluations } from './decider.ts';
import { evaluationsProjection } from './projection.ts';
import { queries } from './queries.ts';
import { reactions } from './reactions.ts';

export const policyService: ServiceDefinition = {
  name: 'policy',
  migrations: [],
  aggregates: [
    aggregate({
      category: 'evaluation',
      commands: [JudgeProposal],
      events: [ManifestEvaluated],
      id: (command) => command.data.botId,
      prepare: asIs,
      decider: evaluations,
    }),
  ],
  projections: [evaluationsProjection],
  reactions,
  listeners: [],
  queries,
  jobs: [],
};
