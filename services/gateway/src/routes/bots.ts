import {
  BotStatus,
  CreateBot,
  DriftStatus,
  Environment,
  HealthStatus,
  IssueIngestToken,
  PauseBot,
  ReadBotLogs,
  ReconcileBot,
  RestartBot,
  ResumeBot,
  RetireBot,
  StartBot,
  StopBot,
} from '@molthub/contracts';
import { HttpProblem } from '@molthub/http';
import { sign } from '@molthub/ingest-token';
import { z } from 'zod';
import { listing } from '../listing.ts';
import { oneRow } from '../read-side.ts';
import { type Call, change, Id, list, route, type Route } from '../route.ts';
import { answerBot, Bot, botColumns, botTables, ofBot } from './bot-row.ts';
import { driftRoutes } from './drift.ts';
import { BotHealth, healthOf } from './health.ts';
import { manifestOf, ShownManifest } from './manifest-body.ts';
import { expected, text, time, uuid } from './shapes.ts';

const bots = listing({
  name: 'bot-instances',
  columns: botColumns,
  from: botTables,
  workspace: 'b.workspace',
  fleet: 'b.fleet_id',
  key: { column: 'b.id', type: 'uuid' },
  sorts: { name: { column: 'b.name', type: 'text' }, createdAt: { column: 'b.created_at', type: 'timestamptz' } },
  defaultSort: 'name',
  filters: {
    fleetId: { where: 'b.fleet_id = ?', value: uuid },
    name: { where: 'b.name = ?', value: text },
    environment: { where: 'b.environment = ?', value: Environment },
    status: { where: "coalesce(r.status, 'CREATING') = ?", value: BotStatus },
    health: { where: "coalesce(h.status, 'UNKNOWN') = ?", value: HealthStatus },
    driftStatus: { where: "coalesce(r.drift_status, 'UNKNOWN') = ?", value: DriftStatus },
    target: { where: 'b.target = ?', value: text },
  },
});

const observed = (path: string, what: string): Route =>
  route({
    method: 'PATCH',
    path,
    permission: 'bot:update',
    reach: 'subject',
    summary: `Refused: a bot's ${what} is observed, never set.`,
    params: Id,
    subjects: ofBot,
    body: z.unknown(),
    status: 405,
    run: async () => {
      throw new HttpProblem({
        status: 405,
        code: 'gateway.observed-not-set',
        detail: `A bot's ${what} is what was observed of it and cannot be set. To change the bot, propose a manifest or use an action such as restart.`,
        headers: { allow: path === '/bot-instances/:id' ? 'GET, DELETE' : '' },
      });
    },
  });

const counts = z.record(z.string(), z.int());

const life: readonly Route[] = [
  list({
    path: '/bot-instances',
    permission: 'bot:read',
    reach: 'filtered',
    summary: 'Lists bots.',
    listing: bots,
    item: Bot,
  }),
  route({
    method: 'GET',
    path: '/bot-instances/dashboard',
    permission: 'bot:read',
    reach: 'filtered',
    summary: 'Counts bots by status, health and drift.',
    answer: z.object({ total: z.int(), byStatus: counts, byHealth: counts, byDrift: counts }),
    run: async (call) => {
      const rows = await call.world.views(
        `with bots as (select ${botColumns} from ${botTables}
           where b.workspace = $1 and ($2::uuid[] is null or b.fleet_id = any($2::uuid[])))
         select (select count(*)::int from bots) as total,
           (select coalesce(json_object_agg(k, n), '{}') from (select status k, count(*)::int n from bots group by 1) c) as "byStatus",
           (select coalesce(json_object_agg(k, n), '{}') from (select health k, count(*)::int n from bots group by 1) c) as "byHealth",
           (select coalesce(json_object_agg(k, n), '{}') from (select "driftStatus" k, count(*)::int n from bots group by 1) c) as "byDrift"`,
        [call.workspace, call.principal.fleetIds.length > 0 ? [...call.principal.fleetIds] : null],
      );
      return { status: 200, body: oneRow(rows, 'dashboard') };
    },
  }),
  change({
    method: 'POST',
    path: '/bot-instances',
    permission: 'bot:create',
    reach: 'subject',
    summary: 'Creates a bot in a fleet, once policy has passed its first manifest.',
    body: z.strictObject({ fleetId: z.uuid(), manifest: z.unknown() }),
    bodyShown: z.strictObject({ fleetId: z.uuid(), manifest: ShownManifest }),
    subjects: ({ body }) => [{ kind: 'fleet', id: body.fleetId }],
    status: 201,
    answer: Bot,
    command: CreateBot,
    data: (call, { body }) => ({ botId: call.newId, fleetId: body.fleetId, manifest: manifestOf(body.manifest) }),
    resourceId: (call) => call.newId,
    done: async (call) => {
      const created = await answerBot(call, call.newId, 201);
      return { ...created, headers: { ...created.headers, location: `/api/v1/bot-instances/${call.newId}` } };
    },
  }),
  route({
    method: 'GET',
    path: '/bot-instances/:id',
    permission: 'bot:read',
    reach: 'subject',
    summary: 'Answers one bot: what it is to run and what was observed of it.',
    params: Id,
    subjects: ofBot,
    answer: Bot,
    run: (call, { params }) => answerBot(call, params.id),
  }),
  change({
    method: 'DELETE',
    path: '/bot-instances/:id',
    permission: 'bot:delete',
    reach: 'subject',
    summary: 'Deletes a bot: its process and state are destroyed.',
    params: Id,
    subjects: ofBot,
    status: 204,
    command: RetireBot,
    data: (call, { params }) => ({ botId: params.id, ...expected(call.expectedVersion) }),
    resourceId: (_, { params }) => params.id,
    done: async () => ({ status: 204 }),
  }),
  observed('/bot-instances/:id', 'status or health'),
  observed('/bot-instances/:id/status', 'status'),
  observed('/bot-instances/:id/health', 'health'),
];

