// How a fleet's telemetry is treated. The fleet is config's, what is said here is trace's.
import { ChangeFleetTelemetry, defaultFleetTelemetry, FleetTelemetry } from '@molthub/contracts';
import { etagOf } from '@molthub/http';
import { z } from 'zod';
import { plainRow } from '../read-side.ts';
import { type Call, change, Id, route, type Route } from '../route.ts';
import { expected, time } from './shapes.ts';

const Answered = FleetTelemetry.extend({
  fleetId: z.uuid(),
  /** 0 while nobody has said anything, and all is as by default; then there is no ETag. */
  version: z.int(),
  updatedAt: time.nullable(),
});
const Row = z.object({ settings: FleetTelemetry, version: z.int(), updatedAt: time });

const answer = async (call: Call, fleetId: string) => {
  const rows = await call.world.views(
    `select settings, version, updated_at as "updatedAt" from trace_read.fleet_telemetry
     where workspace = $1 and fleet_id = $2`,
    [call.workspace, fleetId],
  );
  const [row] = z.array(Row).parse(rows.map(plainRow));
  if (!row) return { status: 200, body: { ...defaultFleetTelemetry, fleetId, version: 0, updatedAt: null } };
  const { settings, ...rest } = row;
  return { status: 200, body: { ...settings, fleetId, ...rest }, headers: { etag: etagOf(row.version) } };
};
const ofFleet = ({ params }: { readonly params: { readonly id: string } }) => [
  { kind: 'fleet', id: params.id } as const,
];

export const fleetTelemetryRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/fleets/:id/telemetry',
    permission: 'fleet:read',
    reach: 'subject',
    summary: "Answers what is kept of a fleet's telemetry, what is taken out of it, and what its bots send at all.",
    params: Id,
    subjects: ofFleet,
    answer: Answered,
    run: (call, { params }) => answer(call, params.id),
  }),
  change({
    method: 'PUT',
    path: '/fleets/:id/telemetry',
    permission: 'fleet:update',
    reach: 'subject',
    summary: "Says all of how a fleet's telemetry is treated; what is left out is as by default.",
    params: Id,
    subjects: ofFleet,
    body: FleetTelemetry,
    answer: Answered,
    command: ChangeFleetTelemetry,
    data: (call, { params, body }) => ({ settings: body, fleetId: params.id, ...expected(call.expectedVersion) }),
    resourceId: (_, { params }) => params.id,
    done: (call, { params }) => answer(call, params.id),
  }),
];
