// Spans of many requests in one transaction: each request waits for the commit that holds its spans.
import { isUnavailable } from '@molthub/event-store';
import { createBudget } from '../otlp/budget.ts';
import { malformed, moreThanShare, Refusal } from '../otlp/refusal.ts';
import { type SpanRecord, sizeOf } from '../span-record.ts';
import type { Batch, Source } from './stored.ts';

export type CommitQueue = {
  /**
   * Resolves once the spans are durable. Refuses with 503 what it cannot store now, with 429 what is more than the bot's
   * share of what waits, with 400 what it never can store.
   */
  readonly store: (source: Source, records: readonly SpanRecord[]) => Promise<void>;
  /** How long what waits takes to be stored, as fast as of late: 1 to 30 whole seconds. */
  readonly drainSeconds: () => number;
  /** Resolves when nothing waits any more. */
  readonly idle: () => Promise<void>;
};

export type QueueLimits = {
  /** Spans of one transaction: it must not hold back the log's readers for more than about 100 ms. */
  readonly rowsPerCommitMax?: number;
  /** Memory of all spans that wait; beyond it requests are refused with 503, beyond half for one bot with 429. */
  readonly bytesMax?: number;
  readonly nowMs?: () => number;
};

type Waiting = {
  readonly batch: Batch;
  readonly bytes: number;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
};

/**
 * A queue in front of `commit`, which stores batches in one transaction. Whatever arrives while one commit runs goes
 * into the next. A batch that the database refuses for its content fails alone with a 400.
 */
export const createCommitQueue = (
  commit: (batches: readonly Batch[]) => Promise<unknown>,
  { rowsPerCommitMax = 2_048, bytesMax = 64 * 1024 * 1024, nowMs = () => performance.now() }: QueueLimits = {},
): CommitQueue => {
  const waiting: Waiting[] = [];
  const budget = createBudget(bytesMax);
  const pace = createDrainPace(nowMs);
  let running: Promise<void> | null = null;

  const store = async (source: Source, records: readonly SpanRecord[]) => {
    const parts = partsOf(records, rowsPerCommitMax).map((part) => ({
      batch: { source, records: part.records },
      bytes: part.bytes,
    }));
    const needed = parts.reduce((sum, part) => sum + part.bytes, 0);
    const room = budget.take(source.botId, needed);
    if (room === 'full') throw overloaded();
    if (room === 'more-than-share') throw moreThanShare();
    const stored = parts.map((part) => new Promise<void>((done, failed) => waiting.push({ ...part, done, failed })));
    running ??= drain().finally(() => {
      running = null;
    });
    await Promise.all(stored);
  };

  const drain = async () => {
    // One turn of the loop, so that requests that were read together are stored together.
    await new Promise(setImmediate);
    while (waiting.length > 0) await commitTogether(take(waiting, rowsPerCommitMax));
  };

  const commitTogether = async (group: readonly Waiting[]) => {
    const ended = pace.begin(group.reduce((sum, one) => sum + one.bytes, 0));
    try {
      await commit(group.map((one) => one.batch));
      ended('stored');
      for (const one of group) settle(one, one.done);
    } catch (error) {
      ended('failed');
      const ofContent = !isUnavailable(error) && isOfContent(error);
      if (ofContent && group.length > 1) {
        for (const one of group) await commitTogether([one]);
        return;
      }
      for (const one of group) settle(one, () => one.failed(ofContent ? refused(error) : unavailable(error)));
    }
  };

  const settle = (one: Waiting, tell: () => void) => {
    budget.give(one.batch.source.botId, one.bytes);
    tell();
  };

  return { store, drainSeconds: () => pace.seconds(budget.taken()), idle: () => running ?? Promise.resolve() };
};

const drainSecondsMax = 30;
/** Of the newest commit, in what is expected of the next ones. */
const newestShare = 0.2;

/** How fast commits were of late, and how long the one that runs has taken. */
const createDrainPace = (nowMs: () => number) => {
  let bytesPerMs: number | null = null;
  let beganMs: number | null = null;
  return {
    /** Call what it answers once the commit of so many bytes has ended; one that failed says nothing of the next. */
    begin: (bytes: number) => {
      const startedMs = nowMs();
      beganMs = startedMs;
      return (how: 'stored' | 'failed') => {
        beganMs = null;
        if (how === 'failed') return;
        const newest = bytes / Math.max(nowMs() - startedMs, 1);
        bytesPerMs = bytesPerMs === null ? newest : bytesPerMs * (1 - newestShare) + newest * newestShare;
      };
    },
    seconds: (waitingBytes: number): number => {
      const expectedMs = bytesPerMs === null ? 0 : Math.round(waitingBytes / bytesPerMs);
      const runningMs = beganMs === null ? 0 : nowMs() - beganMs;
      return Math.min(drainSecondsMax, Math.max(1, Math.ceil(Math.max(expectedMs, runningMs) / 1_000)));
    },
  };
};

/** Text of one transaction; large spans make small transactions. */
const bytesPerCommitMax = 4 * 1024 * 1024;

type Part = { readonly records: SpanRecord[]; bytes: number };

const partsOf = (records: readonly SpanRecord[], rowsMax: number): readonly Part[] => {
  const parts: Part[] = [];
  for (const record of records) {
    const bytes = sizeOf(record);
    const last = parts.at(-1);
    if (last && last.records.length < rowsMax && last.bytes + bytes <= bytesPerCommitMax) {
      last.records.push(record);
      last.bytes += bytes;
    } else parts.push({ records: [record], bytes });
  }
  return parts;
};

/** Takes from the front what fits into one commit, at least one. */
const take = (waiting: Waiting[], rowsMax: number): readonly Waiting[] => {
  let rows = 0;
  let bytes = 0;
  let count = 0;
  for (const one of waiting) {
    rows += one.batch.records.length;
    bytes += one.bytes;
    if (count > 0 && (rows > rowsMax || bytes > bytesPerCommitMax)) break;
    count += 1;
  }
  return waiting.splice(0, count);
};

/** Postgres' classes 22 and 23: this data can never be stored, and asking again would change nothing. */
const isOfContent = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && 'code' in error && /^2[23]/.test(String(error.code));

const overloaded = () => new Refusal(503, 'More spans are waiting than fit into memory; send again later.');
const refused = (error: unknown) => malformed('The database cannot hold a value in these spans.', error);
const unavailable = (cause: unknown) =>
  new Refusal(503, 'The spans could not be stored; send them again later.', { cause });
