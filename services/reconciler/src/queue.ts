// The keyed work queue: a work item is a bot id, never an event. No clock and no timer of its own: time is handed in,
// so that a test decides what happens when.
import { createHeap, type Heap } from './heap.ts';

export type Priority = 'resync' | 'drift' | 'user';

export type Request = {
  /** Keys of one lane share a limit on how many are worked on at once. */
  readonly lane: string;
  readonly priority: Priority;
  readonly waitMs?: number;
  /** A newer one, like a user's wish, ends back-off and lifts a permanent error. */
  readonly generation?: number;
};

export type Ticket = {
  readonly key: string;
  readonly lane: string;
  readonly priority: Priority;
  readonly attempt: number;
};

/** How work on a key ended. `blocked` is an error that trying again cannot mend. */
export type Ending =
  | { readonly kind: 'settled' }
  | { readonly kind: 'again'; readonly waitMs: number; readonly priority: Priority }
  | { readonly kind: 'retry' }
  | { readonly kind: 'blocked' };

export type Queue = {
  /** One entry per key: the shorter wait and the higher priority win. In flight: exactly one more run afterwards. */
  readonly add: (key: string, request: Request, now: number) => void;
  /** The most urgent key that is due in a lane with room; it is in flight until `done`. */
  readonly take: (now: number) => Ticket | null;
  readonly done: (key: string, ending: Ending, now: number) => void;
  readonly forget: (key: string) => void;
  /** When `take` could answer something, or null as long as nobody adds or ends anything. */
  readonly nextAt: (now: number) => number | null;
  readonly inFlight: () => number;
  readonly waiting: () => number;
};

export type QueueSettings = {
  readonly concurrency: (lane: string) => number;
  /** In [0, 1); seeded, so that a run can be repeated. */
  readonly random: () => number;
  readonly backoff?: { readonly minMs: number; readonly maxMs: number };
};

const rank = { resync: 0, drift: 1, user: 2 } as const;
const defaultBackoff = { minMs: 1_000, maxMs: 300_000 };

type Wish = { priority: Priority; readyAt: number; resets: boolean };
type Entry = {
  lane: string;
  state: 'idle' | 'waiting' | 'in-flight';
  priority: Priority;
  readyAt: number;
  /** Older stamps of a key in a heap are skipped: cheaper than taking them out. */
  stamp: number;
  failures: number;
  backoffUntil: number;
  blocked: boolean;
  generation: number;
  next: Wish | null;
};
type Mark = { readonly key: string; readonly stamp: number; readonly at: number; readonly rank: number };

