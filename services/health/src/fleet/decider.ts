// A fleet's health, rolled up from its bots.
import {
  type CommandOf,
  type FactOf,
  FleetHealthChanged,
  type HealthCounts,
  type HealthStatus,
  type ReportFleet,
} from '@molthub/contracts';
import type { Decider } from '@molthub/decider';

/** As bad as its worst bot; unknown only if nothing is known of any bot. */
export const statusOf = ({ healthy, degraded, unhealthy }: HealthCounts): HealthStatus => {
  if (unhealthy > 0) return 'UNHEALTHY';
  if (degraded > 0) return 'DEGRADED';
  return healthy > 0 ? 'HEALTHY' : 'UNKNOWN';
};

export type FleetHealth = { readonly counts: HealthCounts };

const isSame = (a: HealthCounts, b: HealthCounts): boolean =>
  a.healthy === b.healthy && a.degraded === b.degraded && a.unhealthy === b.unhealthy && a.unknown === b.unknown;

export const fleetHealth: Decider<FleetHealth, CommandOf<typeof ReportFleet>, FactOf<typeof FleetHealthChanged>> = {
  initial: { counts: { healthy: 0, degraded: 0, unhealthy: 0, unknown: 0 } },
  decide: ({ data: { fleetId, counts } }, state) =>
    isSame(counts, state.counts)
      ? []
      : [{ type: FleetHealthChanged.type, data: { fleetId, status: statusOf(counts), counts } }],
  evolve: (_, fact) => ({ counts: fact.data.counts }),
};
