// The numbers that say whether a service keeps up: its relay, its readers, its horizon, what is parked.
import type { Bus } from '@molthub/bus';
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
    readonly bus: Bus;
    readonly relaying: Relaying;
    readonly readers: readonly ReaderGauge[];
  },
): (() => void) => {
  const { name, log, bus, relaying, readers } = parts;
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
  const parked = metrics.gauge('molthub_parked', 'Events that wait for a person.', ['service']);
  return metrics.collect(async () => {
    const [row] = await log.reads<{ count: number }>('select count(*)::int as count from parked');
    parked.set({ service: name }, row?.count ?? 0);
    horizon.set((await readHorizon(log.reads)).lagSeconds);
    if (relaying.isLeading()) relayLag.set({ service: name }, await log.countAfter(relaying.position()));
    if (!bus.isConnected()) return;
    const manager = await bus.manager();
    for (const reader of readers) {
      if (reader.lastAt === 0) continue;
      const info = await manager.streams.info(eventStream(reader.source));
      readerLag.set(
        { service: reader.consumer, stream: info.config.name },
        Math.max(0, info.state.last_seq - reader.sequence),
      );
    }
  });
};
