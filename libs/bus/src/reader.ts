// Reads a service's events from the bus in order, from a checkpoint that Postgres keeps.
import type { Recorded, ServiceName } from '@molthub/contracts';
import { type ConsumerMessages, DeliverPolicy, type JsMsg, ReplayPolicy } from '@nats-io/jetstream';
import { LRUCache } from 'lru-cache';
import { nanos } from 'nats';
import { setTimeout as sleep } from 'node:timers/promises';
import { fromMessage } from './cloud-event.ts';
import type { Bus } from './connect.ts';
import { ensureEventStream } from './stream.ts';
import { eventFilter, eventStream } from './subject.ts';

/** Where a reader stands: the stream's creation time tells a new stream, the event's id a refilled one. */
export type Checkpoint = { readonly streamCreated: string; readonly sequence: number; readonly eventId: string };

/** A message that was no event of ours is told with its error; its subject is all that is known of its key. */
export type Delivered = {
  readonly sequence: number;
  readonly streamCreated: string;
  readonly eventId: string;
  /** Messages that this reader has not been given yet. */
  readonly pending: number;
} & (
  | { readonly event: Recorded }
  | { readonly event: undefined; readonly subject: string; readonly raw: string; readonly error: Error }
);

const expiresMs = 30_000;
const heartbeatMs = 5_000;
const bufferMax = 1_000;
const inactiveMs = 60_000;

/**
 * Answers batches of up to `batchMax` messages: whatever has arrived when the last batch was done with. Ends when the
 * connection or the consumer is lost or `signal` aborts; open it again from the checkpoint.
 */
export async function* readEvents(parts: {
  readonly bus: Bus;
  readonly source: ServiceName;
  /** Event types, or undefined for all of the service. */
  readonly types: readonly string[] | undefined;
  readonly checkpoint: Checkpoint | undefined;
  readonly batchMax: number;
  /** Batches begin at multiples of so many milliseconds, with all that has arrived by then. Default: at once. */
  readonly gatherMs?: number | undefined;
  readonly signal: AbortSignal;
}): AsyncGenerator<readonly Delivered[]> {
  const { bus, source, batchMax, gatherMs } = parts;
  await bus.whenConnected(parts.signal);
  const signal = AbortSignal.any([parts.signal, bus.untilDisconnect()]);
  const info = await ensureEventStream(bus, source);
  const first = await startSequence(bus, source, info.created, info.state.last_seq, parts.checkpoint);
  const consumer = await bus.js.consumers.get(eventStream(source), {
    ...(parts.types ? { filter_subjects: [...new Set(parts.types.map(eventFilter))] } : {}),
    deliver_policy: DeliverPolicy.StartSequence,
    opt_start_seq: first,
    replay_policy: ReplayPolicy.Instant,
    inactive_threshold: nanos(inactiveMs),
  });
  if (signal.aborted) return;
  const messages = await consumer.consume({ max_messages: bufferMax, expires: expiresMs, idle_heartbeat: heartbeatMs });
  const stop = () => messages.stop();
  signal.addEventListener('abort', stop, { once: true });
  // Aborted while this was being set up: no event of it comes any more.
  if (signal.aborted) stop();
  endWhenLost(messages);
  try {
    for await (const batch of batches(messages, batchMax, gatherMs)) {
      yield batch.map((message) => deliveredFrom(message, info.created));
      if (signal.aborted) return;
    }
  } finally {
    signal.removeEventListener('abort', stop);
    messages.stop();
    if (bus.isConnected()) await consumer.delete().catch(() => false);
  }
}

/** The sequence after the checkpoint, or 1 if the stream is another one or holds another event there. */
const startSequence = async (
  bus: Bus,
  source: ServiceName,
  created: string,
  lastSequence: number,
  checkpoint: Checkpoint | undefined,
): Promise<number> => {
  if (!checkpoint || checkpoint.streamCreated !== created || checkpoint.sequence > lastSequence) return 1;
  const manager = await bus.manager();
  const there = await manager.streams.getMessage(eventStream(source), { seq: checkpoint.sequence });
  return there?.header.get('ce-id') === checkpoint.eventId ? checkpoint.sequence + 1 : 1;
};

/** The library would go on by itself from its own memory; only the checkpoint in Postgres is to be trusted. */
const endWhenLost = (messages: ConsumerMessages) => {
  const losses = new Set([
    'consumer_deleted',
    'consumer_not_found',
    'stream_not_found',
    'ordered_consumer_recreated',
    'heartbeats_missed',
    'no_responders',
  ]);
  const watch = async () => {
    for await (const status of messages.status()) if (losses.has(status.type)) messages.stop();
  };
  watch().catch(() => messages.stop());
};

/** Groups what is there already, without waiting for more: a busy reader gets large batches, an idle one no delay. */
async function* batches(
  messages: AsyncIterable<JsMsg>,
  max: number,
  gatherMs: number | undefined,
): AsyncGenerator<readonly JsMsg[]> {
  const iterator = messages[Symbol.asyncIterator]();
  let next = iterator.next();
  for (;;) {
    const one = await next;
    if (one.done) return;
    const batch = [one.value];
    if (gatherMs) await sleep(gatherMs - (Date.now() % gatherMs));
    next = iterator.next();
    while (batch.length < max) {
      const more = await Promise.race([next, nothingYet()]);
      if (more === undefined || more.done) break;
      batch.push(more.value);
      next = iterator.next();
    }
    // Its failure is heard when it is waited for, after this batch; until then it must not count as unhandled.
    next.catch(() => undefined);
    yield batch;
  }
}

const nothingYet = () => new Promise<undefined>((resolve) => setImmediate(resolve, undefined));

/**
 * Services of one process read the same messages; each is parsed once. Bounded by the bytes of the bodies. The event's
 * id belongs to the key: a stream that lost its end holds another event at the same place afterwards.
 */
const parsed = new LRUCache<string, Recorded>({ maxSize: 16 * 1024 * 1024 });

const eventOf = (message: JsMsg, place: string): Recorded => {
  const known = parsed.get(place);
  if (known) return known;
  const event = fromMessage(message.headers, message.data);
  parsed.set(place, event, { size: message.data.byteLength + 1 });
  return event;
};

const deliveredFrom = (message: JsMsg, streamCreated: string): Delivered => {
  const place = {
    sequence: message.seq,
    streamCreated,
    eventId: message.headers?.get('ce-id') ?? '',
    pending: message.info.pending,
  };
  try {
    const { stream } = message.info;
    return { ...place, event: eventOf(message, `${stream} ${streamCreated} ${place.sequence} ${place.eventId}`) };
  } catch (error) {
    return {
      ...place,
      event: undefined,
      subject: message.subject,
      raw: Buffer.from(message.data).toString('base64'),
      error: error instanceof Error ? error : new Error(String(error)),
    };
  }
};
