// The first page of a console: what there is, how it is and what happened lately. Every figure is of the read side.
import {
  allows,
  FindingKind,
  FindingSeverity,
  HealthCounts,
  HealthStatus,
  latencyBucketsMs,
  type Permission,
} from '@molthub/contracts';
import { z } from 'zod';
import { oneRow, plainRow } from '../read-side.ts';
import { type Call, route, type Route } from '../route.ts';
import { FleetHealth, healthOfWorkspace } from './health.ts';
import { time } from './shapes.ts';
import { scopeOf, visible } from './traces/trace-row.ts';

const Metrics = z.object({
  fleets: z.int(),
  bots: HealthCounts.extend({
    total: z.int(),
    drifted: z.int(),
    failed: z.int().describe('Those that the reconciler could not bring to what was released.'),
    simulated: z.int(),
  }),
  findings: z.object({ warning: z.int(), critical: z.int() }).describe('Open ones.'),
  changeSets: z.object({ active: z.int(), failedLastDay: z.int().describe('Those rolled back included.') }),
  lastHour: z.object({
    requests: z.int(),
    simulatedRequests: z.int().describe('Of requests, those of simulated bots.'),
    failedRequests: z.int(),
    failureRate: z.number().nullable().describe('Null without requests.'),
    latencyMs: z
      .object({ p50: z.number(), p95: z.number(), p99: z.number() })
      .nullable()
      .describe('Null without requests. Right to the bucket: calls count as spread evenly inside of one.'),
    inputTokens: z.int(),
    outputTokens: z.int(),
    costUsd: z.number().nullable().describe('Of calls that have a price; null where calls were made and none has one.'),
    unpricedCalls: z.int(),
  }),
  at: time,
});

const inventory = `with mine as (
    select b.id, coalesce(r.simulated, b.engine = 'simulated') as simulated, coalesce(r.drift_status, 'UNKNOWN') as drift,
      coalesce(r.status, 'CREATING') as status, coalesce(h.status, 'UNKNOWN') as health
    from config_read.bots b left join reconciler_read.bots r on r.bot_id = b.id
    left join health_read.bots h on h.bot_id = b.id
    where b.workspace = $1 and ($2::uuid[] is null or b.fleet_id = any($2::uuid[])))
  select (select count(*)::int from config_read.fleets f
      where f.workspace = $1 and ($2::uuid[] is null or f.id = any($2::uuid[]))) as fleets,
    (select json_build_object('total', count(*), 'healthy', count(*) filter (where health = 'HEALTHY'),
      'degraded', count(*) filter (where health = 'DEGRADED'), 'unhealthy', count(*) filter (where health = 'UNHEALTHY'),
      'unknown', count(*) filter (where health = 'UNKNOWN'), 'drifted', count(*) filter (where drift = 'DRIFTED'),
      'failed', count(*) filter (where status = 'ERROR'), 'simulated', count(*) filter (where simulated))
      from mine) as bots,
    (select json_build_object('warning', count(*) filter (where f.severity = 'WARNING'),
      'critical', count(*) filter (where f.severity = 'CRITICAL'))
      from health_read.findings f where f.closed_at is null and ${visible('f')}) as findings,
    (select json_build_object('active', count(*) filter (where c.finished_at is null),
      'failedLastDay', count(*) filter (where c.status in ('FAILED', 'ROLLED_BACK') and c.finished_at > now() - interval '1 day'))
      from rollout_read.change_sets c
      where c.workspace = $1 and ($2::uuid[] is null or c.fleet_id = any($2::uuid[]))) as "changeSets"`;

