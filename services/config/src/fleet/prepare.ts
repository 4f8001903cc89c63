import { Rejected } from '@molthub/decider';
import type { Reads } from '@molthub/event-store';
import type { Prepared } from '@molthub/service';
import type { FleetCommand } from './decider.ts';

/** Another workspace's fleet does not exist here. A fleet never changes its workspace, so reading it early is safe. */
export const prepareFleet = async (command: FleetCommand, reads: Reads): Promise<Prepared<FleetCommand>> => {
  if (command.type === 'config.fleet.create.v1') return { command };
  const found = await reads('select 1 from fleets where id = $1 and workspace = $2', [
    command.data.fleetId,
    command.workspace,
  ]);
  if (found.length === 0) throw new Rejected('config.fleet-not-found', 'There is no such fleet.');
  return { command };
};
