import {
  ChangePack,
  CreatePack,
  CreateWaiver,
  DeletePack,
  DeleteWaiver,
  ExpireWaiver,
  JudgeProposal,
  JudgeRelease,
  ManifestEvaluated,
  PackChanged,
  PackCreated,
  PackDeleted,
  RecordFindings,
  ReleaseEvaluated,
  ViolationsOpened,
  ViolationsResolved,
  WaiverCreated,
  WaiverDeleted,
  WaiverExpired,
} from '@molthub/contracts';
import { aggregate, asIs, type ServiceDefinition } from '@molthub/service';
import { evaluations } from './decider.ts';
import { listeners, migrations } from './listeners.ts';
import { packs } from './pack/decider.ts';
import { preparePack } from './pack/prepare.ts';
import { prepareJudge } from './prepare.ts';
import { evaluationsProjection, packsProjection } from './projection.ts';
import { queries } from './queries.ts';
import { reactions } from './reactions.ts';
import { releases } from './release/decider.ts';
import { prepareRelease } from './release/prepare.ts';
import { sweep } from './sweep.ts';
import { violations } from './violation/decider.ts';
import { violationsProjection } from './violation/projection.ts';
import { waiverDue, waivers } from './waiver/decider.ts';
import { prepareWaiver } from './waiver/prepare.ts';
import { waiversProjection } from './waiver/projection.ts';

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
      category: 'release',
      commands: [JudgeRelease],
      events: [ReleaseEvaluated],
      id: (command) => command.data.askId,
      prepare: prepareRelease,
      decider: releases,
    }),
    aggregate({
      category: 'pack',
      commands: [CreatePack, ChangePack, DeletePack],
      events: [PackCreated, PackChanged, PackDeleted],
      id: (command) => command.data.packId,
      prepare: preparePack,
      decider: packs,
    }),
    aggregate({
      category: 'waiver',
      commands: [CreateWaiver, DeleteWaiver, ExpireWaiver],
      events: [WaiverCreated, WaiverDeleted, WaiverExpired],
      id: (command) => command.data.waiverId,
      prepare: prepareWaiver,
      decider: waivers,
      due: waiverDue,
    }),
    aggregate({
      category: 'violation',
      commands: [RecordFindings],
      events: [ViolationsOpened, ViolationsResolved],
      id: (command) => command.data.botId,
      prepare: asIs,
      decider: violations,
    }),
  ],
  projections: [evaluationsProjection, violationsProjection, packsProjection, waiversProjection],
  reactions,
  listeners,
  queries,
  jobs: [sweep()],
};
