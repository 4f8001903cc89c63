import {
  ChangeFleetStatus,
  CreateFleet,
  DeleteFleet,
  Environment,
  FleetStatus,
  HealthCounts,
  HealthStatus,
  ReconcileBot,
  Release,
  ResumeHealing,
  UpdateFleet,
} from '@molthub/contracts';
import { etagOf, HttpProblem } from '@molthub/http';
import { derivedId } from '@molthub/identity';
import { z } from 'zod';
import { listing } from '../listing.ts';
import { oneRow } from '../read-side.ts';
import { type Call, change, Id, list, route, type Route } from '../route.ts';
import { expected, text, time } from './shapes.ts';

const Fleet = z.object({
  id: z.uuid(),
  name: z.string(),
  description: z.string(),
  environment: Environment,
  status: FleetStatus,
  tags: z.record(z.string(), z.string()),
  release: Release,
  enforcedPolicyPackIds: z.array(z.string()),
  version: z.int(),
  createdAt: time,
  updatedAt: time,
});

const columns = `f.id, f.name, f.description, f.environment, f.status, f.tags, f.release,
  f.enforced_policy_pack_ids as "enforcedPolicyPackIds", f.version, f.created_at as "createdAt", f.updated_at as "updatedAt"`;

const answer = async (call: Call, id: string, status = 200) => {
  const rows = await call.world.views(
    `select ${columns} from config_read.fleets f where f.workspace = $1 and f.id = $2`,
    [call.workspace, id],
  );
  const body = Fleet.parse(oneRow(rows, 'fleet'));
  return { status, body, headers: { etag: etagOf(body.version) } };
};

const Healing = z.object({
  fleetId: z.uuid(),
  isHeld: z.boolean(),
  /** Since when it is held, and how many bots of how many had drifted within a minute by then. */
  held: z.object({ since: time, drifted: z.int(), bots: z.int() }).nullable(),
});

const healing = async (call: Call, id: string) => {
  const rows = await call.world.views(
    `select f.id as "fleetId", h.since is not null as "isHeld",
       case when h.since is not null
         then json_build_object('since', h.since, 'drifted', h.drifted, 'bots', h.bots) end as held
     from config_read.fleets f left join reconciler_read.healing_holds h on h.fleet_id = f.id
     where f.workspace = $1 and f.id = $2`,
    [call.workspace, id],
  );
  return { status: 200, body: oneRow(rows, 'fleet') };
};

const Body = CreateFleet.data.omit({ fleetId: true });
const Patch = UpdateFleet.data.omit({ fleetId: true, expectedVersion: true });
const Status = ChangeFleetStatus.data.omit({ fleetId: true, expectedVersion: true });
/** Packs are policy's; a fleet names those that there are. One that goes later refuses the fleet's bots. */
const requirePacks = async (
  call: Call,
  { body }: { readonly body: { readonly enforcedPolicyPackIds?: readonly string[] | undefined } },
): Promise<void> => {
  const { enforcedPolicyPackIds: wanted = [] } = body;
  if (wanted.length === 0) return;
  const rows = await call.world.views(
    'select id::text as id from policy_read.packs where workspace = $1 or workspace is null',
    [call.workspace],
  );
  const known = new Set(rows.map(({ id }) => id));
  const errors = wanted.flatMap((id, index) =>
    known.has(id)
      ? []
      : [
          {
            path: `enforcedPolicyPackIds[${index}]`,
            code: 'policy.pack-not-found',
            message: `There is no policy pack ${id}; write the id of one that GET /policy-packs lists, or remove it.`,
          },
        ],
  );
  const [first] = errors;
  if (!first) return;
  throw new HttpProblem({ status: 400, code: 'policy.pack-not-found', detail: first.message, errors });
};
const ofFleet = ({ params }: { readonly params: { readonly id: string } }) => [
  { kind: 'fleet', id: params.id } as const,
];

