// The two JetStream streams of each service: whoever needs one first makes it, its owner keeps it as it should be.
import type { ServiceName } from '@molthub/contracts';
import {
  DiscardPolicy,
  JetStreamApiCodes,
  JetStreamApiError,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
  type StreamInfo,
} from '@nats-io/jetstream';
import { nanos } from 'nats';
import type { Bus } from './connect.ts';
import { commandStream, eventStream } from './subject.ts';

const duplicateWindowMs = 120_000;
const commandAgeMaxMs = 24 * 3_600_000;

const eventConfig = (service: ServiceName) => ({
  name: eventStream(service),
  subjects: [`evt.*.${service}.>`],
  storage: StorageType.File,
  retention: RetentionPolicy.Limits,
  discard: DiscardPolicy.Old,
  duplicate_window: nanos(duplicateWindowMs),
});

const commandConfig = (service: ServiceName) => ({
  name: commandStream(service),
  subjects: [`cmd.*.${service}.>`],
  storage: StorageType.File,
  retention: RetentionPolicy.Workqueue,
  discard: DiscardPolicy.Old,
  max_age: nanos(commandAgeMaxMs),
  duplicate_window: nanos(duplicateWindowMs),
});

export const isStreamMissing = (error: unknown): boolean =>
  error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamNotFound;

/** The stream of a service's events, made if it is not there. */
export const ensureEventStream = (bus: Bus, service: ServiceName): Promise<StreamInfo> =>
  ensure(bus, eventConfig(service));

/** The stream of the commands to a service, made if it is not there. */
export const ensureCommandStream = (bus: Bus, service: ServiceName): Promise<StreamInfo> =>
  ensure(bus, commandConfig(service));

const ensure = async (bus: Bus, config: Partial<StreamConfig> & { name: string }): Promise<StreamInfo> => {
  const manager = await bus.manager();
  try {
    return await manager.streams.info(config.name);
  } catch (error) {
    if (!isStreamMissing(error)) throw error;
  }
  return manager.streams.add(config);
};

/** Deletes a service's events from the bus: its log begins a new epoch, and what stands there is of the old one. */
export const deleteEventStream = async (bus: Bus, service: ServiceName): Promise<void> => {
  const manager = await bus.manager();
  try {
    await manager.streams.delete(eventStream(service));
  } catch (error) {
    if (!isStreamMissing(error)) throw error;
  }
};
