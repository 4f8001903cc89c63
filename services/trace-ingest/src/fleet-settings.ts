// How the telemetry of each fleet is treated, kept in memory, since every span asks.
import { defaultFleetTelemetry, FleetTelemetry } from '@molthub/contracts';
import type { Reads } from '@molthub/event-store';
import { z } from 'zod';

export type FleetSettings = {
  /** As by default for bots without a fleet and for fleets of which nobody said anything. The same object until it changes. */
  readonly settingsOf: (fleetId: string | null) => FleetTelemetry;
  readonly all: () => ReadonlyMap<string, FleetTelemetry>;
  /** Reads them anew; also done every `refreshEveryMs`. */
  readonly refresh: () => Promise<void>;
  readonly close: () => void;
};

export const readFleetSettings = async (reads: Reads): Promise<readonly z.infer<typeof Row>[]> =>
  z.array(Row).parse(await reads('select fleet_id, version, settings from fleet_telemetry'));
const Row = z.object({ fleet_id: z.uuid(), version: z.int(), settings: FleetTelemetry });

/** Those of one fleet; as by default where nobody said anything. */
export const readSettingsOf = async (reads: Reads, fleetId: string): Promise<FleetTelemetry> => {
  const rows = await reads('select fleet_id, version, settings from fleet_telemetry where fleet_id = $1', [fleetId]);
  return z.array(Row).parse(rows)[0]?.settings ?? defaultFleetTelemetry;
};

/** A change takes effect within `refreshEveryMs` (default 1 s). While the database is away, what was known last holds. */
export const openFleetSettings = async (
  reads: Reads,
  { refreshEveryMs = 1_000, onFault }: { readonly refreshEveryMs?: number; readonly onFault: (error: unknown) => void },
): Promise<FleetSettings> => {
  const settings = new Map<string, FleetTelemetry>();
  const versions = new Map<string, number>();
  const refresh = async () => {
    for (const row of await readFleetSettings(reads)) {
      if (versions.get(row.fleet_id) === row.version) continue;
      versions.set(row.fleet_id, row.version);
      settings.set(row.fleet_id, row.settings);
    }
  };
  await refresh();
  const timer = setInterval(() => void refresh().catch(onFault), refreshEveryMs).unref();
  return {
    settingsOf: (fleetId) => (fleetId === null ? undefined : settings.get(fleetId)) ?? defaultFleetTelemetry,
    all: () => settings,
    refresh,
    close: () => clearInterval(timer),
  };
};
