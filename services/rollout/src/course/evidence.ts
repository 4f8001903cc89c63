// What gates judge by: how bots are on which configuration, and the minutes of their traces. Foreign facts, kept as rows.
import { BotHealthChanged, type Recorded, TraceWindowSummarized } from '@molthub/contracts';
import type { Migration, Sql } from '@molthub/event-store';
import type { Listener } from '@molthub/service';
import { only } from '../gathering.ts';

export const evidenceMigration: Migration = {
  name: '0005_evidence',
  sql: `
    create table bot_health (
      bot_id uuid primary key, status text not null, hash text, detail text not null, probed_at timestamptz not null
    );
    create table trace_windows (
      bot_id uuid not null, config_hash text not null, from_at timestamptz not null, to_at timestamptz not null,
      requests int not null, errors int not null, latency_counts jsonb not null, duration_ms_sum float8,
      input_tokens bigint not null, output_tokens bigint not null, cost_usd numeric, unpriced_calls int,
      simulated boolean not null,
      primary key (bot_id, config_hash, from_at)
    );
    create index on trace_windows using brin (from_at);
  `,
};

/** Longer no wave is judged. */
export const windowsKeptDays = 3;

export const forgetWindows = (sql: Sql, now: string): Promise<unknown> =>
  sql(`delete from trace_windows where from_at < $1::timestamptz - interval '${windowsKeptDays} days'`, [now]);

export const evidenceListeners: readonly Listener[] = [
  {
    name: 'health',
    sources: ['health'],
    types: [BotHealthChanged.type],
    sendsAtOnce: true,
    apply: async (events, sql) => {
      const rows = only(events, BotHealthChanged).map(({ data }) => ({
        bot_id: data.botId,
        status: data.to,
        hash: data.hash,
        detail: data.detail,
        probed_at: data.probedAt,
      }));
      const last = [...new Map(rows.map((row) => [row.bot_id, row])).values()];
      await sql(
        `insert into bot_health (bot_id, status, hash, detail, probed_at)
         select * from jsonb_to_recordset($1) as h (bot_id uuid, status text, hash text, detail text, probed_at timestamptz)
         on conflict (bot_id) do update set status = excluded.status, hash = excluded.hash, detail = excluded.detail,
           probed_at = excluded.probed_at where bot_health.probed_at <= excluded.probed_at`,
        [JSON.stringify(last)],
      );
    },
  },
  {
    name: 'trace-windows',
    sources: ['trace'],
    types: [TraceWindowSummarized.type],
    sendsAtOnce: true,
    apply: (events, sql) => keepWindows(events, sql),
  },
];

/** A window that is told again is the same one; the first stands. */
const keepWindows = async (events: readonly Recorded[], sql: Sql): Promise<void> => {
  const rows = only(events, TraceWindowSummarized).flatMap(({ data }) =>
    data.configHash === null
      ? []
      : [
          {
            bot_id: data.botId,
            config_hash: data.configHash,
            from_at: data.from,
            to_at: data.to,
            requests: data.requests,
            errors: data.errors,
            latency_counts: data.latencyCounts,
            duration_ms_sum: data.durationMsSum ?? null,
            input_tokens: data.inputTokens,
            output_tokens: data.outputTokens,
            cost_usd: data.costUsd ?? null,
            unpriced_calls: data.unpricedCalls ?? null,
            simulated: data.simulated,
          },
        ],
  );
  await sql(
    `insert into trace_windows select * from jsonb_to_recordset($1) as w (bot_id uuid, config_hash text,
       from_at timestamptz, to_at timestamptz, requests int, errors int, latency_counts jsonb, duration_ms_sum float8,
       input_tokens bigint, output_tokens bigint, cost_usd numeric, unpriced_calls int, simulated boolean)
     on conflict do nothing`,
    [JSON.stringify(rows)],
  );
};
