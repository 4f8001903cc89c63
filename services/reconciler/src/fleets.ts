// What the reconciler has to know of fleets: whether their bots are healed, left alone, or stopped.
import { FleetStatus } from '@molthub/contracts';
import type { Migration, Reads } from '@molthub/event-store';
import type { Listener } from '@molthub/service';
import { z } from 'zod';

export const fleetsMigration: Migration = {
  name: '0001_fleets',
  sql: `create table fleets (
    fleet_id uuid primary key,
    workspace text not null,
    status text not null
  )`,
};

const Row = z.object({ fleet_id: z.uuid(), status: FleetStatus });

/** A fleet without a row never changed its status: it is active. */
export const readFleets = async (reads: Reads): Promise<ReadonlyMap<string, FleetStatus>> => {
  const rows = await reads('select fleet_id, status from fleets');
  return new Map(rows.map((row) => Row.parse(row)).map((row) => [row.fleet_id, row.status]));
};

/** Keeps the table, and tells the loop of this process that something changed. */
export const fleetsListener = (changed: () => void): Listener => ({
  name: 'fleets',
  sources: ['config'],
  types: ['config.fleet.status-changed.v1', 'config.fleet.deleted.v1'],
  apply: async (events, sql) => {
    for (const event of events) {
      if (event.type === 'config.fleet.status-changed.v1') {
        const { fleetId, to } = StatusChanged.parse(event.data);
        await sql(
          `insert into fleets (fleet_id, workspace, status) values ($1, $2, $3)
           on conflict (fleet_id) do update set status = excluded.status`,
          [fleetId, event.workspace, to],
        );
      } else {
        await sql('delete from fleets where fleet_id = $1', [Deleted.parse(event.data).fleetId]);
      }
    }
  },
  applied: changed,
});

const StatusChanged = z.object({ fleetId: z.uuid(), to: FleetStatus });
const Deleted = z.object({ fleetId: z.uuid() });
