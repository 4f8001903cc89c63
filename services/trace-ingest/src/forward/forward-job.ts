// Sends what waits to another backend, oldest first, as often as it takes; see docs/decisions/0016.
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import type { Job, Runtime } from '@molthub/service';
import { z } from 'zod';
import type { Backend } from './backend.ts';
import { forwardedSpans, readWaiting, zipped } from './outbox.ts';
import { bytesPerRequestMax, spansPerRequestMax } from './requests-of.ts';
import { type Answer, createSend, type Send } from './send.ts';

export type ForwardSettings = {
  readonly lookEveryMs: number;
  /** The first pause before what was put off is sent again; it doubles up to the last. Both by chance up to half less. */
  readonly pauseMs: number;
  readonly pauseMsMax: number;
  readonly timeoutMs: number;
};

const Row = z.object({ id: z.string(), spans: z.number(), bytes: z.number(), body: z.instanceof(Buffer) });
type Row = z.infer<typeof Row>;

/** Requests on their way at once. */
const inFlight = 4;

export const forwardJob = (backend: Backend, { lookEveryMs, pauseMs, pauseMsMax, timeoutMs }: ForwardSettings): Job => {
  const send = createSend(backend, { timeoutMs });
  let isFirst = true;
  return {
    name: 'forward',
    single: true,
    run: async (runtime, signal) => {
      const teller = createTeller(runtime);
      const stopMeasuring = measure(runtime);
      try {
        // What was refused may have been so for what was set: once it is started anew, it is tried again.
        if (isFirst) await runtime.write((sql) => sql(releaseRefused));
        isFirst = false;
        for (let putOff = 0; !signal.aborted; ) {
          const { found, afterMs } = await round(runtime, send, teller, signal);
          putOff = afterMs === null ? 0 : putOff + 1;
          if (putOff > 0) {
            const ownMs = Math.min(pauseMsMax, pauseMs * 2 ** (putOff - 1)) * (0.5 + Math.random() / 2);
            await delay(Math.max(ownMs, afterMs ?? 0), undefined, { signal });
          } else if (!found) await delay(lookEveryMs, undefined, { signal });
        }
      } finally {
        stopMeasuring();
      }
    },
  };
};

const releaseRefused = 'update forward_batches set refusal = null where refusal is not null';

/** Sends what is oldest. `afterMs` is null unless something was put off: then how long for, as far as it was said. */
const round = async (runtime: Runtime, send: Send, teller: Teller, signal: AbortSignal) => {
  const rows = await oldest(runtime);
  // Each is waited for, so that none is on its way when the next round begins.
  const results = await Promise.allSettled(
    inRequests(rows).map((request) => sendAll(runtime, send, teller, request, signal)),
  );
  const putOff = results.flatMap((result) => {
    if (result.status === 'rejected') throw result.reason;
    return result.value ?? [];
  });
  return { found: rows.length > 0, afterMs: putOff.length === 0 ? null : Math.max(...putOff) };
};

const oldest = async (runtime: Runtime): Promise<readonly Row[]> => {
  const rows = await runtime.reads(
    `select id, spans, bytes, body from (
       select *, sum(spans) over w as spans_so_far, sum(bytes) over w as bytes_so_far, row_number() over w as place from (
         select id, spans, bytes, body from forward_batches where refusal is null order by id
         limit ${inFlight * spansPerRequestMax}) r window w as (order by id)) r
     where place = 1 or (spans_so_far <= ${inFlight * spansPerRequestMax}
       and bytes_so_far <= ${inFlight * bytesPerRequestMax}) order by id`,
  );
  return z.array(Row).parse(rows);
};

/** Neighbours together, as far as they fit into one request. */
const inRequests = (rows: readonly Row[]): readonly (readonly Row[])[] => {
  const requests: Row[][] = [];
  let [spans, bytes] = [0, 0];
  for (const row of rows) {
    const last = requests.at(-1);
    if (last && spans + row.spans <= spansPerRequestMax && bytes + row.bytes <= bytesPerRequestMax) {
      last.push(row);
      [spans, bytes] = [spans + row.spans, bytes + row.bytes];
    } else {
      requests.push([row]);
      [spans, bytes] = [row.spans, row.bytes];
    }
  }
  return requests;
};