const buckets = Array.from({ length: latencyBucketsMs.length + 1 }, (_, at) => `sum(m.latency_counts[${at + 1}])`);
const requests = `select coalesce(sum(m.requests), 0)::float8 as requests, coalesce(sum(m.errors), 0)::float8 as errors,
    coalesce(sum(m.requests) filter (where m.simulated), 0)::float8 as simulated,
    coalesce(sum(m.model_calls), 0)::float8 as "modelCalls", coalesce(sum(m.unpriced_calls), 0)::float8 as "unpricedCalls",
    coalesce(sum(m.input_tokens), 0)::float8 as "inputTokens", coalesce(sum(m.output_tokens), 0)::float8 as "outputTokens",
    coalesce(sum(m.cost_usd), 0)::float8 as "costUsd", array[${buckets.join(', ')}]::float8[] as latency
  from trace_read.bot_minutes m where m.minute >= now() - interval '1 hour' and ${visible('m')}`;

const Requests = z.object({
  requests: z.number(),
  errors: z.number(),
  simulated: z.number(),
  modelCalls: z.number(),
  unpricedCalls: z.number(),
  inputTokens: z.number(),
  outputTokens: z.number(),
  costUsd: z.number(),
  latency: z.array(z.number().nullable()),
});

/** The `q` quantile in ms of counts per bucket; the last one is open and counts as its lower edge. Null without any. */
export const latencyQuantile = (counts: readonly number[], q: number): number | null => {
  const total = counts.reduce((sum, count) => sum + count, 0);
  let before = 0;
  for (const [at, count] of counts.entries()) {
    if (count > 0 && before + count >= q * total) {
      const low = latencyBucketsMs[at - 1] ?? 0;
      const high = latencyBucketsMs[at] ?? low;
      return low + ((high - low) * (q * total - before)) / count;
    }
    before += count;
  }
  return null;
};

const lastHourOf = (row: z.infer<typeof Requests>): z.infer<typeof Metrics>['lastHour'] => {
  const counts = row.latency.map((count) => count ?? 0);
  const [p50, p95, p99] = [latencyQuantile(counts, 0.5), latencyQuantile(counts, 0.95), latencyQuantile(counts, 0.99)];
  const isPriced = row.modelCalls === 0 || row.unpricedCalls < row.modelCalls;
  return {
    requests: row.requests,
    simulatedRequests: row.simulated,
    failedRequests: row.errors,
    failureRate: row.requests > 0 ? row.errors / row.requests : null,
    latencyMs: p50 === null || p95 === null || p99 === null ? null : { p50, p95, p99 },
    inputTokens: row.inputTokens,
    outputTokens: row.outputTokens,
    costUsd: isPriced ? row.costUsd : null,
    unpricedCalls: row.unpricedCalls,
  };
};

const alertsMax = 10;
const Alert = z.object({
  id: z.uuid(),
  botInstanceId: z.uuid(),
  fleetId: z.uuid().nullable(),
  kind: FindingKind,
  severity: FindingSeverity,
  title: z.string(),
  openedAt: time,
});

const Activity = z.object({
  at: time,
  kind: z.enum(['BOT', 'CHANGE_SET', 'FINDING', 'TRACE']),
  id: z.string(),
  fleetId: z.uuid().nullable(),
  botInstanceId: z.uuid().nullable(),
  status: z.string(),
  message: z.string(),
});

/** Of each kind so many at most, of the last hour, newest first. */
const perKindMax = 20;
const lately = (column: string) => `${column} > now() - interval '1 hour' order by ${column} desc limit ${perKindMax}`;
/** What a key may not read elsewhere it does not see here. */
const kinds: readonly { readonly needs: Permission; readonly text: string }[] = [
  {
    needs: 'bot:read',
    text: `select r.updated_at as at, 'BOT' as kind, b.id, b.fleet_id as "fleetId", b.id as "botInstanceId", r.status,
        coalesce(r.last_error->>'message', b.name || ' is ' || lower(r.status)) as message
      from reconciler_read.bots r join config_read.bots b on b.id = r.bot_id
      where b.workspace = $1 and ($2::uuid[] is null or b.fleet_id = any($2::uuid[])) and ${lately('r.updated_at')}`,
  },
  {
    needs: 'change-set:read',
    text: `select coalesce(c.finished_at, c.started_at, c.created_at) as at, 'CHANGE_SET' as kind, c.id,
        c.fleet_id as "fleetId", null as "botInstanceId", c.status, c.name as message
      from rollout_read.change_sets c
      where c.workspace = $1 and ($2::uuid[] is null or c.fleet_id = any($2::uuid[]))
        and ${lately('coalesce(c.finished_at, c.started_at, c.created_at)')}`,
  },
  {
    needs: 'health:read',
    text: `select coalesce(f.closed_at, f.opened_at) as at, 'FINDING' as kind, f.id, f.fleet_id as "fleetId",
        f.bot_id as "botInstanceId", case when f.closed_at is null then 'OPEN' else 'CLOSED' end as status,
        f.kind || ': ' || f.title as message
      from health_read.findings f where ${visible('f')} and ${lately('coalesce(f.closed_at, f.opened_at)')}`,
  },
  {
    needs: 'trace:read',
    text: `select t.started_at as at, 'TRACE' as kind, t.id, t.fleet_id as "fleetId", t.bot_id as "botInstanceId",
        t.status, coalesce(t.error_message, t.name) as message
      from trace_read.traces t where ${visible('t')} and ${lately('t.started_at')}`,
  },
];

