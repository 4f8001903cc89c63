// Fleets of which nothing is healed → `healing_holds`.
import { HealingHeld, type HealingResumed, type FactOf, type Recorded } from '@molthub/contracts';
import type { Projection, Reads } from '@molthub/event-store';
import { z } from 'zod';
import { holdEvents } from './decider.ts';

export const holdsProjection: Projection = {
  name: 'holds',
  revision: 1,
  tables: `
    create table healing_holds (
      fleet_id uuid primary key, workspace text not null, drifted int not null, bots int not null,
      since timestamptz not null
    );`,
  views: { healing_holds: 'select workspace, fleet_id, drifted, bots, since from healing_holds' },
  types: new Set(holdEvents.map((event) => event.type)),
  apply: async (events, sql) => {
    for (const { type, data, workspace, time } of events.filter(isOwn)) {
      if (type === HealingHeld.type) {
        await sql(
          `insert into healing_holds (fleet_id, workspace, drifted, bots, since) values ($1, $2, $3, $4, $5)
           on conflict (fleet_id) do update set drifted = excluded.drifted, bots = excluded.bots, since = excluded.since`,
          [data.fleetId, workspace, data.drifted, data.bots, time],
        );
      } else await sql('delete from healing_holds where fleet_id = $1', [data.fleetId]);
    }
  },
};

const ownTypes = new Set<string>(holdEvents.map((event) => event.type));
const isOwn = (event: Recorded): event is Recorded<FactOf<typeof HealingHeld> | FactOf<typeof HealingResumed>> =>
  ownTypes.has(event.type);

const Row = z.object({ fleet_id: z.uuid(), workspace: z.string(), drifted: z.int(), bots: z.int() });
export type HeldFleet = z.infer<typeof Row>;

export const readHolds = async (reads: Reads): Promise<ReadonlyMap<string, HeldFleet>> => {
  const rows = await reads('select fleet_id, workspace, drifted, bots from healing_holds');
  return new Map(rows.map((row) => Row.parse(row)).map((row) => [row.fleet_id, row]));
};
