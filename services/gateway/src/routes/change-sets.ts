import {
  AbortChangeSet,
  Actor,
  ChangeSetBotsView,
  ChangeSetStatus,
  CreateChangeSet,
  Hash,
  RefusedBot,
  RollBackChangeSet,
  StartChangeSet,
  Strategy,
  VersionReference,
} from '@molthub/contracts';
import { etagOf } from '@molthub/http';
import { z } from 'zod';
import { listing } from '../listing.ts';
import { oneRow } from '../read-side.ts';
import { type Answer, type Call, change, Id, list, route, type Route } from '../route.ts';
import { text, time, uuid } from './shapes.ts';

const Summary = z.object({
  id: z.uuid(),
  name: z.string(),
  status: ChangeSetStatus,
  origin: z.string(),
  fleetId: z.uuid(),
  fleetName: z.string(),
  strategy: Strategy,
  planHash: Hash,
  progress: z.object({
    total: z.int(),
    updated: z.int(),
    failed: z.int(),
    remaining: z.int(),
    percentage: z.number(),
  }),
  refused: z.int().describe('Bots that were to be in it, and whose new version was not taken.'),
  reason: z.string(),
  message: z.string(),
  author: Actor,
  version: z.int(),
  createdAt: time,
  startedAt: time.nullable(),
  finishedAt: time.nullable(),
});
const Wave = z.object({ index: z.int(), botInstanceIds: z.array(z.uuid()) });
const ChangeSet = Summary.extend({ waves: z.array(Wave), refusedBots: z.array(RefusedBot) });

const progress = `json_build_object('total', c.total, 'updated', c.updated, 'failed', c.failed,
  'remaining', greatest(c.total - c.updated - c.failed, 0),
  'percentage', round(100.0 * (c.updated + c.failed) / greatest(c.total, 1), 1))`;
const columns = `c.id, c.name, c.status, c.origin, c.fleet_id as "fleetId", c.fleet_name as "fleetName", c.strategy,
  c.plan_hash as "planHash", ${progress} as progress, c.refused, c.reason, c.message, c.author, c.version,
  c.created_at as "createdAt", c.started_at as "startedAt", c.finished_at as "finishedAt"`;
const waves = `(select coalesce(json_agg(w order by w.index), '[]') from (
    select b.wave as index, json_agg(b.bot_id order by b.bot_name) as "botInstanceIds"
    from rollout_read.change_set_bots b where b.workspace = $1 and b.change_set_id = c.id group by b.wave) w) as waves`;

const answer = async (call: Call, id: string, status = 200): Promise<Answer> => {
  const rows = await call.world.views(
    `select ${columns}, c.refused_bots as "refusedBots", ${waves} from rollout_read.change_sets c where c.workspace = $1 and c.id = $2`,
    [call.workspace, id],
  );
  const body = oneRow(rows, 'change set');
  return { status, body, headers: { etag: etagOf(Number(body['version'])) } };
};

const ofChangeSet = ({ params }: { readonly params: { readonly id: string } }) => [
  { kind: 'change-set', id: params.id } as const,
];

const targetsOf = ({ body }: { readonly body: z.infer<typeof Body> }) =>
  'fleetId' in body.targets
    ? [{ kind: 'fleet', id: body.targets.fleetId } as const]
    : body.targets.botInstanceIds.map((id) => ({ kind: 'bot', id }) as const);

const Body = CreateChangeSet.data.omit({ changeSetId: true });

const PlannedRow = z.object({
  botInstanceId: z.uuid(),
  name: z.string(),
  wave: z.int(),
  state: ChangeSetBotsView.row.shape.state,
  before: VersionReference.nullable(),
  after: VersionReference,
  message: z.string(),
});

