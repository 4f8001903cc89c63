// How a fleet's telemetry is treated: said whole, at once.
import {
  type ChangeFleetTelemetry,
  type CommandOf,
  defaultFleetTelemetry,
  type FactOf,
  type FleetTelemetry,
  FleetTelemetryChanged,
} from '@molthub/contracts';
import { type Decider, Rejected } from '@molthub/decider';
import { diff } from '@molthub/manifest';

type Command = CommandOf<typeof ChangeFleetTelemetry>;
type Fact = FactOf<typeof FleetTelemetryChanged>;
export type FleetTelemetryState = { readonly version: number; readonly settings: FleetTelemetry };

export const fleetTelemetry: Decider<FleetTelemetryState, Command, Fact> = {
  initial: { version: 0, settings: defaultFleetTelemetry },
  decide: ({ data: { fleetId, settings, expectedVersion } }, { version, settings: before }) => {
    if (expectedVersion !== undefined && expectedVersion !== version) {
      throw new Rejected(
        'trace.version-mismatch',
        `It is at version ${version}, not ${expectedVersion}; read it again and send the change with If-Match "${version}".`,
      );
    }
    return diff(before, settings).length === 0
      ? []
      : [{ type: FleetTelemetryChanged.type, data: { fleetId, settings } }];
  },
  evolve: ({ version }, { data: { settings } }) => ({ version: version + 1, settings }),
};
