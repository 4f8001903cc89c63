// Spans that are to be forwarded, written with them in their transaction: what is stored will be sent, and nothing else.
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { FleetTelemetry } from '@molthub/contracts';
import type { Reads, Sql } from '@molthub/event-store';
import type { Runtime } from '@molthub/service';
import { z } from 'zod';
import type { Stored } from '../ingest/stored.ts';
import type { SpanRecord } from '../span-record.ts';
import { requestsOf } from './requests-of.ts';

export type Outbox = { readonly store: (sql: Sql, rows: readonly Stored[]) => Promise<void> };

const compress = promisify(gzip);
/** As it is sent, so that it need not be compressed again. Higher levels take three times as long for a few percent. */
export const zipped = (body: Buffer): Promise<Buffer> => compress(body, { level: 1 });

/** `settingsOf` a fleet say for how long its spans wait for a backend that does not take them. */
export const createOutbox = (
  runtime: Pick<Runtime, 'logger' | 'metrics'>,
  settingsOf: (fleetId: string | null) => FleetTelemetry,
): Outbox => {
  const spans = forwardedSpans(runtime);
  const leftOut = ({ traceId, spanId }: SpanRecord) => {
    spans.inc({ result: 'unreadable' });
    runtime.logger.error({ traceId, spanId }, 'a span is stored but not forwarded: what is stored cannot be read');
  };
  return {
    store: async (sql, rows) => {
      if (rows.length === 0) return;
      const requests = [...Map.groupBy(rows, (row) => waitDays(row, settingsOf(row.source.fleetId)))].flatMap(
        ([days, group]) => requestsOf(group, leftOut).map((request) => ({ ...request, days })),
      );
      const bodies = await Promise.all(requests.map(({ body }) => zipped(body)));
      await sql(
        `insert into forward_batches (spans, bytes, body, expires_at)
       select spans, bytes, body, now() + days * interval '1 day'
       from unnest($1::int[], $2::int[], $3::bytea[], $4::int[]) with ordinality as r(spans, bytes, body, days, place)
       order by place`,
        [
          requests.map(({ spans }) => spans),
          requests.map(({ body }) => body.length),
          bodies,
          requests.map(({ days }) => days),
        ],
      );
    },
  };
};

/** What waits holds the content of its spans: with any, it waits no longer than that is kept. */
const waitDays = ({ content }: Stored, { retention: { contentDays, okDays } }: FleetTelemetry): number =>
  content === null ? okDays : Math.min(contentDays, okDays);

const Expired = z.object({ spans: z.number() });
const rowsAtOnce = 500;

/** Deletes what waited for too long, also while nothing is forwarded; what is lost by it is said and counted. */
export const expireOutbox = async (runtime: Runtime, nowMs: number): Promise<void> => {
  let lost = 0;
  for (let deleted = rowsAtOnce; deleted === rowsAtOnce; ) {
    const rows = await runtime.write((sql) =>
      sql(
        `with old as (select ctid from forward_batches where expires_at < $1 limit ${rowsAtOnce})
         delete from forward_batches where ctid in (select ctid from old) returning spans`,
        [new Date(nowMs)],
      ),
    );
    deleted = rows.length;
    lost += z
      .array(Expired)
      .parse(rows)
      .reduce((sum, { spans }) => sum + spans, 0);
  }
  if (lost === 0) return;
  forwardedSpans(runtime).inc({ result: 'expired' }, lost);
  runtime.logger.error(
    { spans: lost },
    'spans waited to be forwarded for as long as they are kept, and are not any more',
  );
};

export const forwardedSpans = ({ metrics }: Pick<Runtime, 'metrics'>) =>
  metrics.counter('molthub_forward_spans_total', 'Spans that were to be forwarded, by what became of them.', [
    'result',
  ]);

/** In spans; `lagSeconds` is the age of the oldest that waits and was not refused. */
const Waiting = z.object({ waiting: z.number(), refused: z.number(), lagSeconds: z.number() });

export const readWaiting = async (reads: Reads): Promise<z.infer<typeof Waiting>> =>
  Waiting.parse(
    (
      await reads(
        `select coalesce(sum(spans) filter (where refusal is null), 0)::float8 as waiting,
           coalesce(sum(spans) filter (where refusal is not null), 0)::float8 as refused,
           coalesce(extract(epoch from now() - min(stored_at) filter (where refusal is null)), 0)::float8 as "lagSeconds"
         from forward_batches`,
      )
    )[0],
  );

/** The same in words, for whoever asks how this installation is. */
export const tellWaiting = async (reads: Reads): Promise<string> => {
  const { waiting, refused, lagSeconds } = await readWaiting(reads);
  const waits =
    waiting === 0 ? 'all is forwarded' : `${waiting} spans wait to be forwarded, for ${Math.round(lagSeconds)} s`;
  return refused === 0 ? waits : `${waits}; the backend refused ${refused}`;
};