const reading: readonly Route[] = [
  list({
    path: '/change-sets',
    permission: 'change-set:read',
    reach: 'filtered',
    summary: 'Lists change sets, newest first.',
    item: Summary,
    listing: listing({
      name: 'change-sets',
      columns,
      from: 'rollout_read.change_sets c',
      workspace: 'c.workspace',
      fleet: 'c.fleet_id',
      key: { column: 'c.id', type: 'uuid' },
      sorts: { createdAt: { column: 'c.created_at', type: 'timestamptz' }, name: { column: 'c.name', type: 'text' } },
      defaultSort: '-createdAt',
      filters: {
        fleetId: { where: 'c.fleet_id = ?', value: uuid },
        status: { where: 'c.status = ?', value: ChangeSetStatus },
        name: { where: 'c.name = ?', value: text },
        botInstanceId: {
          where: `c.id in (select b.change_set_id from rollout_read.change_set_bots b where b.bot_id = ?)`,
          value: uuid,
        },
      },
    }),
  }),
  route({
    method: 'GET',
    path: '/change-sets/:id',
    permission: 'change-set:read',
    reach: 'subject',
    summary: 'Answers one change set.',
    params: Id,
    subjects: ofChangeSet,
    answer: ChangeSet,
    run: (call, { params }) => answer(call, params.id),
  }),
  route({
    method: 'GET',
    path: '/change-sets/:id/status',
    permission: 'change-set:read',
    reach: 'subject',
    summary: 'Answers how far a change set is.',
    params: Id,
    subjects: ofChangeSet,
    answer: z.object({
      status: ChangeSetStatus,
      progress: Summary.shape.progress,
      currentWave: z.int().nullable(),
      verdicts: z.array(z.json()).describe('Empty: strategy ALL has no gates.'),
      canRollback: z.boolean(),
      message: z.string(),
    }),
    run: async (call, { params }) => {
      const rows = await call.world.views(
        `select c.status, ${progress} as progress, c.current_wave as "currentWave", c.message,
           c.status in ('RUNNING', 'SUCCEEDED', 'FAILED', 'ABORTED') and c.started_at is not null as "canRollback"
         from rollout_read.change_sets c where c.workspace = $1 and c.id = $2`,
        [call.workspace, params.id],
      );
      return { status: 200, body: { ...oneRow(rows, 'change set'), verdicts: [] } };
    },
  }),
  list({
    path: '/change-sets/:id/plan',
    permission: 'change-set:read',
    reach: 'subject',
    summary: 'Lists the bots of a plan: what each runs before and after, in which wave, and how it went.',
    params: Id,
    subjects: ofChangeSet,
    item: PlannedRow,
    fixed: ({ id }) => ({ changeSetId: id }),
    listing: listing({
      name: 'plan',
      columns: `p.bot_id as "botInstanceId", p.bot_name as name, p.wave, p.state, p.before, p.after, p.message`,
      from: 'rollout_read.change_set_bots p',
      workspace: 'p.workspace',
      key: { column: 'p.bot_id', type: 'uuid' },
      sorts: { wave: { column: 'p.wave', type: 'bigint' }, name: { column: 'p.bot_name', type: 'text' } },
      defaultSort: 'wave',
      filters: {
        state: { where: 'p.state = ?', value: PlannedRow.shape.state },
        botInstanceId: { where: 'p.bot_id = ?', value: uuid },
      },
      fixed: { changeSetId: 'p.change_set_id = ?' },
    }),
  }),
  list({
    path: '/change-sets/:id/events',
    permission: 'change-set:read',
    reach: 'subject',
    summary: 'Lists the events of a change set and of its bots in it, in the order of the feed.',
    params: Id,
    subjects: ofChangeSet,
    item: z.object({ sequence: z.int(), type: z.string(), time, stream: z.string(), data: z.json() }),
    fixed: ({ id }) => ({ changeSetId: id }),
    listing: listing({
      name: 'change-set-events',
      columns: `e.seq::int as sequence, e.type, e.at as time, e.stream, e.event->'data' as data`,
      from: 'gateway_read.feed e',
      workspace: 'e.workspace',
      key: { column: 'e.seq', type: 'bigint' },
      sorts: { sequence: { column: 'e.seq', type: 'bigint' } },
      defaultSort: 'sequence',
      pageDefault: 100,
      filters: { type: { where: 'e.type = ?', value: text } },
      fixed: { changeSetId: `(e.stream = 'change-set-' || ? or e.stream like 'release-' || ? || '-%')` },
    }),
  }),
];

const Reason = z.strictObject({ reason: z.string().max(500).default('') }).default({ reason: '' });

const verbs = [
  ['start', 'change-set:start', StartChangeSet, 'Starts a planned change set.'],
  ['abort', 'change-set:abort', AbortChangeSet, 'Starts no further bot of a change set; idempotent.'],
  ['rollback', 'change-set:rollback', RollBackChangeSet, 'Takes each bot back to its own previous version.'],
] as const;

export const changeSetRoutes: readonly Route[] = [
  ...reading,
  change({
    method: 'POST',
    path: '/change-sets',
    permission: 'change-set:create',
    reach: 'subject',
    summary: 'Plans a change set that releases the newest published version of the chosen bots.',
    body: Body,
    subjects: targetsOf,
    status: 201,
    answer: ChangeSet,
    command: CreateChangeSet,
    data: (call, { body }) => ({ ...body, changeSetId: call.newId }),
    resourceId: (call) => call.newId,
    done: (call) => answer(call, call.newId, 201),
  }),
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
      done: (call, { params }) => answer(call, params.id),
    }),
  ),
];
