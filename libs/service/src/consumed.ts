// Which version of each stream a consumer has taken: looked up once per stream, remembered while this process reads.
import type { Recorded } from '@molthub/contracts';
import type { Log } from '@molthub/event-store';
import { LRUCache } from 'lru-cache';

const streamsMax = 50_000;

export type ConsumedMarks = {
  /** Those events that were not taken yet, each once. */
  readonly fresh: (events: readonly Recorded[]) => Promise<readonly Recorded[]>;
  readonly took: (stream: string, version: number) => void;
  /** Forgets what it knows: another process may have read meanwhile. */
  readonly reset: () => void;
};

/** `rare`: marks are kept of parked events only, so that most often there is not one to be looked up. */
export const createConsumedMarks = (log: Log, consumer: string, rare = false): ConsumedMarks => {
  const known = new LRUCache<string, number>({ max: streamsMax });
  let areAny = !rare;
  let isCounted = !rare;
  const lookUp = async (streams: readonly string[]): Promise<ReadonlyMap<string, number>> => {
    if (!isCounted) {
      const [row] = await log.reads('select 1 from consumed where consumer = $1 limit 1', [consumer]);
      areAny = row !== undefined;
      isCounted = true;
    }
    return areAny ? log.consumed(consumer, streams) : new Map<string, number>();
  };
  return {
    fresh: async (events) => {
      const unknown = [...new Set(events.map((e) => e.stream))].filter((stream) => !known.has(stream));
      if (unknown.length > 0) {
        const marks = await lookUp(unknown);
        for (const stream of unknown) known.set(stream, marks.get(stream) ?? 0);
      }
      const highest = new Map<string, number>();
      return events.filter((event) => {
        const taken = highest.get(event.stream) ?? known.get(event.stream) ?? 0;
        if (event.version <= taken) return false;
        highest.set(event.stream, event.version);
        return true;
      });
    },
    took: (stream, version) => known.set(stream, Math.max(version, known.get(stream) ?? 0)),
    reset: () => {
      known.clear();
      isCounted = !rare;
    },
  };
};
