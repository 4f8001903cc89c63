// A job that tells a fleet's counts when they changed, at most once a second.
import { setTimeout as delay } from 'node:timers/promises';
import { BotHealthChanged, HealthCounts, ReportFleet } from '@molthub/contracts';
import type { Job } from '@molthub/service';
import { z } from 'zod';
import type { Wake } from './wake.ts';

const debounceMs = 1_000;
const sweepMs = 15_000;
const Row = z.object({ workspace: z.string(), fleetId: z.uuid(), counts: HealthCounts });

/** Fleets whose bots are no longer counted as was told; a bot that was never asked is unknown. */
const changedFleets = `
  with now as (
    select t.workspace, t.fleet_id, count(*) filter (where b.status = 'HEALTHY')::int as healthy,
      count(*) filter (where b.status = 'DEGRADED')::int as degraded,
      count(*) filter (where b.status = 'UNHEALTHY')::int as unhealthy,
      count(*) filter (where coalesce(b.status, 'UNKNOWN') = 'UNKNOWN')::int as unknown
    from targets t left join bots b on b.bot_id = t.bot_id where t.mode <> 'DESTROYED' group by 1, 2
  ), told as (select workspace, fleet_id, healthy, degraded, unhealthy, unknown from fleets)
  select coalesce(now.workspace, told.workspace) as workspace, fleet_id as "fleetId",
    json_build_object('healthy', coalesce(now.healthy, 0), 'degraded', coalesce(now.degraded, 0),
      'unhealthy', coalesce(now.unhealthy, 0), 'unknown', coalesce(now.unknown, 0)) as counts
  from now full join told using (fleet_id)
  where (coalesce(now.healthy, 0), coalesce(now.degraded, 0), coalesce(now.unhealthy, 0), coalesce(now.unknown, 0))
    is distinct from (coalesce(told.healthy, 0), coalesce(told.degraded, 0), coalesce(told.unhealthy, 0),
      coalesce(told.unknown, 0))`;

/** `wake` rings when bots came or went. */
export const rollUp = (wake: Wake): Job => ({
  name: 'roll-up',
  single: true,
  run: async (runtime, signal) => {
    const stop = runtime.committed((events) => {
      if (events.some(({ type }) => type === BotHealthChanged.type)) wake.ring();
    });
    try {
      while (!signal.aborted) {
        for (const { workspace, ...report } of z.array(Row).parse(await runtime.reads(changedFleets))) {
          await runtime.execute(ReportFleet, report, { workspace });
        }
        await delay(debounceMs, undefined, { signal });
        await wake.next(sweepMs, signal);
      }
    } finally {
      stop();
    }
  },
});
