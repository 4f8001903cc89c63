// Every route there is: the one list that serves, documents and is walked by the test of permissions.
import type { Route } from '../route.ts';
import type { Tickets } from '../tickets.ts';
import { apiKeys } from './api-keys.ts';
import { auditRoutes } from './audit.ts';
import { botRoutes } from './bots.ts';
import { changeSetVerbRoutes } from './change-set-verbs.ts';
import { changeSetRoutes } from './change-sets.ts';
import { dashboardRoutes } from './dashboard.ts';
import { doctorRoute } from './doctor/index.ts';
import { eventRoutes, streamRoute } from './events.ts';
import { fleetTelemetryRoutes } from './fleet-telemetry.ts';
import { fleets } from './fleets.ts';
import { healthRoutes } from './health.ts';
import { holdRoutes } from './holds.ts';
import { jaegerRoutes } from './jaeger/jaeger-routes.ts';
import { layerChangeRoutes } from './layer-changes.ts';
import { manifestRoutes } from './manifests.ts';
import { operationRoutes } from './operations.ts';
import { overlayRoutes } from './overlays.ts';
import { platformRoutes } from './platform.ts';
import { policyFixRoute } from './policy-fix.ts';
import { policyRoutes } from './policy.ts';
import { priceRoutes } from './prices.ts';
import { profileRoutes } from './profiles.ts';
import { targetRoutes } from './targets.ts';
import { templateRoutes } from './templates.ts';
import { traceRoutes } from './traces/index.ts';
import { tailRoute } from './traces/tail.ts';
import { waiverRoutes } from './waivers.ts';
import { workspaces } from './workspaces.ts';

/** The rows that answer requests. */
export const routes = (tickets: () => Tickets): readonly Route[] => [
  ...workspaces,
  ...apiKeys,
  ...fleets,
  ...fleetTelemetryRoutes,
  ...botRoutes,
  doctorRoute,
  ...manifestRoutes,
  ...templateRoutes,
  ...profileRoutes,
  ...overlayRoutes,
  ...layerChangeRoutes,
  ...policyRoutes,
  policyFixRoute,
  ...holdRoutes,
  ...waiverRoutes,
  ...changeSetRoutes,
  ...changeSetVerbRoutes,
  ...targetRoutes,
  ...healthRoutes,
  ...dashboardRoutes,
  ...traceRoutes,
  ...jaegerRoutes,
  ...priceRoutes,
  ...auditRoutes,
  ...eventRoutes(tickets),
  ...operationRoutes,
  ...platformRoutes,
];

/** The rows with the streams, which are served as WebSockets. */
export const allRoutes = (tickets: () => Tickets): readonly Route[] => [...routes(tickets), streamRoute, tailRoute];
