// Folded streams in memory. The version a decision was made on is checked at commit, so a stale one only costs time.
import type { Recorded } from '@molthub/contracts';
import type { Log } from '@molthub/event-store';
import { LRUCache } from 'lru-cache';
import type { Aggregate, Situation } from './definition.ts';

export type Folded = { readonly version: number; readonly situation: Situation };

export type Situations = {
  readonly load: (aggregate: Aggregate, stream: string) => Promise<Folded>;
  /** Folds what was just committed on top of what it was decided on. */
  readonly advance: (stream: string, from: Folded, events: readonly Recorded[]) => Folded;
  readonly forget: (stream: string) => void;
};

/** Streams kept folded; one of a bot takes a few KiB. */
const streamsMax = 20_000;

export const createSituations = (log: Log): Situations => {
  const cache = new LRUCache<string, Folded>({ max: streamsMax });
  const read = createStreamReads(log);
  return {
    load: async (aggregate, stream) => {
      const known = cache.get(stream);
      if (known) return known;
      const events = await read(stream);
      const folded = { version: events.at(-1)?.version ?? 0, situation: aggregate.empty.evolve(events) };
      cache.set(stream, folded);
      return folded;
    },
    advance: (stream, from, events) => {
      const own = events.filter((event) => event.stream === stream);
      const folded = { version: own.at(-1)?.version ?? from.version, situation: from.situation.evolve(own) };
      cache.set(stream, folded);
      for (const event of events) if (event.stream !== stream) cache.delete(event.stream);
      return folded;
    },
    forget: (stream) => {
      cache.delete(stream);
    },
  };
};

/** Reads streams, all that are asked for in one tick with one query: a batch of events starts hundreds at once. */
const createStreamReads = (log: Log) => {
  type Asked = { readonly resolve: (events: readonly Recorded[]) => void; readonly reject: (error: unknown) => void };
  let waiting = new Map<string, Asked[]>();
  const run = async () => {
    const batch = waiting;
    waiting = new Map();
    try {
      const found = await log.readStreams([...batch.keys()]);
      for (const [stream, asked] of batch) for (const one of asked) one.resolve(found.get(stream) ?? []);
    } catch (error) {
      for (const asked of batch.values()) for (const one of asked) one.reject(error);
    }
  };
  return (stream: string): Promise<readonly Recorded[]> =>
    new Promise((resolve, reject) => {
      if (waiting.size === 0) setImmediate(() => void run());
      waiting.set(stream, [...(waiting.get(stream) ?? []), { resolve, reject }]);
    });
};
