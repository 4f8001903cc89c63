// The feed: every event of every service in one numbered list. The WebSocket and `GET /events` read it from a cursor.
import { services } from '@molthub/contracts';
import type { Reads, Sql } from '@molthub/event-store';
import { HttpProblem } from '@molthub/http';
import type { Job, Listener } from '@molthub/service';
import { z } from 'zod';
import { type CloudEvent, cloudEventOf } from './cloud-event.ts';

const waiting = new Set<() => void>();

/** Calls back when this process has added rows to the feed: a hint, so that nobody has to look all the time. */
export const onFeedGrown = (listener: () => void): (() => void) => {
  waiting.add(listener);
  return () => waiting.delete(listener);
};

/** Each source has a reader of its own, and they commit side by side: the function keeps their numbers in order. */
export const feedListener = (keptDays: number): Listener => ({
  name: 'feed',
  sources: services,
  // A quarter of all transactions would be the feed's; a subscriber hears of an event up to so much later.
  gatherMs: 50,
  dropsRepeats: true,
  sendsAtOnce: true,
  apply: async (events, sql) => {
    await sql('select append_feed($1, $2, $3, $4, $5, $6, $7)', [
      events.map((e) => e.workspace),
      events.map((e) => e.id),
      events.map((e) => e.type),
      events.map((e) => e.stream),
      events.map((e) => e.time),
      events.map((e) => JSON.stringify(cloudEventOf(e))),
      keptDays,
    ]);
  },
  applied: () => {
    for (const listener of waiting) listener();
  },
});

/** Rows older than this are cut; a cursor before the cut is told so. */
export const feedRetention = (keptDays: number): Job => ({
  name: 'feed-retention',
  single: true,
  run: async (runtime, signal) => {
    while (!signal.aborted) {
      const gone = await runtime.write((sql) => cut(sql, keptDays));
      if (gone < rowsPerCut) await waitFor(600_000, signal);
    }
  },
});

const rowsPerCut = 20_000;

const cut = async (sql: Sql, keptDays: number): Promise<number> => {
  const rows = await sql(
    `with old as (
       select seq from feed where at < now() - make_interval(days => $1) order by seq limit ${rowsPerCut}
     ), gone as (delete from feed where seq in (select seq from old) returning seq), marked as (
       update feed_cut set seq = greatest(seq, coalesce((select max(seq) from gone), 0)))
     select count(*)::int as gone from gone`,
    [keptDays],
  );
  return z.object({ gone: z.int() }).parse(rows[0]).gone;
};

const waitFor = (ms: number, signal: AbortSignal) =>
  new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });

const token = /^[a-z0-9][a-z0-9-]*$/;
const filtersMax = 50;

/**
 * `rollout.>,reconciler.drift.>` as one regular expression over event types: `*` stands for one word, a last `>` for
 * the rest. Undefined means all. Every word is checked, so nothing of the caller's gets into the expression but words.
 */
export const typesPattern = (types: string | undefined): string | undefined => {
  if (types === undefined || types === '' || types === '>') return undefined;
  const filters = types.split(',').map((filter) => filter.trim());
  if (filters.length > filtersMax) throw invalidTypes(`${filtersMax} filters at most`);
  return `^(?:${filters.map(filterPattern).join('|')})$`;
};

const filterPattern = (filter: string): string =>
  filter
    .split('.')
    .map((word, index, words) => {
      if (word === '>' && index === words.length - 1) return index === 0 ? '.+' : '.+';
      if (word === '*') return '[a-z0-9-]+';
      if (token.test(word)) return word;
      throw invalidTypes(`'${filter.slice(0, 80)}' is no filter`);
    })
    .join('\\.');

const invalidTypes = (why: string) =>
  new HttpProblem({
    status: 400,
    code: 'gateway.invalid-types',
    detail: `types: ${why}; use words and wildcards such as rollout.>,reconciler.drift.>`,
    errors: [{ path: 'types', code: 'invalid-types', message: why }],
  });

export type FeedItem = { readonly cursor: string; readonly event: CloudEvent };
export type FeedPage = {
  readonly items: readonly FeedItem[];
  /** Where to go on, also past rows that the filter left out. */
  readonly next: string;
  /** Whether more rows are there already. */
  readonly more: boolean;
};

const Row = z.object({ cursor: z.string(), event: z.custom<CloudEvent>((v) => typeof v === 'object' && v !== null) });
const State = z.object({
  head: z.string(),
  cut: z.string(),
  after: z.string(),
  isFull: z.boolean(),
  page: z.array(Row),
});

/** How far one look goes through rows that the filter may all leave out. */
const windowSize = 20_000;
/** Text of one page, and at least one row: an event takes up to half a megabyte, and readers are many. */
const pageBytesMax = 2 * 1024 * 1024;

/** The rows of a workspace after a cursor. Throws 410 when rows after it have been cut already, or it is of another feed. */
export const readFeed = async (
  reads: Reads,
  request: {
    readonly workspace: string;
    /** Undefined: from the oldest row that is kept. */
    readonly after: string | undefined;
    readonly pattern: string | undefined;
    readonly limit: number;
  },
): Promise<FeedPage> => {
  const { workspace, pattern, limit } = request;
  const rows = await reads(
    `with ends as (
       select cut.seq as cut, greatest(cut.seq, (select max(seq) from feed)) as head, coalesce($2::bigint, cut.seq) as after
       from feed_cut cut
     ), found as (
       select feed.seq, feed.event from feed, ends
       where feed.workspace = $1 and feed.seq > ends.after and feed.seq <= ends.after + ${windowSize}
         and feed.seq <= ends.head and ($3::text is null or feed.type ~ $3)
       order by feed.seq limit $4
     ), measured as (
       select seq, event, sum(octet_length(event::text)) over (order by seq rows unbounded preceding)
         - octet_length(event::text) as bytes_before from found
     ), page as (select seq, event from measured where bytes_before < ${pageBytesMax})
     select ends.head::text as head, ends.cut::text as cut, ends.after::text as after,
       (select count(*) from page) = $4 or (select count(*) from page) < (select count(*) from found) as "isFull",
       coalesce((
         select json_agg(json_build_object('cursor', page.seq::text, 'event', page.event) order by page.seq) from page
       ), '[]') as page
     from ends`,
    [workspace, request.after ?? null, pattern ?? null, limit],
  );
  const { head, cut: oldest, after, isFull, page } = State.parse(rows[0]);
  if (BigInt(after) < BigInt(oldest) || BigInt(after) > BigInt(head)) throw cursorGone(oldest);
  const last = page.at(-1);
  const windowEnd = BigInt(after) + BigInt(windowSize);
  const seen = windowEnd < BigInt(head) ? windowEnd : BigInt(head);
  const next = isFull && last ? last.cursor : seen.toString();
  return { items: page, next, more: BigInt(next) < BigInt(head) };
};

const cursorGone = (oldest: string) =>
  new HttpProblem({
    status: 410,
    code: 'gateway.cursor-expired',
    detail: `This cursor leads nowhere any more; go on with after=${oldest} and read what was missed from the audit.`,
    errors: [{ path: 'after', code: 'cursor-expired', message: `the oldest cursor is ${oldest}` }],
  });

/** The number of the newest row: where someone starts who wants only what comes. */
export const feedHead = async (reads: Reads): Promise<string> => {
  const rows = await reads('select greatest(seq, (select max(seq) from feed))::text as head from feed_cut');
  return z.object({ head: z.string() }).parse(rows[0]).head;
};

export const FeedCursor = z.string().regex(/^\d{1,18}$/, 'a cursor is the number that came with an event');
