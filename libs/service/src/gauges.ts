// The numbers that say whether a service keeps up: its relay, its readers, its horizon, what is parked.
import { eventStream } from '@molthub/bus';
import type { ServiceName } from '@molthub/contracts';
import { type Log, readHorizon } from '@molthub/event-store';
import type { Metrics } from '@molthub/telemetry';
import type { ReaderGauge } from './reader.ts';
import type { Relaying } from './relaying.ts';

/** Collects when asked; answers how to stop being asked. */
export const registerGauges = (
  metrics: Metrics,
  parts: {
    readonly name: ServiceName;
    readonly log: Log;
    readonly relaying: Relaying;
    readonly readers: readonly ReaderGauge[];
  },
): (() => void) => {
  const { name, log, relaying, readers } = parts;
  const relayLag = metrics.gauge('molthub_relay_lag_events', 'Events of the log that are not on the bus yet.', [
    'service',
  ]);
  const readerLag = metrics.gauge('molthub_reader_lag_events', 'Messages of a stream after the last one read.', [
    'service',
    'stream',
  ]);
  const horizon = metrics.gauge(
    'molthub_horizon_lag_seconds',
    'Age of the oldest open transaction that hides new events.',
  );
  const holder = metrics.gauge('molthub_horizon_holder', 'The session of that transaction.', ['pid', 'application']);
  const parked = metrics.gauge('molthub_parked', 'Events that wait for a person.', ['service']);
  return metrics.collect(async () => {
    const [row] = await log.reads<{ count: number }>('select count(*)::int as count from parked');
    parked.set({ service: name }, row?.count ?? 0);
    const held = await readHorizon(log.reads);
    horizon.set(held.lagSeconds);
    holder.reset();
    if (held.pid !== null) holder.set({ pid: String(held.pid), application: held.application }, held.lagSeconds);
    if (relaying.isLeading()) relayLag.set({ service: name }, await log.countAfter(relaying.position()));
    for (const [source, ofSource] of Map.groupBy(readers, (reader) => reader.source)) {
      // A service may read a stream for several purposes: the slowest is what it is behind.
      readerLag.set({ service: name, stream: eventStream(source) }, Math.max(...ofSource.map((r) => r.pending)));
    }
  });
};