const activityOf = async (call: Call): Promise<readonly z.infer<typeof Activity>[]> => {
  const { role, scopes } = call.principal;
  const readable = kinds.filter(({ needs }) => allows(role, scopes, needs));
  const rows = await Promise.all(readable.map(({ text }) => call.world.views(text, scopeOf(call))));
  return z
    .array(Activity)
    .parse(rows.flat().map(plainRow))
    .toSorted((a, b) => Date.parse(b.at) - Date.parse(a.at));
};

export const dashboardRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/dashboard/metrics',
    permission: 'dashboard:read',
    reach: 'filtered',
    summary: 'Answers what there is in figures: fleets, bots, findings, change sets and the requests of the last hour.',
    answer: Metrics,
    run: async (call) => {
      const [counted, served] = await Promise.all([
        call.world.views(inventory, scopeOf(call)),
        call.world.views(requests, scopeOf(call)),
      ]);
      const lastHour = lastHourOf(Requests.parse(oneRow(served, 'dashboard')));
      const at = call.world.runtime.now().toISOString();
      return { status: 200, body: { ...oneRow(counted, 'dashboard'), lastHour, at } };
    },
  }),
  route({
    method: 'GET',
    path: '/dashboard/health',
    permission: 'dashboard:read',
    reach: 'filtered',
    summary: `Answers how it all is: as bad as the worst bot, each fleet, and the newest ${alertsMax} open findings.`,
    answer: z.object({
      status: HealthStatus,
      counts: HealthCounts,
      fleets: z.array(FleetHealth),
      findings: z.array(Alert),
    }),
    run: async (call) => {
      const [{ counts, fleets }, findings] = await Promise.all([
        healthOfWorkspace(call),
        call.world.views(
          `select f.id, f.bot_id as "botInstanceId", f.fleet_id as "fleetId", f.kind, f.severity, f.title,
             f.opened_at as "openedAt"
           from health_read.findings f where f.closed_at is null and ${visible('f')}
           order by f.opened_at desc limit ${alertsMax}`,
          scopeOf(call),
        ),
      ]);
      return { status: 200, body: { status: worstOf(counts), counts, fleets, findings: findings.map(plainRow) } };
    },
  }),
  route({
    method: 'GET',
    path: '/dashboard/activity',
    permission: 'dashboard:read',
    reach: 'filtered',
    summary:
      `Answers what happened in the last hour, newest first: at most ${perKindMax} each of bots, change sets, findings and ` +
      'traces, as far as the key may read them.',
    answer: z.object({ items: z.array(Activity) }),
    run: async (call) => ({ status: 200, body: { items: await activityOf(call) } }),
  }),
];

const worstOf = ({ healthy, degraded, unhealthy }: z.infer<typeof HealthCounts>): HealthStatus => {
  if (unhealthy > 0) return 'UNHEALTHY';
  if (degraded > 0) return 'DEGRADED';
  return healthy > 0 ? 'HEALTHY' : 'UNKNOWN';
};
