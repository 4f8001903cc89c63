import { FleetTelemetryChanged } from '@molthub/contracts';
import { projection, when } from '@molthub/event-store';

export const fleetTelemetryProjection = projection({
  name: 'fleet-telemetry',
  revision: 1,
  tables: `
    create table fleet_telemetry (
      workspace text not null, fleet_id uuid primary key, settings jsonb not null, version int not null,
      updated_at timestamptz not null
    );
  `,
  views: { fleet_telemetry: 'select workspace, fleet_id, settings, version, updated_at from fleet_telemetry' },
  handlers: [
    when(FleetTelemetryChanged, ({ workspace, data, version, time }, sql) =>
      sql(
        `insert into fleet_telemetry values ($1, $2, $3, $4, $5)
         on conflict (fleet_id) do update set settings = $3, version = $4, updated_at = $5`,
        [workspace, data.fleetId, JSON.stringify(data.settings), version, time],
      ),
    ),
  ],
});
