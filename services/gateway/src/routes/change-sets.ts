import {
  Actor,
  ChangeSetBotsView,
  ChangeSetStatus,
  CreateChangeSet,
  GateKind,
  GateVerdict,
  Hash,
  RefusedBot,
  Role,
  SimulateChangeSet,
  Strategy,
  VersionReference,
} from '@molthub/contracts';
import { etagOf } from '@molthub/http';
import { z } from 'zod';
import { listing } from '../listing.ts';
import { oneRow, plainRow } from '../read-side.ts';
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
    skipped: z.int(),
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
const Approval = z.object({ approver: Actor, role: Role, reason: z.string(), approvedAt: time });
export const ChangeSet = Summary.extend({
  waves: z.array(Wave),
  notes: z.array(z.string()).describe('What to know of the plan before it starts.'),
  approvals: z.array(Approval),
  refusedBots: z.array(RefusedBot),
});
const Verdict = z.object({
  wave: z.int(),
  gate: GateKind,
  verdict: GateVerdict,
  message: z.string(),
  evidence: z.record(z.string(), z.json()),
  judgedAt: time,
});

const progress = `json_build_object('total', c.total, 'updated', c.updated, 'failed', c.failed, 'skipped', c.skipped,
  'remaining', greatest(c.total - c.updated - c.failed - c.skipped, 0),
  'percentage', round(100.0 * (c.updated + c.failed + c.skipped) / greatest(c.total, 1), 1))`;
const columns = `c.id, c.name, c.status, c.origin, c.fleet_id as "fleetId", c.fleet_name as "fleetName", c.strategy,
  c.plan_hash as "planHash", ${progress} as progress, c.refused, c.reason, c.message, c.author, c.version,
  c.created_at as "createdAt", c.started_at as "startedAt", c.finished_at as "finishedAt"`;
const waves = `(select coalesce(json_agg(w order by w.index), '[]') from (
    select b.wave as index, json_agg(b.bot_id order by b.bot_name) as "botInstanceIds"
    from rollout_read.change_set_bots b where b.workspace = $1 and b.change_set_id = c.id group by b.wave) w) as waves`;

const approvals = `(select coalesce(json_agg(json_build_object('approver', a.approver, 'role', a.role, 'reason', a.reason,
    'approvedAt', to_char(a.approved_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')) order by a.approved_at), '[]')
  from rollout_read.approvals a where a.workspace = $1 and a.change_set_id = c.id) as approvals`;

export const changeSetAnswer = async (call: Call, id: string, status = 200): Promise<Answer> => {
  const rows = await call.world.views(
    `select ${columns}, c.notes, c.refused_bots as "refusedBots", ${waves}, ${approvals} from rollout_read.change_sets c where c.workspace = $1 and c.id = $2`,
    [call.workspace, id],
  );
  const body = oneRow(rows, 'change set');
  return { status, body, headers: { etag: etagOf(Number(body['version'])) } };
};

export const ofChangeSet = ({ params }: { readonly params: { readonly id: string } }) => [
  { kind: 'change-set', id: params.id } as const,
];

const targetsOf = ({ body }: { readonly body: z.infer<typeof Body> }) =>
  'fleetId' in body.targets
    ? [{ kind: 'fleet', id: body.targets.fleetId } as const]
    : body.targets.botInstanceIds.map((id) => ({ kind: 'bot', id }) as const);

const Body = CreateChangeSet.data.omit({ changeSetId: true, publishedVersions: true });

/** What whoever asks can know to be published: rollout plans nothing older, though it hears of it later than we do. */
const publishedVersions = async (call: Call, targets: z.infer<typeof Body>['targets']): Promise<number> => {
  const [where, target] =
    'fleetId' in targets ? ['fleet_id = $2::uuid', targets.fleetId] : ['id = any($2::uuid[])', targets.botInstanceIds];
  const [row] = await call.world.views(
    `select coalesce(sum(manifest_version), 0)::int as versions from config_read.bots where workspace = $1 and ${where}`,
    [call.workspace, target],
  );
  return Number(row?.['versions'] ?? 0);
};

const Simulated = z.object({
  leastSeconds: z.number().describe('From the first wave to the end, without the time that bots take to move.'),
  botsWithTraffic: z.int(),
  trafficHours: z.int(),
  waves: z.array(
    z.object({
      wave: z.int(),
      bots: z.int(),
      moved: z.int(),
      remaining: z.int(),
      leastSeconds: z.number(),
      sight: z
        .object({
          kind: z.enum(['nothing-to-compare', 'unknown', 'known']),
          smallestRise: z.number().nullable().optional(),
          secondsForAsked: z.number().nullable().optional(),
          requests: z.number().optional(),
          cleanRateBelow: z.number().optional(),
          message: z.string(),
        })
        .nullable(),
    }),
  ),
  notes: z.array(z.string()),
});

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
    run: (call, { params }) => changeSetAnswer(call, params.id),
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
      waves: z.int(),
      verdicts: z.array(Verdict).describe('What the gates of each wave said last; a strategy ALL of its own has none.'),
      canRollback: z.boolean(),
      message: z.string(),
    }),
    run: async (call, { params }) => {
      const rows = await call.world.views(
        `select c.status, ${progress} as progress, c.current_wave as "currentWave", c.waves, c.message,
           c.status in ('RUNNING', 'PAUSED', 'SUCCEEDED', 'FAILED', 'ABORTED') and c.started_at is not null as "canRollback"
         from rollout_read.change_sets c where c.workspace = $1 and c.id = $2`,
        [call.workspace, params.id],
      );
      const verdicts = await call.world.views(
        `select g.wave, g.gate, g.verdict, g.message, g.evidence, g.judged_at as "judgedAt" from rollout_read.gates g
         where g.workspace = $1 and g.change_set_id = $2 order by g.wave, g.gate`,
        [call.workspace, params.id],
      );
      return { status: 200, body: { ...oneRow(rows, 'change set'), verdicts: verdicts.map(plainRow) } };
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
  route({
    method: 'POST',
    path: '/change-sets/:id/simulate',
    permission: 'change-set:read',
    reach: 'subject',
    summary: 'Answers what a change set takes at least, and what its traces gate would see. Changes nothing.',
    params: Id,
    subjects: ofChangeSet,
    answer: Simulated,
    run: async (call, { params }) => ({
      status: 200,
      body: await call.dispatch.ask(call, SimulateChangeSet, { changeSetId: params.id }),
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
    data: async (call, { body }) => ({
      ...body,
      changeSetId: call.newId,
      publishedVersions: await publishedVersions(call, body.targets),
    }),
    resourceId: (call) => call.newId,
    done: (call) => changeSetAnswer(call, call.newId, 201),
  }),
];
