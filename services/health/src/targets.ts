// Which bots are to be asked, and where: what the reconciler says about their processes.
import {
  BotActionAccepted,
  BotAssigned,
  BotConverged,
  BotDestroyed,
  BotFailed,
  BotPaused,
  BotStarted,
  BotStopped,
  type DriftClass,
  DriftHealed,
  type FactOf,
  Hash,
  HealthCheck,
  type Recorded,
} from '@molthub/contracts';
import type { Migration } from '@molthub/event-store';
import type { Listener } from '@molthub/service';
import { z } from 'zod';
import { momentsMax } from './finding/rules.ts';

export const migrations: readonly Migration[] = [
  {
    name: '0001_targets',
    sql: `
      create sequence target_revision;
      create table targets (
        workspace text not null, bot_id uuid primary key, fleet_id uuid not null, mode text not null,
        url text, token_reference text, simulated boolean not null, hash text,
        revision bigint not null default nextval('target_revision')
      );
      create index on targets (revision);
      create table readings (
        bot_id uuid primary key, probed_at timestamptz not null, latency_ms double precision, detail text not null
      );
      create table probes (
        workspace text not null, bot_id uuid not null, probed_at timestamptz not null, status text not null,
        latency_ms double precision, detail text not null, primary key (bot_id, probed_at)
      );
      create index on probes using brin (probed_at);
    `,
  },
  {
    name: '0002_health_check',
    sql: `
      alter table targets add column health_check jsonb not null default '{"kind":"engine","failuresMax":2}';
      alter table targets alter column health_check drop default;
    `,
  },
  { name: '0003_restarts', sql: `alter table targets add column restarts timestamptz[] not null default '{}'` },
];

/** Only a bot that is meant to run is asked, and not if its manifest says no. */
export const Mode = z.enum(['STARTING', 'RUNNING', 'STOPPED', 'PAUSED', 'DESTROYED']);
export const Target = z.object({
  workspace: z.string(),
  botId: z.uuid(),
  fleetId: z.uuid(),
  mode: Mode,
  url: z.string().nullable(),
  tokenReference: z.string().nullable(),
  simulated: z.boolean(),
  hash: Hash.nullable(),
  healthCheck: HealthCheck,
});
export type Target = z.infer<typeof Target>;

const heard = [
  BotAssigned,
  BotStarted,
  BotConverged,
  BotFailed,
  BotStopped,
  BotPaused,
  BotDestroyed,
  BotActionAccepted,
  DriftHealed,
] as const;
type Heard = FactOf<(typeof heard)[number]>;
const types = new Set<string>(heard.map(({ type }) => type));
const isHeard = (event: Recorded): event is Recorded<Heard> => types.has(event.type);

/** Of a bot whose manifest says nothing of it. */
export const defaultHealthCheck = HealthCheck.parse({ kind: 'engine' });

/** What an event changes; absent fields stay as they are. */
type Change = Pick<Target, 'workspace' | 'botId' | 'fleetId'> & Partial<Target>;

const changeOf = ({ workspace, ...event }: Recorded<Heard>): Change => {
  const { botId, fleetId } = event.data;
  const bot = { workspace, botId, fleetId };
  switch (event.type) {
    case 'reconciler.bot.assigned.v1': {
      const { simulated, resolved } = event.data;
      return { ...bot, simulated, healthCheck: resolved.spec.healthCheck ?? defaultHealthCheck };
    }
    case 'reconciler.bot.failed.v1':
      return { ...bot, simulated: event.data.simulated };
    case 'reconciler.bot.started.v1':
      return { ...bot, mode: 'RUNNING', url: event.data.endpoint.url, simulated: event.data.simulated };
    case 'reconciler.bot.converged.v1':
    case 'reconciler.drift.healed.v1': {
      const { endpoint, tokenReference, simulated } = event.data;
      const hash = 'hash' in event.data ? { hash: event.data.hash } : {};
      return { ...bot, mode: 'RUNNING', url: endpoint.url, tokenReference, simulated, ...hash };
    }
    case 'reconciler.bot.stopped.v1':
      return { ...bot, mode: 'STOPPED' };
    case 'reconciler.bot.paused.v1':
      return { ...bot, mode: 'PAUSED' };
    case 'reconciler.bot.destroyed.v1':
      return { ...bot, mode: 'DESTROYED' };
    case 'reconciler.bot.action-accepted.v1':
      return event.data.action === 'resume' ? { ...bot, mode: 'RUNNING' } : bot;
    default:
      return bot;
  }
};

/** What a bot that went down is healed of. */
const downClasses: readonly DriftClass[] = ['process', 'missing', 'unreachable', 'health'];

/** When each bot was brought back after it went down by itself: nobody asked for those restarts. */
const restartsOf = (events: readonly Recorded<Heard>[]) =>
  events.flatMap((event) =>
    event.type === DriftHealed.type && event.data.classes.some((drift) => downClasses.includes(drift))
      ? [{ botId: event.data.botId, time: event.time }]
      : [],
  );

/** `changed` is called after each commit. */
export const targetListener = (changed: () => void): Listener => ({
  name: 'targets',
  sources: ['reconciler'],
  types: [...types],
  sendsAtOnce: true,
  apply: async (events, sql) => {
    const own = events.filter(isHeard);
    const changes = new Map<string, Change>();
    for (const change of own.map(changeOf)) {
      changes.set(change.botId, { ...changes.get(change.botId), ...change });
    }
    if (changes.size === 0) return;
    const inserted = sql(
      `insert into targets as t (workspace, bot_id, fleet_id, mode, url, token_reference, simulated, hash,
         health_check)
       select workspace, "botId", "fleetId", coalesce(mode, 'STARTING'), url, "tokenReference",
         coalesce(simulated, false), hash, coalesce("healthCheck", $2)
       from jsonb_to_recordset($1) as c (workspace text, "botId" uuid, "fleetId" uuid, mode text, url text,
         "tokenReference" text, simulated boolean, hash text, "healthCheck" jsonb)
       on conflict (bot_id) do nothing`,
      [JSON.stringify([...changes.values()]), JSON.stringify(defaultHealthCheck)],
    );
    const updated = sql(
      `update targets t set mode = coalesce(c.mode, t.mode), url = coalesce(c.url, t.url),
         token_reference = coalesce(c."tokenReference", t.token_reference),
         simulated = coalesce(c.simulated, t.simulated), hash = coalesce(c.hash, t.hash),
         health_check = coalesce(c."healthCheck", t.health_check),
         revision = nextval('target_revision')
       from jsonb_to_recordset($1) as c ("botId" uuid, mode text, url text, "tokenReference" text, simulated boolean,
         hash text, "healthCheck" jsonb)
       where t.bot_id = c."botId"`,
      [JSON.stringify([...changes.values()])],
    );
    const restarts = restartsOf(own);
    const counted =
      restarts.length > 0 &&
      sql(
        `update targets t set restarts = c.moments[greatest(1, cardinality(c.moments) - ${momentsMax - 1}):]
         from (
           select bot_id, k.restarts || array_agg(r.time order by r.time) as moments
           from jsonb_to_recordset($1) as r ("botId" uuid, time timestamptz) join targets k on k.bot_id = r."botId"
           group by bot_id, k.restarts) c
         where t.bot_id = c.bot_id`,
        [JSON.stringify(restarts)],
      );
    await Promise.all([inserted, updated, counted]);
  },
  applied: changed,
});
