import {
  FindingKind,
  FindingRepair,
  findingRepairs,
  FindingSeverity,
  HealthCounts,
  HealthStatus,
  ReconcileBot,
  RestartBot,
} from '@molthub/contracts';
import { HttpProblem } from '@molthub/http';
import { z } from 'zod';
import { listing } from '../listing.ts';
import { authorize } from '../principal.ts';
import { oneRow, plainRow } from '../read-side.ts';
import { type Call, Id, list, route, type Route } from '../route.ts';
import { ofBot } from './bot-row.ts';
import { time, uuid } from './shapes.ts';

export const BotHealth = z.object({
  botInstanceId: z.uuid(),
  status: HealthStatus,
  detail: z.string(),
  latencyMs: z.number().nullable(),
  probedAt: time.nullable(),
  changedAt: time.nullable(),
  simulated: z.boolean(),
  readings: z.array(
    z.object({ probedAt: time, status: HealthStatus, latencyMs: z.number().nullable(), detail: z.string() }),
  ),
});

const readingsMax = 100;

export const healthOf = async (call: Call, botId: string): Promise<unknown> => {
  const [rows, readings] = await Promise.all([
    call.world.views(
      `select b.id as "botInstanceId", coalesce(h.status, 'UNKNOWN') as status,
         coalesce(h.detail, 'This bot has not been probed yet.') as detail, h.latency_ms as "latencyMs",
         h.probed_at as "probedAt", h.changed_at as "changedAt", coalesce(h.simulated, b.engine = 'simulated') as simulated
       from config_read.bots b left join health_read.bots h on h.bot_id = b.id where b.workspace = $1 and b.id = $2`,
      [call.workspace, botId],
    ),
    call.world.views(
      `select p.probed_at as "probedAt", p.status, p.latency_ms as "latencyMs", p.detail from health_read.probes p
       where p.workspace = $1 and p.bot_id = $2 order by p.probed_at desc limit ${readingsMax}`,
      [call.workspace, botId],
    ),
  ]);
  return { ...oneRow(rows, 'bot instance'), readings: readings.map(plainRow) };
};

export const FleetHealth = z.object({
  fleetId: z.uuid(),
  name: z.string(),
  status: HealthStatus,
  counts: HealthCounts,
});

/** Bots counted by their health, as far as the key may see them, and each fleet. */
export const healthOfWorkspace = async (call: Call) => {
  const rows = await call.world.views(
    `select f.id as "fleetId", f.name, coalesce(max(s.status), 'UNKNOWN') as status, json_build_object(
       'healthy', count(*) filter (where h.status = 'HEALTHY'),
       'degraded', count(*) filter (where h.status = 'DEGRADED'),
       'unhealthy', count(*) filter (where h.status = 'UNHEALTHY'),
       'unknown', count(b.id) filter (where coalesce(h.status, 'UNKNOWN') = 'UNKNOWN')) as counts
     from config_read.fleets f left join health_read.fleets s on s.fleet_id = f.id
     left join config_read.bots b on b.fleet_id = f.id left join health_read.bots h on h.bot_id = b.id
     where f.workspace = $1 and ($2::uuid[] is null or f.id = any($2::uuid[]))
     group by f.id, f.name order by f.name`,
    [call.workspace, call.principal.fleetIds.length > 0 ? [...call.principal.fleetIds] : null],
  );
  const fleets = z.array(FleetHealth).parse(rows);
  const sum = (key: keyof z.infer<typeof HealthCounts>) => fleets.reduce((n, fleet) => n + fleet.counts[key], 0);
  const counts = {
    healthy: sum('healthy'),
    degraded: sum('degraded'),
    unhealthy: sum('unhealthy'),
    unknown: sum('unknown'),
  };
  return { counts, fleets };
};

/** SQL: what can be done about a finding of its kind. */
const repairOfKind = `'${JSON.stringify(findingRepairs).replaceAll("'", "''")}'::jsonb -> f.kind`;

