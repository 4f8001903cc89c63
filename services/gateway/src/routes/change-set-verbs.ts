// What people do to a change set: start, judge, steer and end it, take it back, and do it again.
import {
  AbortChangeSet,
  ApproveChangeSet,
  CompleteChangeSet,
  CreateChangeSet,
  DeclineChangeSet,
  FailChangeSet,
  Hash,
  PauseChangeSet,
  PromoteChangeSet,
  ResumeChangeSet,
  RollBackChangeSet,
  SkipAnalysis,
  StartChangeSet,
  Strategy,
} from '@molthub/contracts';
import { z } from 'zod';
import { oneRow } from '../read-side.ts';
import { type Call, change, Id, type Route } from '../route.ts';
import { ChangeSet, changeSetAnswer, ofChangeSet } from './change-sets.ts';

const Reason = z.strictObject({ reason: z.string().max(500).default('') }).default({ reason: '' });

const verbs = [
  ['start', 'change-set:start', StartChangeSet, 'Starts a planned change set.'],
  ['abort', 'change-set:abort', AbortChangeSet, 'Starts no further bot of a change set; idempotent.'],
  ['rollback', 'change-set:rollback', RollBackChangeSet, 'Takes each bot back to its own previous version.'],
  ['pause', 'change-set:pause', PauseChangeSet, 'Releases no other bot until it is resumed; gates go on judging.'],
  ['resume', 'change-set:pause', ResumeChangeSet, 'Goes on with a paused change set, and puts up with what paused it.'],
  ['complete', 'change-set:end', CompleteChangeSet, 'Ends a change set early; bots not reached stay as they are.'],
  ['fail', 'change-set:end', FailChangeSet, 'Ends a change set as failed, and does what its strategy says of that.'],
] as const;

const judgements = [
  ['approve', ApproveChangeSet, 'Approves exactly the plan of this hash; not for whoever made it.'],
  ['decline', DeclineChangeSet, 'Declines a plan for good.'],
] as const;
const Judgement = z.strictObject({ planHash: Hash, reason: z.string().max(500).default('') });
const Why = z.strictObject({ reason: SkipAnalysis.data.shape.reason });

const Promotion = z
  .strictObject({
    wave: z.int().min(0).optional().describe('The wave that is meant, from 0; the one that runs by default.'),
    reason: z.string().max(500).default(''),
  })
  .default({ reason: '' });
const Changed = z.record(z.string(), z.unknown());
const Promoted = ChangeSet.extend({
  promoted: z.boolean().describe('Whether this request did it: false where its wave was promoted or over before.'),
});

/** The wave that runs as this request sees it: whoever comes later than another one does not promote the next. */
const runningWave = async (call: Call, id: string): Promise<{ wave?: number }> => {
  const [row] = await call.world.views(
    `select c.current_wave as wave from rollout_read.change_sets c where c.workspace = $1 and c.id = $2`,
    [call.workspace, id],
  );
  return typeof row?.['wave'] === 'number' ? { wave: row['wave'] } : {};
};

const Repeated = z.object({ name: z.string(), strategy: Strategy, fleetId: z.uuid() });

/** What a change set was, to be done again with the bots that failed. */
const repeatedOf = async (call: Call, id: string) => {
  const rows = await call.world.views(
    `select c.name, c.strategy, c.fleet_id as "fleetId" from rollout_read.change_sets c where c.workspace = $1 and c.id = $2`,
    [call.workspace, id],
  );
  return Repeated.parse(oneRow(rows, 'change set'));
};

export const changeSetVerbRoutes: readonly Route[] = [
  ...verbs.map(([verb, permission, command, summary]) =>
    change({
      method: 'POST',
      path: `/change-sets/:id/${verb}`,
      permission,
      reach: 'subject',
      summary,
      params: Id,
      subjects: ofChangeSet,
      body: Reason,
      answer: ChangeSet,
      command,
      data: (_, { params, body }) => ({ changeSetId: params.id, reason: body.reason }),
      resourceId: (_, { params }) => params.id,
      done: (call, { params }) => changeSetAnswer(call, params.id),
    }),
  ),
  ...judgements.map(([verb, command, summary]) =>
    change({
      method: 'POST',
      path: `/change-sets/:id/${verb}`,
      permission: 'change-set:approve',
      reach: 'subject',
      summary,
      params: Id,
      subjects: ofChangeSet,
      body: Judgement,
      answer: ChangeSet,
      command,
      data: (call, { params, body }) => ({ ...body, changeSetId: params.id, role: call.principal.role }),
      resourceId: (_, { params }) => params.id,
      done: (call, { params }) => changeSetAnswer(call, params.id),
    }),
  ),
  change({
    method: 'POST',
    path: '/change-sets/:id/promote',
    permission: 'change-set:promote',
    reach: 'subject',
    summary: 'Goes on with the next wave without waiting for its gates.',
    params: Id,
    subjects: ofChangeSet,
    body: Promotion,
    answer: Promoted,
    command: PromoteChangeSet,
    data: async (call, { params, body }) => ({
      ...(await runningWave(call, params.id)),
      ...body,
      changeSetId: params.id,
    }),
    resourceId: (_, { params }) => params.id,
    done: async (call, { params }, { promoted }) => {
      const answer = await changeSetAnswer(call, params.id);
      return { ...answer, body: { ...Changed.parse(answer.body), promoted: promoted === true } };
    },
  }),
  change({
    method: 'POST',
    path: '/change-sets/:id/skip-analysis',
    permission: 'change-set:skip-analysis',
    reach: 'subject',
    summary: 'Goes on without judging traces and without webhooks; needs a reason.',
    params: Id,
    subjects: ofChangeSet,
    body: Why,
    answer: ChangeSet,
    command: SkipAnalysis,
    data: (_, { params, body }) => ({ changeSetId: params.id, reason: body.reason }),
    resourceId: (_, { params }) => params.id,
    done: (call, { params }) => changeSetAnswer(call, params.id),
  }),
  change({
    method: 'POST',
    path: '/change-sets/:id/retry',
    permission: 'change-set:create',
    reach: 'subject',
    summary: 'Plans a change set of the bots that failed in this one, by the same strategy.',
    params: Id,
    subjects: ofChangeSet,
    body: Reason,
    status: 201,
    answer: ChangeSet,
    command: CreateChangeSet,
    data: async (call, { params, body }) => {
      const { name, strategy, fleetId } = await repeatedOf(call, params.id);
      const again = `${name}, again`.slice(0, 200);
      return {
        changeSetId: call.newId,
        name: again,
        targets: { fleetId },
        strategy,
        retryOf: params.id,
        reason: body.reason,
      };
    },
    resourceId: (call) => call.newId,
    done: (call) => changeSetAnswer(call, call.newId, 201),
  }),
];
