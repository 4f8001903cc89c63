// Takes bots' telemetry, keeps it, counts it, and says in events only what others decide on.
import {
  ChangePrices,
  EndRunaway,
  PricesChanged,
  ReportRunaway,
  RunawayDetected,
  RunawayEnded,
  ChangeFleetTelemetry,
  FleetTelemetryChanged,
  ReportFailedTraces,
  SummarizeWindow,
  TraceFailed,
  TraceWindowSummarized,
} from '@molthub/contracts';
import type { Reads } from '@molthub/event-store';
import { derivedId } from '@molthub/identity';
import { aggregate, asIs, type Runtime, type ServiceDefinition } from '@molthub/service';
import { telemetry } from '../migrations/0001-telemetry.ts';
import { spanRows } from '../migrations/0002-span-rows.ts';
import { answers } from '../migrations/0003-answers.ts';
import { runaways } from '../migrations/0006-runaways.ts';
import { callStatistics } from '../migrations/0004-call-statistics.ts';
import { ages } from '../migrations/0005-ages.ts';
import { spanJsonAsText } from '../migrations/0007-span-json-as-text.ts';
import { calls } from '../migrations/0008-calls.ts';
import { forwarding } from '../migrations/0009-forwarding.ts';
import { tools } from '../migrations/0010-tools.ts';
import { telemetryDecider } from './decider.ts';
import { fleetTelemetry } from './fleet-telemetry/decider.ts';
import { prepareFleetTelemetry } from './fleet-telemetry/prepare.ts';
import { fleetTelemetryProjection } from './fleet-telemetry/projection.ts';
import type { Backend } from './forward/backend.ts';
import { forwardJob, type ForwardSettings } from './forward/forward-job.ts';
import { tellWaiting } from './forward/outbox.ts';
import type { QueueLimits } from './ingest/commit-queue.ts';
import { openDoor } from './ingest/open-door.ts';
import { listenToOthers } from './listeners.ts';
import type { OtlpServer, OtlpSettings } from './otlp/otlp-server.ts';
import { manualTraceAggregate } from './manual-trace/aggregate.ts';
import { manualTraces } from './manual-trace/projection.ts';
import { storeEndedJob } from './manual-trace/store-ended.ts';
import { queries } from './queries.ts';
import { priceTable } from './price-table/decider.ts';
import { priceViews } from './price-table/projection.ts';
import { runawayDecider } from './runaway/decider.ts';
import { type RunawaySettings, runawaysJob } from './runaway/say-runaways.ts';
import { retentionJob, type RetentionSettings } from './retention.ts';
import { type WindowSettings, windowsJob } from './windows.ts';

export { type TraceEnvironment, traceEnvironment } from './env.ts';
export { type Backend, backendOf } from './forward/backend.ts';
export type { OtlpServer, OtlpSettings } from './otlp/otlp-server.ts';

export type TraceSettings = {
  readonly windows?: Partial<WindowSettings>;
  readonly runaways?: Partial<RunawaySettings>;
  readonly retention?: Partial<RetentionSettings>;
  /** Another backend that is to have all spans too. */
  readonly backend?: Backend | null;
  readonly forward?: Partial<ForwardSettings>;
};

export type TraceService = ServiceDefinition & {
  /** Opens the OTLP door of a started service. Close it before the service stops. */
  readonly startOtlp: (settings: OtlpSettings & QueueLimits & { readonly runtime: Runtime }) => Promise<OtlpServer>;
  /** How far forwarding is, in words; null where nothing is forwarded. */
  readonly forwarding: (reads: Reads) => Promise<string | null>;
};

export const traceService = (settings: TraceSettings = {}): TraceService => {
  const { backend = null } = settings;
  const isForwarding = backend !== null;
  const refreshes = new Set<() => Promise<void>>();
  const refreshAll = () => {
    // A failed refresh is reported and repeated by the trust's own clock.
    for (const refresh of refreshes) refresh().catch(() => undefined);
  };
  return {
    name: 'trace',
    migrations: [
      telemetry,
      spanRows,
      answers,
      callStatistics,
      ages,
      runaways,
      spanJsonAsText,
      calls,
      forwarding,
      tools,
    ],
    aggregates: [
      aggregate({
        category: 'telemetry',
        commands: [SummarizeWindow, ReportFailedTraces],
        events: [TraceWindowSummarized, TraceFailed],
        // One stream per bot and day, so that no stream grows for ever.
        id: ({ data }) => derivedId(data.botId, ('from' in data ? data.from : data.minute).slice(0, 10)),
        prepare: asIs,
        decider: telemetryDecider,
      }),
      aggregate({
        category: 'price-table',
        commands: [ChangePrices],
        events: [PricesChanged],
        id: ({ workspace }) => derivedId(workspace, 'prices'),
        prepare: asIs,
        decider: priceTable,
      }),
      aggregate({
        category: 'runaway',
        commands: [ReportRunaway, EndRunaway],
        events: [RunawayDetected, RunawayEnded],
        id: ({ data }) => data.runawayId,
        prepare: asIs,
        decider: runawayDecider,
      }),
      aggregate({
        category: 'fleet-telemetry',
        commands: [ChangeFleetTelemetry],
        events: [FleetTelemetryChanged],
        id: ({ data }) => data.fleetId,
        prepare: prepareFleetTelemetry,
        decider: fleetTelemetry,
      }),
      manualTraceAggregate,
    ],
    projections: [priceViews, fleetTelemetryProjection, manualTraces],
    reactions: [],
    listeners: [listenToOthers(refreshAll)],
    queries,
    gatherMs: 100,
    jobs: [
      windowsJob({ latenessMs: 10_000, lookEveryMs: 1_000, ...settings.windows }),
      runawaysJob({ lookEveryMs: 1_000, silenceMs: 120_000, ...settings.runaways }),
      retentionJob({ bodyDays: 3, ...settings.retention }),
      storeEndedJob(isForwarding),
      ...(backend ? [forwardJob(backend, { ...forwardDefaults, ...settings.forward })] : []),
    ],
    forwarding: async (reads) => (isForwarding ? tellWaiting(reads) : null),
    startOtlp: async ({ runtime, ...door }) => {
      const { url, trust, close } = await openDoor(runtime, { ...door, isForwarding });
      refreshes.add(trust.refresh);
      return {
        url,
        close: async () => {
          refreshes.delete(trust.refresh);
          await close();
        },
      };
    },
  };
};

const forwardDefaults: ForwardSettings = { lookEveryMs: 500, pauseMs: 1_000, pauseMsMax: 60_000, timeoutMs: 30_000 };