export const fleets: readonly Route[] = [
  list({
    path: '/fleets',
    permission: 'fleet:read',
    reach: 'filtered',
    summary: 'Lists fleets.',
    item: Fleet,
    listing: listing({
      name: 'fleets',
      columns,
      from: 'config_read.fleets f',
      workspace: 'f.workspace',
      fleet: 'f.id',
      key: { column: 'f.id', type: 'uuid' },
      sorts: {
        name: { column: 'f.name', type: 'text' },
        createdAt: { column: 'f.created_at', type: 'timestamptz' },
        updatedAt: { column: 'f.updated_at', type: 'timestamptz' },
      },
      defaultSort: 'name',
      filters: {
        name: { where: 'f.name = ?', value: text },
        environment: { where: 'f.environment = ?', value: Environment },
        status: { where: 'f.status = ?', value: FleetStatus },
      },
    }),
  }),
  change({
    method: 'POST',
    path: '/fleets',
    permission: 'fleet:create',
    reach: 'workspace',
    summary: 'Creates a fleet.',
    body: Body,
    status: 201,
    answer: Fleet,
    command: CreateFleet,
    check: requirePacks,
    data: (call, { body }) => ({ ...body, fleetId: call.newId }),
    resourceId: (call) => call.newId,
    done: async (call) => {
      const created = await answer(call, call.newId, 201);
      return { ...created, headers: { ...created.headers, location: `/api/v1/fleets/${call.newId}` } };
    },
  }),
  route({
    method: 'GET',
    path: '/fleets/:id',
    permission: 'fleet:read',
    reach: 'subject',
    summary: 'Answers one fleet.',
    params: Id,
    subjects: ofFleet,
    answer: Fleet,
    run: (call, { params }) => answer(call, params.id),
  }),
  change({
    method: 'PATCH',
    path: '/fleets/:id',
    permission: 'fleet:update',
    reach: 'subject',
    summary: 'Changes fields of a fleet.',
    params: Id,
    subjects: ofFleet,
    body: Patch,
    answer: Fleet,
    command: UpdateFleet,
    check: requirePacks,
    data: (call, { params, body }) => ({ ...body, fleetId: params.id, ...expected(call.expectedVersion) }),
    resourceId: (_, { params }) => params.id,
    done: (call, { params }) => answer(call, params.id),
  }),
  change({
    method: 'DELETE',
    path: '/fleets/:id',
    permission: 'fleet:delete',
    reach: 'subject',
    summary: 'Deletes a fleet that has no bots and is not in prod.',
    params: Id,
    subjects: ofFleet,
    status: 204,
    command: DeleteFleet,
    data: (call, { params }) => ({ fleetId: params.id, ...expected(call.expectedVersion) }),
    resourceId: (_, { params }) => params.id,
    done: async () => ({ status: 204 }),
  }),
  change({
    method: 'PATCH',
    path: '/fleets/:id/status',
    permission: 'fleet:update',
    reach: 'subject',
    summary: 'Moves a fleet to another status, which changes what it accepts and whether it is healed.',
    params: Id,
    subjects: ofFleet,
    body: Status,
    answer: Fleet,
    command: ChangeFleetStatus,
    data: (call, { params, body }) => ({ ...body, fleetId: params.id, ...expected(call.expectedVersion) }),
    resourceId: (_, { params }) => params.id,
    done: (call, { params }) => answer(call, params.id),
  }),
  route({
    method: 'GET',
    path: '/fleets/:id/health',
    permission: 'health:read',
    reach: 'subject',
    summary: "Answers a fleet's health: its bots counted by their last confirmed status.",
    params: Id,
    subjects: ofFleet,
    answer: z.object({ fleetId: z.uuid(), status: HealthStatus, counts: HealthCounts, changedAt: time.nullable() }),
    run: async (call, { params }) => {
      const rows = await call.world.views(
        `select f.id as "fleetId", coalesce(h.status, 'UNKNOWN') as status, h.changed_at as "changedAt",
           (select json_build_object(
              'healthy', count(*) filter (where p.status = 'HEALTHY'),
              'degraded', count(*) filter (where p.status = 'DEGRADED'),
              'unhealthy', count(*) filter (where p.status = 'UNHEALTHY'),
              'unknown', count(*) filter (where coalesce(p.status, 'UNKNOWN') = 'UNKNOWN'))
            from config_read.bots b left join health_read.bots p on p.bot_id = b.id
            where b.workspace = $1 and b.fleet_id = $2) as counts
         from config_read.fleets f left join health_read.fleets h on h.fleet_id = f.id
         where f.workspace = $1 and f.id = $2`,
        [call.workspace, params.id],
      );
      return { status: 200, body: oneRow(rows, 'fleet') };
    },
  }),
  route({
    method: 'GET',
    path: '/fleets/:id/healing',
    permission: 'fleet:read',
    reach: 'subject',
    summary: 'Answers whether drifted bots of a fleet are healed, or held because too much of it drifted at once.',
    params: Id,
    subjects: ofFleet,
    answer: Healing,
    run: (call, { params }) => healing(call, params.id),
  }),
  change({
    method: 'POST',
    path: '/fleets/:id/resume-healing',
    permission: 'fleet:reconcile',
    reach: 'subject',
    summary: 'Heals the bots of a fleet again, of which nothing is healed since too much of it drifted at once.',
    params: Id,
    subjects: ofFleet,
    body: z.strictObject({ reason: z.string().max(500).default('') }).default({ reason: '' }),
    answer: Healing,
    command: ResumeHealing,
    data: (_, { params, body }) => ({ fleetId: params.id, reason: body.reason, isOver: false }),
    resourceId: (_, { params }) => params.id,
    done: (call, { params }) => healing(call, params.id),
  }),
  route({
    method: 'POST',
    path: '/fleets/:id/reconcile',
    permission: 'fleet:reconcile',
    reach: 'subject',
    summary: 'Asks the reconciler to look at every bot of a fleet now. The events tell what comes of it.',
    params: Id,
    subjects: ofFleet,
    answer: z.object({ fleetId: z.uuid(), requested: z.int() }),
    run: async (call, { params }) => {
      const rows = await call.world.views(
        'select id from config_read.bots where workspace = $1 and fleet_id = $2 order by id',
        [call.workspace, params.id],
      );
      const ids = z.array(z.object({ id: z.uuid() })).parse(rows);
      for (let from = 0; from < ids.length; from += sentAtOnce) {
        await Promise.all(
          ids.slice(from, from + sentAtOnce).map(({ id }) =>
            call.dispatch.send(call, {
              id: derivedId(call.commandId, id),
              definition: ReconcileBot,
              data: { botId: id, reason: 'the whole fleet' },
            }),
          ),
        );
      }
      return { status: 200, body: { fleetId: params.id, requested: ids.length } };
    },
  }),
];

const sentAtOnce = 100;
