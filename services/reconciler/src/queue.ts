// The keyed work queue: a work item is a bot id, never an event. No clock and no timer of its own: time is handed in,
// so that a test decides what happens when.
import { unreachable } from '@molthub/decider';
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
  /** How long the key has been in flight; null when it is not. */
  readonly inFlightMs: (key: string, now: number) => number | null;
  /** Whether the key could be taken and only its lane has no room. */
  readonly waitsForRoom: (key: string, now: number) => boolean;
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
  takenAt: number;
  /** Older stamps of a key in a heap are skipped: cheaper than taking them out. */
  stamp: number;
  failures: number;
  backoffUntil: number;
  blocked: boolean;
  generation: number;
  next: Wish | null;
};
type Mark = { readonly key: string; readonly stamp: number; readonly at: number; readonly rank: number };

type State = {
  readonly settings: QueueSettings;
  readonly entries: Map<string, Entry>;
  readonly delayed: Heap<Mark>;
  readonly lanes: Map<string, Lane>;
  stamps: number;
  busy: number;
};
type Lane = { readonly ready: Heap<Mark>; busy: number };

export const createQueue = (settings: QueueSettings): Queue => {
  const state: State = {
    settings,
    entries: new Map(),
    delayed: createHeap((a, b) => a.at < b.at),
    lanes: new Map(),
    stamps: 0,
    busy: 0,
  };
  return {
    add: (key, request, now) => add(state, key, request, now),
    take: (now) => take(state, now),
    done: (key, ending, now) => done(state, key, ending, now),
    forget: (key) => {
      const entry = state.entries.get(key);
      if (entry?.state === 'in-flight') entry.next = null;
      else state.entries.delete(key);
    },
    nextAt: (now) => {
      promote(state, now);
      return bestLane(state) ? now : (state.delayed.peek()?.at ?? null);
    },
    inFlight: () => state.busy,
    inFlightMs: (key, now) => {
      const entry = state.entries.get(key);
      return entry?.state === 'in-flight' ? now - entry.takenAt : null;
    },
    waitsForRoom: (key, now) => {
      const entry = state.entries.get(key);
      return entry?.state === 'waiting' && entry.readyAt <= now;
    },
    waiting: () => [...state.entries.values()].filter((entry) => entry.state === 'waiting').length,
  };
};

const add = (state: State, key: string, request: Request, now: number): void => {
  const entry = state.entries.get(key) ?? fresh(request.lane);
  state.entries.set(key, entry);
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
  if (entry.state === 'idle') return wait(state, key, entry, wish, now);
  const both = sooner({ priority: entry.priority, readyAt: entry.readyAt, resets: false }, wish);
  if (both.readyAt !== entry.readyAt || both.priority !== entry.priority) wait(state, key, entry, both, now);
};

const take = (state: State, now: number): Ticket | null => {
  promote(state, now);
  const best = bestLane(state);
  const entry = best ? state.entries.get(best.mark.key) : undefined;
  if (!best || !entry) return null;
  best.lane.ready.pop();
  best.lane.busy += 1;
  state.busy += 1;
  entry.state = 'in-flight';
  entry.takenAt = now;
  return { key: best.mark.key, lane: entry.lane, priority: entry.priority, attempt: entry.failures + 1 };
};

const done = (state: State, key: string, ending: Ending, now: number): void => {
  const entry = state.entries.get(key);
  if (entry?.state !== 'in-flight') throw new Error(`${key} ended, but it was not in flight.`);
  laneOf(state, entry.lane).busy -= 1;
  state.busy -= 1;
  entry.state = 'idle';
  const next = entry.next;
  entry.next = null;
  // A wish that ends back-off came while the work was failing: it is about something newer than the failure.
  const isOver = next?.resets === true;
  switch (ending.kind) {
    case 'settled':
      clearFailures(entry);
      return next ? wait(state, key, entry, next, now) : void state.entries.delete(key);
    case 'again': {
      clearFailures(entry);
      const again = { priority: ending.priority, readyAt: now + ending.waitMs, resets: false };
      return wait(state, key, entry, next ? sooner(next, again) : again, now);
    }
    case 'retry': {
      if (isOver) return wait(state, key, entry, next, now);
      entry.backoffUntil = now + backoffMs(state.settings, entry.failures);
      entry.failures += 1;
      const retry = { priority: next?.priority ?? 'resync', readyAt: entry.backoffUntil, resets: false } as const;
      return wait(state, key, entry, retry, now);
    }
    case 'blocked':
      if (isOver) return wait(state, key, entry, next, now);
      entry.blocked = true;
      return;
    default:
      return unreachable(ending);
  }
};

/** Doubled with each failure, and spread so that what failed together does not come back together. */
const backoffMs = ({ backoff, random }: QueueSettings, failures: number): number => {
  const { minMs, maxMs } = backoff ?? defaultBackoff;
  const doubledMs = Math.min(maxMs, minMs * 2 ** Math.min(failures, 30));
  return Math.min(maxMs, Math.max(minMs, Math.round(doubledMs * (0.5 + random()))));
};

const wait = (state: State, key: string, entry: Entry, wish: Wish, now: number): void => {
  entry.priority = wish.priority;
  entry.readyAt = wish.resets ? wish.readyAt : Math.max(wish.readyAt, entry.backoffUntil);
  entry.state = 'waiting';
  state.stamps += 1;
  entry.stamp = state.stamps;
  const mark = { key, stamp: entry.stamp, at: entry.readyAt, rank: rank[entry.priority] };
  if (entry.readyAt <= now) laneOf(state, entry.lane).ready.push(mark);
  else state.delayed.push(mark);
};

/** Moves what has waited long enough to its lane. */
const promote = (state: State, now: number): void => {
  const { delayed } = state;
  for (let mark = delayed.peek(); mark && (mark.at <= now || !isCurrent(state, mark)); mark = delayed.peek()) {
    delayed.pop();
    const entry = isCurrent(state, mark) ? state.entries.get(mark.key) : undefined;
    if (entry) laneOf(state, entry.lane).ready.push(mark);
  }
};

const bestLane = (state: State): { readonly lane: Lane; readonly mark: Mark } | null => {
  let best: { lane: Lane; mark: Mark } | null = null;
  for (const [name, lane] of state.lanes) {
    for (let mark = lane.ready.peek(); mark && !isCurrent(state, mark); mark = lane.ready.peek()) lane.ready.pop();
    const mark = lane.ready.peek();
    if (!mark || lane.busy >= state.settings.concurrency(name)) continue;
    if (!best || isBefore(mark, best.mark)) best = { lane, mark };
  }
  return best;
};

const isBefore = (a: Mark, b: Mark) => (a.rank === b.rank ? a.stamp < b.stamp : a.rank > b.rank);

const isCurrent = (state: State, mark: Mark): boolean => {
  const entry = state.entries.get(mark.key);
  return entry?.state === 'waiting' && entry.stamp === mark.stamp;
};

const laneOf = (state: State, name: string): Lane => {
  const known = state.lanes.get(name);
  if (known) return known;
  const made = { ready: createHeap(isBefore), busy: 0 };
  state.lanes.set(name, made);
  return made;
};

const fresh = (lane: string): Entry => ({
  lane,
  state: 'idle',
  priority: 'resync',
  readyAt: 0,
  takenAt: 0,
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
