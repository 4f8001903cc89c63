// What a change set would take and what its gates would see, by what its bots had to do of late. Changes nothing.
import { SimulateChangeSet, Strategy } from '@molthub/contracts';
import { Rejected } from '@molthub/decider';
import { answer } from '@molthub/service';
import { z } from 'zod';
import { forecast, type Traffic } from './forecast.ts';

/** Long enough to have a day and a night in it. */
const trafficHours = 24;

const Row = z.object({
  strategy: Strategy,
  botId: z.uuid(),
  wave: z.int(),
  requests: z.number(),
  errors: z.number(),
  hours: z.number().nullable(),
});

export const simulate = answer(SimulateChangeSet, async ({ data, workspace }, { reads, now }) => {
  const rows = z.array(Row).parse(
    await reads(
      `select c.strategy, p.bot_id as "botId", p.wave, coalesce(t.requests, 0)::float8 as requests,
         coalesce(t.errors, 0)::float8 as errors, t.hours
       from change_sets c join change_set_bots p on p.change_set_id = c.id
       left join lateral (
         select sum(w.requests) as requests, sum(w.errors) as errors,
           extract(epoch from $3::timestamptz - min(w.from_at))::float8 / 3600 as hours
         from trace_windows w
         where w.bot_id = p.bot_id and w.from_at > $3::timestamptz - interval '${trafficHours} hours') t on true
       where c.id = $1 and c.workspace = $2 order by p.wave, p.bot_name`,
      [data.changeSetId, workspace, now()],
    ),
  );
  const [first] = rows;
  if (!first) throw new Rejected('rollout.change-set-not-found', 'There is no such change set.');
  const waves = [...Map.groupBy(rows, ({ wave }) => wave).values()].map((wave) => wave.map(({ botId }) => botId));
  const traffic = new Map(
    rows.flatMap(({ botId, requests, errors, hours }): (readonly [string, Traffic])[] =>
      hours === null || hours === 0
        ? []
        : [[botId, { requestsPerHour: requests / hours, errorRate: requests === 0 ? null : errors / requests }]],
    ),
  );
  return { ...forecast(first.strategy, waves, traffic), botsWithTraffic: traffic.size, trafficHours };
});