export const createQueue = (settings: QueueSettings): Queue => {
  const { minMs, maxMs } = settings.backoff ?? defaultBackoff;
  const entries = new Map<string, Entry>();
  const delayed = createHeap<Mark>((a, b) => a.at < b.at);
  const lanes = new Map<string, { ready: Heap<Mark>; busy: number }>();
  let stamps = 0;
  let busy = 0;

  const laneOf = (name: string) => {
    const known = lanes.get(name);
    if (known) return known;
    const ready = createHeap<Mark>((a, b) => (a.rank === b.rank ? a.stamp < b.stamp : a.rank > b.rank));
    const made = { ready, busy: 0 };
    lanes.set(name, made);
    return made;
  };
  const isCurrent = (mark: Mark) => {
    const entry = entries.get(mark.key);
    return entry?.state === 'waiting' && entry.stamp === mark.stamp;
  };
  const place = (key: string, entry: Entry, now: number) => {
    stamps += 1;
    entry.stamp = stamps;
    entry.state = 'waiting';
    const mark = { key, stamp: stamps, at: entry.readyAt, rank: rank[entry.priority] };
    if (entry.readyAt <= now) laneOf(entry.lane).ready.push(mark);
    else delayed.push(mark);
  };
  const wait = (key: string, entry: Entry, wish: Wish, now: number) => {
    entry.priority = wish.priority;
    entry.readyAt = wish.resets ? wish.readyAt : Math.max(wish.readyAt, entry.backoffUntil);
    place(key, entry, now);
  };

  const add: Queue['add'] = (key, request, now) => {
    const entry = entries.get(key) ?? fresh(request.lane);
    entries.set(key, entry);
    const resets = request.priority === 'user' || (request.generation ?? 0) > entry.generation;
    entry.generation = Math.max(entry.generation, request.generation ?? 0);
    if (resets) clearFailures(entry);
    if (entry.blocked) return;
    const wish = { priority: request.priority, readyAt: now + (request.waitMs ?? 0), resets };
    if (entry.state === 'in-flight') {
      entry.next = entry.next ? sooner(entry.next, wish) : wish;
      return;
    }
    entry.lane = request.lane;
    if (entry.state === 'idle') return wait(key, entry, wish, now);
    const both = sooner({ priority: entry.priority, readyAt: entry.readyAt, resets: false }, wish);
    if (both.readyAt !== entry.readyAt || both.priority !== entry.priority) wait(key, entry, both, now);
  };

  const promote = (now: number) => {
    for (let mark = delayed.peek(); mark && (mark.at <= now || !isCurrent(mark)); mark = delayed.peek()) {
      delayed.pop();
      const entry = isCurrent(mark) ? entries.get(mark.key) : undefined;
      if (entry) laneOf(entry.lane).ready.push(mark);
    }
  };
  const bestLane = () => {
    let best: { name: string; mark: Mark } | null = null;
    for (const [name, lane] of lanes) {
      for (let mark = lane.ready.peek(); mark && !isCurrent(mark); mark = lane.ready.peek()) lane.ready.pop();
      const mark = lane.ready.peek();
      if (!mark || lane.busy >= settings.concurrency(name)) continue;
      const wins =
        !best || mark.rank > best.mark.rank || (mark.rank === best.mark.rank && mark.stamp < best.mark.stamp);
      if (wins) best = { name, mark };
    }
    return best;
  };
  const take: Queue['take'] = (now) => {
    promote(now);
    const best = bestLane();
    const entry = best ? entries.get(best.mark.key) : undefined;
    if (!best || !entry) return null;
    const lane = laneOf(best.name);
    lane.ready.pop();
    lane.busy += 1;
    busy += 1;
    entry.state = 'in-flight';
    return { key: best.mark.key, lane: best.name, priority: entry.priority, attempt: entry.failures + 1 };
  };

  const done: Queue['done'] = (key, ending, now) => {
    const entry = entries.get(key);
    if (entry?.state !== 'in-flight') throw new Error(`${key} ended, but it was not in flight.`);
    laneOf(entry.lane).busy -= 1;
    busy -= 1;
    const next = entry.next;
    entry.next = null;
    entry.state = 'idle';
    switch (ending.kind) {
      case 'settled':
      case 'again':
        clearFailures(entry);
        break;
      case 'retry': {
        if (next?.resets) break;
        const doubledMs = Math.min(maxMs, minMs * 2 ** Math.min(entry.failures, 30));
        const delayMs = Math.round(doubledMs * (0.5 + settings.random()));
        entry.failures += 1;
        entry.backoffUntil = now + Math.min(maxMs, Math.max(minMs, delayMs));
        return wait(
          key,
          entry,
          { priority: next?.priority ?? 'resync', readyAt: entry.backoffUntil, resets: false },
          now,
        );
      }
      case 'blocked':
        if (next?.resets) break;
        entry.blocked = true;
        return;
    }
    if (ending.kind === 'again') {
      const again = { priority: ending.priority, readyAt: now + ending.waitMs, resets: false };
      return wait(key, entry, next ? sooner(next, again) : again, now);
    }
    if (next) wait(key, entry, next, now);
    else entries.delete(key);
  };

  return {
    add,
    take,
    done,
    forget: (key) => {
      const entry = entries.get(key);
      if (entry?.state === 'in-flight') entry.next = null;
      else entries.delete(key);
    },
    nextAt: (now) => {
      promote(now);
      return bestLane() ? now : (delayed.peek()?.at ?? null);
    },
    inFlight: () => busy,
    waiting: () => [...entries.values()].filter((entry) => entry.state === 'waiting').length,
  };
};

const fresh = (lane: string): Entry => ({
  lane,
  state: 'idle',
  priority: 'resync',
  readyAt: 0,
  stamp: 0,
  failures: 0,
  backoffUntil: 0,
  blocked: false,
  generation: 0,
  next: null,
});

const clearFailures = (entry: Entry) => {
  entry.failures = 0;
  entry.backoffUntil = 0;
  entry.blocked = false;
};

const sooner = (a: Wish, b: Wish): Wish => ({
  priority: rank[a.priority] >= rank[b.priority] ? a.priority : b.priority,
  readyAt: Math.min(a.readyAt, b.readyAt),
  resets: a.resets || b.resets,
});
