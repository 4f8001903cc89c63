// Copies a service's log to the bus, in order per stream, and again whatever the bus has lost.
import { type LogPosition, logStart, type Recorded, type ServiceName } from '@molthub/contracts';
import type { Bus } from './connect.ts';
import { parseLogPosition, toMessage } from './cloud-event.ts';
import { deleteEventStream, ensureEventStream } from './stream.ts';
import { eventStream, eventSubject } from './subject.ts';

/** What the relay needs of a log. */
export type RelaySource = {
  readonly bus: { readonly isEmptied: () => Promise<boolean>; readonly emptied: () => Promise<void> };
  readonly readLog: (after: LogPosition, limit: number) => Promise<readonly Recorded[]>;
  readonly positionBefore: (at: LogPosition, count: number) => Promise<LogPosition>;
};

/** Publishes on their way at once. */
const inFlightMax = 256;
const pageSize = 500;
/** A repair goes back this far before the last event on the bus, further than publishes can have overtaken. */
const repairDepth = 1_000;
const publishTimeoutMs = 5_000;

export type RelayProgress = { readonly at: LogPosition; readonly published: number };

/**
 * Runs until `signal` aborts or the connection is lost; the caller runs it again, and it begins with a repair. `more`
 * resolves when the log may have grown. Repeats are harmless: readers drop them, and outsiders know them by `ce-id`.
 */
export const relay = async (parts: {
  readonly bus: Bus;
  readonly service: ServiceName;
  readonly source: RelaySource;
  readonly signal: AbortSignal;
  readonly more: (after: LogPosition) => Promise<void>;
  readonly onProgress: (progress: RelayProgress) => void;
  /** Where to begin, instead of where the bus ends. */
  readonly from?: LogPosition | undefined;
}): Promise<void> => {
  const { bus, source } = parts;
  await bus.whenConnected(parts.signal);
  const signal = AbortSignal.any([parts.signal, bus.untilDisconnect()]);
  let at = parts.from ?? (await repairFrom(bus, parts.service, source));
  let published = 0;
  while (!signal.aborted) {
    const page = await source.readLog(at, pageSize);
    const last = page.at(-1);
    if (last) {
      await publishAll(bus, page, signal);
      at = last.log;
      published += page.length;
      parts.onProgress({ at, published });
    }
    if (page.length < pageSize && !signal.aborted) await parts.more(at);
  }
};

/** Where the bus ends, less the depth of a repair; the start of the log for an empty bus or a new epoch. */
const repairFrom = async (bus: Bus, service: ServiceName, source: RelaySource): Promise<LogPosition> => {
  const info = await ensureEventStream(bus, service);
  if (!(await source.bus.isEmptied())) {
    // The log is in another cluster than before, or new: what the bus holds may be of a log that is gone.
    if (info.state.messages > 0) {
      await deleteEventStream(bus, service);
      await ensureEventStream(bus, service);
    }
    await source.bus.emptied();
    return logStart;
  }
  if (info.state.messages === 0) return logStart;
  const manager = await bus.manager();
  const message = await manager.streams.getMessage(eventStream(service), { seq: info.state.last_seq });
  const last = message ? parseLogPosition(message.header.get('ce-logposition')) : undefined;
  if (!last) return logStart;
  return source.positionBefore(last, repairDepth);
};

/** Publishes a page: pipelined, but the next event of a stream only after the acknowledgement of the one before. */
const publishAll = async (bus: Bus, page: readonly Recorded[], signal: AbortSignal): Promise<void> => {
  const last = new Map<string, Promise<unknown>>();
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => undefined);
  const fail = () => failed.reject(signal.reason);
  signal.addEventListener('abort', fail);
  let acknowledged = Promise.withResolvers<void>();
  let inFlight = 0;
  try {
    for (const event of page) {
      signal.throwIfAborted();
      const sent = after(last.get(event.stream), signal, () => publish(bus, event));
      last.set(event.stream, sent);
      inFlight += 1;
      sent.then(() => {
        inFlight -= 1;
        acknowledged.resolve();
      }, failed.reject);
      while (inFlight >= inFlightMax) {
        acknowledged = Promise.withResolvers();
        await Promise.race([acknowledged.promise, failed.promise]);
      }
    }
    await Promise.race([Promise.all(last.values()), failed.promise]);
  } finally {
    signal.removeEventListener('abort', fail);
  }
};

/** The bus may have lost what it acknowledged before a disconnect, so nothing may follow it that was not repaired. */
const after = async (before: Promise<unknown> | undefined, signal: AbortSignal, send: () => Promise<unknown>) => {
  if (before) await before;
  signal.throwIfAborted();
  return send();
};

const publish = (bus: Bus, event: Recorded) => {
  const { headers, body } = toMessage(event);
  return bus.js.publish(eventSubject(event.workspace, event.type), body, {
    msgID: event.id,
    headers,
    timeout: publishTimeoutMs,
  });
};
