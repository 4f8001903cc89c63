// Puts the OTLP door in front of the service's tables.
import { type FleetTelemetry, FleetTelemetryChanged, PricesChanged } from '@molthub/contracts';
import type { Runtime } from '@molthub/service';
import { createOutbox } from '../forward/outbox.ts';
import { type FleetSettings, openFleetSettings } from '../fleet-settings.ts';
import { type OtlpServer, type OtlpSettings, startOtlpServer } from '../otlp/otlp-server.ts';
import { Refusal } from '../otlp/refusal.ts';
import { type Rules, rulesOf } from '../redaction-rules.ts';
import { ensurePartitions } from '../retention.ts';
import type { SpanRecord } from '../span-record.ts';
import { openPrices } from '../price-table/open-prices.ts';
import { openTrust, type Trust } from '../trust.ts';
import { createCommitQueue, type QueueLimits } from './commit-queue.ts';
import { bodyToStore } from './store-body.ts';
import { createSpanStore } from './store-spans.ts';

export type Door = OtlpServer & { readonly trust: Trust };
export type DoorSettings = OtlpSettings & QueueLimits & { readonly isForwarding: boolean };

/** Listens for telemetry; a request is answered 200 once what it brought is committed. */
export const openDoor = async (runtime: Runtime, settings: DoorSettings): Promise<Door> => {
  const { logger, metrics } = runtime;
  const requests = metrics.counter('molthub_otlp_requests_total', 'Requests for telemetry.', ['signal', 'status']);
  const spans = metrics.counter('molthub_spans_total', 'Spans that came.', ['result']);
  const fault = (error: unknown) => logger.warn({ err: error }, 'telemetry could not be taken');
  await ensurePartitions(runtime, Date.now());
  const trust = await openTrust(runtime.reads, { onFault: fault });
  const prices = await openPrices(runtime.reads, { onFault: fault });
  const fleets = await openFleetSettings(runtime.reads, { onFault: fault });
  const stopHearing = runtime.committed((events) => {
    if (events.some(({ type }) => type === FleetTelemetryChanged.type)) void fleets.refresh().catch(fault);
    if (events.some(({ type }) => type === PricesChanged.type)) void prices.refresh().catch(fault);
  });
  const rulesOfFleet = createRulesOf(fleets);
  const keepsContent = (fleetId: string | null) => fleets.settingsOf(fleetId).retention.contentDays > 0;
  const storeSpans = createSpanStore(runtime.load, {
    limitsOf: (fleetId) => fleets.settingsOf(fleetId).runaway,
    outbox: settings.isForwarding ? createOutbox(runtime, fleets.settingsOf) : null,
  });
  const queue = createCommitQueue(async (batches) => {
    const sent = batches.reduce((sum, batch) => sum + batch.records.length, 0);
    const stored = await storeSpans(batches);
    spans.inc({ result: 'stored' }, stored);
    spans.inc({ result: 'repeated' }, sent - stored);
  }, settings);
  const server = await startOtlpServer(settings, {
    claimsOf: trust.claimsOf,
    rulesOf: ({ fleetId }) => rulesOfFleet(fleetId),
    storeSpans: async (claims, { records, rejected }) => {
      if (rejected > 0) spans.inc({ result: 'rejected' }, rejected);
      if (records.length === 0) return;
      const priced = records.map(prices.priced(claims.workspace));
      await queue.store(claims, keepsContent(claims.fleetId) ? priced : priced.map(withoutContent));
    },
    storeBody: async (claims, signal, encoding, body) => {
      const store = await bodyToStore(claims, { signal, encoding, body }, rulesOfFleet(claims.fleetId));
      try {
        await runtime.write(store);
      } catch (cause) {
        throw new Refusal(503, `The ${signal} could not be stored; send them again later.`, { cause });
      }
    },
    drainSeconds: queue.drainSeconds,
    answered: (signal, status) => requests.inc({ signal, status: String(status) }),
    fault,
  });
  return {
    url: server.url,
    trust,
    close: async () => {
      await server.close();
      await queue.idle();
      stopHearing();
      fleets.close();
      trust.close();
      prices.close();
    },
  };
};

const withoutContent = (record: SpanRecord): SpanRecord =>
  record.body.content === null ? record : { ...record, body: { ...record.body, content: null } };

/** Rules are made once for each change of a fleet's settings. */
const createRulesOf = ({ settingsOf }: FleetSettings) => {
  const made = new WeakMap<FleetTelemetry, Rules | null>();
  return (fleetId: string | null): Rules | null => {
    if (fleetId === null) return null;
    const settings = settingsOf(fleetId);
    const known = made.get(settings);
    if (known !== undefined) return known;
    const rules = rulesOf(fleetId, settings);
    made.set(settings, rules);
    return rules;
  };
};
