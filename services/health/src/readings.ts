// Readings are telemetry: the latest of each bot, and a history of seven days.
import type { Runtime } from '@molthub/service';
import type { Reading } from './judge.ts';
import type { Target } from './targets.ts';

export const retentionDays = 7;

export type KeptReading = {
  readonly target: Target;
  readonly reading: Reading;
  readonly atMs: number;
  /** Whether the history keeps it, besides the latest. */
  readonly history: boolean;
};

const recordset = `jsonb_to_recordset($1) as r (workspace text, bot_id uuid, probed_at timestamptz, status text,
  latency_ms double precision, detail text, history boolean)`;

export const keepReadings = async (runtime: Runtime, kept: readonly KeptReading[]): Promise<void> => {
  if (kept.length === 0) return;
  const rows = kept.map(({ target, reading, atMs, history }) => ({
    workspace: target.workspace,
    bot_id: target.botId,
    probed_at: new Date(atMs).toISOString(),
    status: reading.status,
    latency_ms: reading.latencyMs,
    detail: reading.detail,
    history,
  }));
  const latest = [...new Map(rows.map((row) => [row.bot_id, row])).values()];
  await runtime.write(async (sql) => {
    await sql(
      `insert into readings (bot_id, probed_at, latency_ms, detail)
       select bot_id, probed_at, latency_ms, detail from ${recordset} order by bot_id
       on conflict (bot_id) do update set probed_at = excluded.probed_at, latency_ms = excluded.latency_ms,
         detail = excluded.detail`,
      [JSON.stringify(latest)],
    );
    const history = rows.filter((row) => row.history);
    if (history.length === 0) return;
    await sql(
      `insert into probes (workspace, bot_id, probed_at, status, latency_ms, detail)
       select workspace, bot_id, probed_at, status, latency_ms, detail from ${recordset}
       on conflict do nothing`,
      [JSON.stringify(history)],
    );
  });
};

/** Forgets what is past its time, a part at a time so that no transaction takes long. */
export const dropOldReadings = async (runtime: Runtime): Promise<void> => {
  for (;;) {
    const dropped = await runtime.write((sql) =>
      sql(
        `delete from probes where ctid = any(array(
           select ctid from probes where probed_at < now() - make_interval(days => $1) limit 5000)) returning 1`,
        [retentionDays],
      ),
    );
    if (dropped.length === 0) return;
  }
};
