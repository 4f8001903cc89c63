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
  return {
    load: async (aggregate, stream) => {
      const known = cache.get(stream);
      if (known) return known;
      const events = await log.readStream(stream);
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
