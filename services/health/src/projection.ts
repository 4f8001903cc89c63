// Our facts → the health of bots and fleets. The latest reading of each bot is telemetry and joined by the view.
import { BotHealthChanged, type FactOf, FleetHealthChanged } from '@molthub/contracts';
import { projection, when } from '@molthub/event-store';
import { momentsMax } from './finding/rules.ts';

/** Between well and unhealthy; a bot that is stopped, started or not to be asked does not flap. */
const isFlip = ({ from, to }: FactOf<typeof BotHealthChanged>['data']): boolean =>
  from !== 'UNKNOWN' && to !== 'UNKNOWN' && (from === 'UNHEALTHY') !== (to === 'UNHEALTHY');

export const healthViews = projection({
  name: 'health',
  revision: 4,
  tables: `
    create table bots (
      workspace text not null, bot_id uuid primary key, fleet_id uuid not null, status text not null,
      detail text not null, latency_ms double precision, probed_at timestamptz not null,
      changed_at timestamptz not null, hash text, simulated boolean not null,
      flips timestamptz[] not null
    );
    create index on bots (workspace, status);
    create table fleets (
      workspace text not null, fleet_id uuid primary key, status text not null, healthy int not null,
      degraded int not null, unhealthy int not null, unknown int not null, changed_at timestamptz not null
    );
  `,
  views: {
    bots: `select b.workspace, b.bot_id, b.fleet_id, b.status, coalesce(r.detail, b.detail) as detail,
        coalesce(r.latency_ms, b.latency_ms) as latency_ms, greatest(r.probed_at, b.probed_at) as probed_at,
        b.changed_at, b.hash, b.simulated
      from bots b join targets t on t.bot_id = b.bot_id and t.mode <> 'DESTROYED'
      left join readings r on r.bot_id = b.bot_id and t.mode = 'RUNNING' and t.health_check->>'kind' <> 'none'`,
    fleets: `select workspace, fleet_id, status, changed_at, json_build_object('healthy', healthy,
        'degraded', degraded, 'unhealthy', unhealthy, 'unknown', unknown) as counts from fleets`,
    probes: 'select workspace, bot_id, probed_at, status, latency_ms, detail from probes',
  },
  handlers: [
    when(BotHealthChanged, ({ workspace, data, time }, sql) =>
      sql(
        `insert into bots (workspace, bot_id, fleet_id, status, detail, latency_ms, probed_at, changed_at, hash,
           simulated, flips)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
         on conflict (bot_id) do update set fleet_id = excluded.fleet_id, status = excluded.status,
           detail = excluded.detail, latency_ms = excluded.latency_ms, probed_at = excluded.probed_at,
           changed_at = case when bots.status = excluded.status then bots.changed_at else excluded.changed_at end,
           hash = excluded.hash, simulated = excluded.simulated,
           flips = (bots.flips || excluded.flips)[greatest(1, cardinality(bots.flips || excluded.flips) - ${momentsMax - 1}):]`,
        [
          workspace,
          data.botId,
          data.fleetId,
          data.to,
          data.detail,
          data.latencyMs,
          data.probedAt,
          time,
          data.hash,
          data.simulated,
          isFlip(data) ? [time] : [],
        ],
      ),
    ),
    when(FleetHealthChanged, ({ workspace, data: { fleetId, status, counts }, time }, sql) =>
      sql(
        `insert into fleets (workspace, fleet_id, status, healthy, degraded, unhealthy, unknown, changed_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)
         on conflict (fleet_id) do update set status = excluded.status, healthy = excluded.healthy,
           degraded = excluded.degraded, unhealthy = excluded.unhealthy, unknown = excluded.unknown,
           changed_at = excluded.changed_at`,
        [workspace, fleetId, status, counts.healthy, counts.degraded, counts.unhealthy, counts.unknown, time],
      ),
    ),
  ],
});
