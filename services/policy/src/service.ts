import {
  ChangePack,
  CreatePack,
  DeletePack,
  JudgeProposal,
  ManifestEvaluated,
  PackChanged,
  PackCreated,
  PackDeleted,
} from '@molthub/contracts';
import { aggregate, type ServiceDefinition } from '@molthub/service';
import { evaluations } from './decider.ts';
import { listeners, migrations } from './listeners.ts';
import { packs } from './pack/decider.ts';
import { preparePack } from './pack/prepare.ts';
import { prepareJudge } from './prepare.ts';
import { evaluationsProjection, packsProjection, violationsProjection } from './projection.ts';
import { queries } from './queries.ts';
import { reactions } from './reactions.ts';

export const policyService: ServiceDefinition = {
  name: 'policy',
  migrations,
  aggregates: [
    aggregate({
      category: 'evaluation',
      commands: [JudgeProposal],
      events: [ManifestEvaluated],
      id: (command) => command.data.botId,
      prepare: prepareJudge,
      decider: evaluations,
    }),
    aggregate({
      category: 'pack',
      commands: [CreatePack, ChangePack, DeletePack],
      events: [PackCreated, PackChanged, PackDeleted],
      id: (command) => command.data.packId,
      prepare: preparePack,
      decider: packs,
    }),
  ],
  projections: [evaluationsProjection, violationsProjection, packsProjection],
  reactions,
  listeners,
  queries,
  jobs: [],
};