const unzip = promisify(gunzip);

/** Concatenated, messages of protobuf are one message with the members of all. */
const bodyOf = async (rows: readonly Row[]): Promise<Buffer> => {
  const [first] = rows;
  if (first && rows.length === 1) return first.body;
  const bodies = await Promise.all(rows.map(({ bytes, body }) => unzip(body, { chunkSize: Math.max(64, bytes) })));
  return zipped(Buffer.concat(bodies));
};

const spansOf = (rows: readonly Row[]): number => rows.reduce((sum, { spans }) => sum + spans, 0);

/** Answers null, or how long to wait before it is sent again. What is refused is halved until it is one row. */
const sendAll = async (
  runtime: Runtime,
  send: Send,
  teller: Teller,
  rows: readonly Row[],
  signal: AbortSignal,
): Promise<number | null> => {
  const answer = await send(await bodyOf(rows), signal);
  const ids = rows.map(({ id }) => id);
  if (answer.status === 'later') {
    teller.putOff(answer);
    return answer.afterMs ?? 0;
  }
  if (answer.status === 'taken') {
    await runtime.write((sql) => sql('delete from forward_batches where id = any($1::bigint[])', [ids]));
    teller.taken(answer, spansOf(rows));
    return null;
  }
  if (rows.length > 1 && !answer.isOfAll) {
    const half = rows.length >> 1;
    const first = await sendAll(runtime, send, teller, rows.slice(0, half), signal);
    const second = await sendAll(runtime, send, teller, rows.slice(half), signal);
    return first === null || second === null ? (first ?? second) : Math.max(first, second);
  }
  await runtime.write((sql) =>
    sql('update forward_batches set refusal = $2 where id = any($1::bigint[])', [ids, answer.message]),
  );
  teller.refused(answer, spansOf(rows));
  return null;
};

type Teller = ReturnType<typeof createTeller>;

type Of<Status> = Extract<Answer, { readonly status: Status }>;

/** Counts, and says what changes: a backend that says the same of every request is quoted once. */
const createTeller = (runtime: Runtime) => {
  const { logger } = runtime;
  const spans = forwardedSpans(runtime);
  let isAway = false;
  let [refusal, warning] = ['', ''];
  return {
    putOff: ({ message }: Of<'later'>) => {
      if (!isAway) logger.warn({ message }, 'the backend takes no forwarded spans now; they wait');
      isAway = true;
    },
    taken: ({ rejected, message }: Of<'taken'>, sent: number) => {
      if (isAway) logger.warn('the backend takes forwarded spans again');
      isAway = false;
      const left = Math.min(rejected, sent);
      spans.inc({ result: 'sent' }, sent - left);
      spans.inc({ result: 'rejected' }, left);
      if (message !== warning && message !== '') {
        logger.warn({ message, spans: left }, left > 0 ? 'the backend left out forwarded spans' : 'the backend warns');
      }
      warning = message;
    },
    refused: ({ message }: Of<'refused'>, sent: number) => {
      spans.inc({ result: 'refused' }, sent);
      if (message === refusal) return;
      refusal = message;
      const fix = 'mend the cause; they are kept, and sent again when Molthub is started anew';
      logger.error({ message, spans: sent }, `the backend refuses forwarded spans: ${fix}`);
    },
  };
};

/** Only whoever forwards says what waits, so that no two processes say it; answers how to stop. */
const measure = ({ metrics, reads }: Runtime): (() => void) => {
  const waiting = metrics.gauge('molthub_forward_waiting_spans', 'Spans that are to be forwarded.', ['state']);
  const lag = metrics.gauge('molthub_forward_lag_seconds', 'Age of the oldest that waits to be forwarded.');
  const forget = metrics.collect(async () => {
    const now = await readWaiting(reads);
    waiting.set({ state: 'waiting' }, now.waiting);
    waiting.set({ state: 'refused' }, now.refused);
    lag.set(now.lagSeconds);
  });
  return () => {
    forget();
    waiting.reset();
    lag.reset();
  };
};