const Reason = z.strictObject({ reason: z.string().max(500).default('') }).default({ reason: '' });

const actions = [
  ['restart', 'bot:restart', RestartBot, "Restarts the bot's process."],
  ['pause', 'bot:pause', PauseBot, "Cuts the bot's channels; its process goes on."],
  ['resume', 'bot:resume', ResumeBot, 'Gives a paused bot its channels back.'],
  ['stop', 'bot:stop', StopBot, 'Stops the process and keeps the state.'],
  ['start', 'bot:start', StartBot, 'Starts a stopped bot again.'],
  ['reconcile', 'bot:reconcile', ReconcileBot, 'Looks at the bot now and makes it right.'],
] as const;

const verbs: readonly Route[] = actions.map(([verb, permission, command, summary]) =>
  change({
    method: 'POST',
    path: `/bot-instances/:id/${verb}`,
    permission,
    reach: 'subject',
    summary: `${summary} Answers when the reconciler has taken it on; the timeline tells how it went.`,
    params: Id,
    subjects: ofBot,
    body: Reason,
    answer: Bot,
    command,
    data: (_, { params, body }) => ({ botId: params.id, reason: body.reason }),
    resourceId: (_, { params }) => params.id,
    done: (call, { params }) => answerBot(call, params.id),
  }),
);

const Lines = z.strictObject({
  lines: z
    .string()
    .regex(/^\d{1,4}$/)
    .refine((lines) => Number(lines) >= 1 && Number(lines) <= 1_000, '1 to 1000')
    .default('100'),
});

const Event = z.object({
  sequence: z.int(),
  type: z.string(),
  time,
  message: z.string(),
  data: z.record(z.string(), z.json()),
});

const insides: readonly Route[] = [
  list({
    path: '/bot-instances/:id/events',
    permission: 'bot:read',
    reach: 'subject',
    summary: 'Lists everything that happened to a bot, in order and without gaps.',
    params: Id,
    subjects: ofBot,
    item: Event,
    fixed: ({ id }) => ({ botInstanceId: id }),
    listing: listing({
      name: 'bot-events',
      columns: 't.sequence, t.type, t.time, t.message, t.data',
      from: 'reconciler_read.timeline t',
      workspace: 't.workspace',
      key: { column: 't.sequence', type: 'bigint' },
      sorts: { sequence: { column: 't.sequence', type: 'bigint' } },
      defaultSort: 'sequence',
      pageDefault: 100,
      filters: { type: { where: 't.type = ?', value: text } },
      fixed: { botInstanceId: 't.bot_id = ?' },
    }),
  }),
  route({
    method: 'GET',
    path: '/bot-instances/:id/logs',
    permission: 'bot:logs',
    reach: 'subject',
    summary: "Answers the last lines of a bot's log.",
    params: Id,
    query: Lines,
    subjects: ofBot,
    answer: z.object({ lines: z.array(z.string()), simulated: z.boolean() }),
    run: async (call, { params, query }) => ({
      status: 200,
      body: await call.dispatch.ask(call, ReadBotLogs, { botId: params.id, lines: Number(query.lines) }),
    }),
  }),
  route({
    method: 'GET',
    path: '/bot-instances/:id/health',
    permission: 'health:read',
    reach: 'subject',
    summary: "Answers a bot's health and its latest readings.",
    params: Id,
    subjects: ofBot,
    answer: BotHealth,
    run: async (call, { params }) => ({ status: 200, body: await healthOf(call, params.id) }),
  }),
  route({
    method: 'POST',
    path: '/bot-instances/:id/ingest-token',
    permission: 'ingest-token:create',
    reach: 'subject',
    summary: 'Makes a token with which the bot may send telemetry. The token is in this answer and nowhere else.',
    params: Id,
    subjects: ofBot,
    body: z.strictObject({ expiresInDays: z.int().min(1).max(365).default(90) }).default({ expiresInDays: 90 }),
    status: 201,
    answer: z.object({ token: z.string(), tokenId: z.uuid(), expiresAt: time }),
    secretAnswer: true,
    run: async (call, { params, body }) => {
      const rows = await call.world.views(
        `select b.fleet_id as "fleetId", b.engine = 'simulated' as simulated from config_read.bots b
         where b.workspace = $1 and b.id = $2`,
        [call.workspace, params.id],
      );
      const bot = z.object({ fleetId: z.uuid(), simulated: z.boolean() }).parse(oneRow(rows, 'bot instance'));
      const tokenId = call.newId;
      const known = await expiryOf(call, tokenId);
      const expiresAt =
        known ?? new Date(Math.floor(Date.now() / 1_000) * 1_000 + body.expiresInDays * dayMs).toISOString();
      await call.dispatch.own(call, IssueIngestToken, { tokenId, botId: params.id, expiresAt });
      const claims = { botId: params.id, workspace: call.workspace, ...bot, tokenId, expiresAt };
      return { status: 201, body: { token: await sign(claims, call.world.signingKey), tokenId, expiresAt } };
    },
  }),
];

const dayMs = 86_400_000;

/** When a token that an earlier try of this request issued expires: a repeat gives that very token. */
const expiryOf = async (call: Call, tokenId: string): Promise<string | undefined> => {
  const rows = await call.world.runtime.reads('select expires_at as at from ingest_tokens where id = $1', [tokenId]);
  return rows[0] ? z.object({ at: z.date() }).parse(rows[0]).at.toISOString() : undefined;
};

export const botRoutes: readonly Route[] = [...life, ...verbs, ...driftRoutes, ...insides];
