// One active reader per consumer and source, by lease: batches from the checkpoint, the checkpoint after each batch.
import { type Bus, type Delivered, readEvents } from '@molthub/bus';
import type { ServiceName } from '@molthub/contracts';
import { type Checkpoint, isUnavailable, type Lease, type Leases, type Log } from '@molthub/event-store';
import type { Logger } from '@molthub/telemetry';
import { forever, isAborted, untilAborted } from './patience.ts';

const batchMax = 500;

export type Reading = {
  readonly consumer: string;
  readonly source: ServiceName;
  readonly types: readonly string[] | undefined;
  /** See `ServiceDefinition`. */
  readonly gatherMs?: number | undefined;
  /** Does the work of a batch; `checkpoint` belongs into its last transaction, under the lease's fence. */
  readonly process: (
    batch: readonly Delivered[],
    place: { readonly lease: Lease; readonly checkpoint: Checkpoint },
  ) => Promise<void>;
  /** Called when this process becomes the reader. */
  readonly begin?: (lease: Lease) => Promise<void>;
};

export type ReaderGauge = { readonly consumer: string; readonly source: ServiceName; pending: number };

/** Registers a reader; answers how to stop it. */
export const runReader = (
  parts: { readonly bus: Bus; readonly log: Log; readonly leases: Leases; readonly logger: Logger },
  reading: Reading,
): { readonly gauge: ReaderGauge; readonly stop: () => Promise<void> } => {
  const { bus, log, logger } = parts;
  const reader = reading.consumer;
  const gauge: ReaderGauge = { consumer: reading.consumer, source: reading.source, pending: 0 };
  const stop = parts.leases.hold(`reader:${reader}`, async (lease, signal) => {
    await forever(
      signal,
      async () => {
        await reading.begin?.(lease);
        const checkpoint = await loadCheckpoint(log, reader);
        const { source, types, gatherMs } = reading;
        const batches = readEvents({ bus, source, types, checkpoint, batchMax, gatherMs, signal });
        for await (const batch of batches) {
          const last = batch.at(-1);
          if (!last) continue;
          await untilAborted(signal, async () => {
            try {
              await reading.process(batch, { lease, checkpoint: checkpointAt(reader, last) });
              return true;
            } catch (error) {
              // The database is away, which is no event's fault: the same batch again when it is back.
              if (!isUnavailable(error)) throw error;
              return false;
            }
          });
          gauge.pending = last.pending;
        }
      },
      (error) => {
        if (!isAborted(error, signal)) logger.warn({ err: error, reader }, 'a reader lost its place; reading again');
      },
    );
  });
  return { gauge, stop };
};

const loadCheckpoint = async (log: Log, reader: string) => {
  const [row] = await log.reads<{ stream_created: string; sequence: string; event_id: string }>(
    'select stream_created, sequence::text, event_id from checkpoints where reader = $1',
    [reader],
  );
  return row ? { streamCreated: row.stream_created, sequence: Number(row.sequence), eventId: row.event_id } : undefined;
};

const checkpointAt = (reader: string, { streamCreated, sequence, eventId }: Delivered): Checkpoint => ({
  reader,
  streamCreated,
  sequence,
  eventId,
});