const findings = list({
  path: '/health/findings',
  permission: 'health:read',
  reach: 'filtered',
  summary: 'Lists what is or was wrong with bots, newest first.',
  item: z.object({
    id: z.uuid(),
    botInstanceId: z.uuid(),
    fleetId: z.uuid().nullable(),
    kind: FindingKind,
    severity: FindingSeverity,
    title: z.string(),
    evidence: z.record(z.string(), z.json()),
    openedAt: time,
    closedAt: time.nullable(),
    repair: FindingRepair.describe('What the repair of a finding does about it, and why that.'),
  }),
  listing: listing({
    name: 'findings',
    columns: `f.id, f.bot_id as "botInstanceId", f.fleet_id as "fleetId", f.kind, f.severity, f.title, f.evidence,
      f.opened_at as "openedAt", f.closed_at as "closedAt", ${repairOfKind} as repair`,
    from: 'health_read.findings f',
    workspace: 'f.workspace',
    fleet: 'f.fleet_id',
    key: { column: 'f.id', type: 'uuid' },
    sorts: { openedAt: { column: 'f.opened_at', type: 'timestamptz' } },
    defaultSort: '-openedAt',
    filters: {
      botInstanceId: { where: 'f.bot_id = ?::uuid', value: uuid },
      fleetId: { where: 'f.fleet_id = ?::uuid', value: uuid },
      kind: { where: 'f.kind = ?', value: FindingKind },
      severity: { where: 'f.severity = ?', value: FindingSeverity },
      open: { where: '(f.closed_at is null) = ?::boolean', value: z.enum(['true', 'false']) },
    },
  }),
});

const Found = z.object({ botId: z.uuid(), kind: FindingKind, closedAt: time.nullable() });
const repairs = {
  restart: { permission: 'bot:restart', command: RestartBot },
  reconcile: { permission: 'bot:reconcile', command: ReconcileBot },
} as const;

/** What a repair of a finding starts; throws 409 where there is nothing to start. */
export const repairOf = ({ kind, closedAt }: Pick<z.infer<typeof Found>, 'kind' | 'closedAt'>) => {
  const { action, why } = findingRepairs[kind];
  if (closedAt !== null) throw refused('finding-closed', `It was over at ${closedAt}: there is nothing to repair.`);
  if (action === 'none') throw refused('no-repair', `Nothing that Molthub can do ends a finding ${kind}. ${why}`);
  return { action, why };
};

const repair = route({
  method: 'POST',
  path: '/health/findings/:id/repair',
  permission: 'health:repair',
  reach: 'subject',
  summary:
    "Does what a finding's kind calls for: restarts or reconciles its bot. Answers when the reconciler has taken it on; " +
    'the finding is closed once it is over.',
  params: Id,
  subjects: ({ params }) => [{ kind: 'finding', id: params.id }],
  isCommand: true,
  answer: z.object({ findingId: z.uuid(), botInstanceId: z.uuid(), started: FindingRepair }),
  run: async (call, { params: { id } }) => {
    const rows = await call.world.views(
      `select f.bot_id as "botId", f.kind, f.closed_at as "closedAt"
       from health_read.findings f where f.workspace = $1 and f.id = $2`,
      [call.workspace, id],
    );
    const { botId, ...found } = Found.parse(oneRow(rows, 'finding'));
    const started = repairOf(found);
    const { permission, command } = repairs[started.action];
    authorize(call.principal, permission);
    return call.dispatch.change(call, {
      definition: command,
      data: { botId, reason: `Repair of finding ${id}: ${found.kind}` },
      resourceId: botId,
      done: async () => ({ status: 200, body: { findingId: id, botInstanceId: botId, started } }),
    });
  },
});

const refused = (reason: string, detail: string) => new HttpProblem({ status: 409, code: `gateway.${reason}`, detail });

export const healthRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/health/workspace',
    permission: 'health:read',
    reach: 'filtered',
    summary: 'Answers the health of the workspace: bots counted by status, and each fleet.',
    answer: z.object({
      counts: HealthCounts,
      fleets: z.array(FleetHealth),
    }),
    run: async (call) => ({ status: 200, body: await healthOfWorkspace(call) }),
  }),
  route({
    method: 'GET',
    path: '/health/bots/:id',
    permission: 'health:read',
    reach: 'subject',
    summary: "Answers a bot's health and its latest readings.",
    params: Id,
    subjects: ofBot,
    answer: BotHealth,
    run: async (call, { params }) => ({ status: 200, body: await healthOf(call, params.id) }),
  }),
  findings,
  repair,
];
