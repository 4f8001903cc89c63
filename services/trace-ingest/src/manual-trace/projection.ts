// Traces of the API as a table; while one is open it stands among the others, with what is known of it.
import { type FactOf, type Recorded, SpanType, TraceEnded, TraceOpened } from '@molthub/contracts';
import { projection, type Sql, when } from '@molthub/event-store';

export const manualTraces = projection({
  name: 'manual-traces',
  revision: 1,
  tables: `
    create table manual_traces (
      workspace text not null, bot_id uuid not null, trace_id uuid not null, fleet_id uuid, simulated boolean not null,
      span_id text not null, parent_trace_id text, name text not null, type text not null, status text not null,
      message text not null, session text, attributes jsonb not null, started_at timestamptz not null,
      ended_at timestamptz, stored boolean not null default false, primary key (trace_id, bot_id)
    );
    create index manual_traces_to_store on manual_traces (ended_at) where ended_at is not null and not stored;
  `,
  views: {
    manual_traces: `select workspace, bot_id, replace(trace_id::text, '-', '') as trace_id, trace_id as trace_uuid, span_id, parent_trace_id, name,
      type, status, session, attributes, started_at, ended_at from manual_traces`,
  },
  handlers: [
    when(TraceOpened, ({ workspace, data, log }, sql) => {
      const kept = sql(
        `insert into manual_traces (workspace, bot_id, trace_id, fleet_id, simulated, span_id, parent_trace_id, name, type,
           status, message, session, attributes, started_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'OPEN', '', $10, $11, $12)`,
        [
          workspace,
          data.botId,
          data.traceId,
          data.fleetId,
          data.simulated,
          data.spanId,
          data.parentTraceId,
          data.name,
          data.type,
          data.session,
          JSON.stringify(data.attributes),
          data.startedAt,
        ],
      );
      return Promise.all([kept, showOpen({ workspace, data, log }, sql)]);
    }),
    when(TraceEnded, ({ data, log }, sql) =>
      Promise.all([
        sql(
          `update manual_traces set status = $3, message = $4, ended_at = $5, attributes = attributes || $6::jsonb
           where bot_id = $1 and trace_id = $2`,
          [data.botId, data.traceId, data.status, data.message, data.endedAt, JSON.stringify(data.attributes)],
        ),
        // Open until its span is stored, even where it was swept and has come again since.
        sql(
          `update traces set open_count = 1
           where bot_id = $1 and trace_id = $2 and $3::xid8 = pg_current_xact_id() and open_count = 0`,
          [data.botId, data.traceId, String(log.tx)],
        ),
      ]),
    ),
  ],
});

/**
 * The row that spans of this trace add to. It is named as its root will be, and given up to the root when that is
 * stored, since that one's id is smaller. Written only with the event itself: a rebuild would bring back those long gone.
 */
const showOpen = (
  { workspace, data, log }: Pick<Recorded<FactOf<typeof TraceOpened>>, 'workspace' | 'data' | 'log'>,
  sql: Sql,
) =>
  sql(
    `insert into traces as t (workspace, bot_id, trace_id, id, fleet_id, name, type, status, named_rank, named_ns,
       named_span, started_ns, ended_ns, started_at, span_count, error_count, root_count, input_tokens, output_tokens,
       session, open_count)
     select $1, $2::uuid, $3::uuid, overlay(overlay(md5($2::text || $4) placing '8' from 13) placing '8' from 17)::uuid,
       $5::uuid, $6, $7, 0, 0, at.ns, 9223372036854775807, at.ns, at.ns, $8::timestamptz, 0, 0, 0, 0, 0, $9, 1
     from (select (extract(epoch from $8::timestamptz) * 1000000)::bigint * 1000 as ns) at
     where $10::xid8 = pg_current_xact_id()
     on conflict (trace_id, bot_id) do update set open_count = 1, updated_at = now()`,
    [
      workspace,
      data.botId,
      data.traceId,
      data.traceId,
      data.fleetId,
      data.name,
      SpanType.options.indexOf(data.type),
      data.startedAt,
      data.session,
      String(log.tx),
    ],
  );
