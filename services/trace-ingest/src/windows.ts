// Says what a minute held once it is over and latecomers had their time; what comes later still is only counted.
import { setTimeout as delay } from 'node:timers/promises';
import { ReportFailedTraces, SummarizeWindow } from '@molthub/contracts';
import { derivedId } from '@molthub/identity';
import type { Job, Runtime } from '@molthub/service';
import { z } from 'zod';

export type WindowSettings = {
  /** How long after its end a minute still waits for spans; exporters send every 5 s. */
  readonly latenessMs: number;
  readonly lookEveryMs: number;
};

export const windowsJob = (settings: WindowSettings): Job => ({
  name: 'windows',
  single: true,
  run: async (runtime, signal) => {
    while (!signal.aborted) {
      const said = await sayWindows(runtime, settings.latenessMs);
      const reported = await reportFailures(runtime, settings.latenessMs);
      if (said + reported === 0) await delay(settings.lookEveryMs, undefined, { signal });
    }
  },
});

const atOnceMax = 500;
// A minute of which the first span came late waits from then on, so that the rest of its batch is in it.
const isOver = `said_at is null and minute + interval '1 minute' + $1 * interval '1 millisecond' <= now()
  and first_at + $1 * interval '1 millisecond' <= now()`;

const Minute = z.object({
  workspace: z.string(),
  bot_id: z.string(),
  config_hash: z.string(),
  minute: z.date(),
  fleet_id: z.string().nullable(),
  simulated: z.boolean(),
  requests: z.coerce.number(),
  errors: z.coerce.number(),
  spans: z.coerce.number(),
  latency_counts: z.array(z.coerce.number()),
  input_tokens: z.coerce.number(),
  output_tokens: z.coerce.number(),
});

const sayWindows = async (runtime: Runtime, latenessMs: number): Promise<number> => {
  const rows = await runtime.reads(
    `select workspace, bot_id, config_hash, minute, fleet_id, simulated, requests, errors, spans, latency_counts,
       input_tokens, output_tokens
     from bot_minutes where ${isOver} order by minute limit ${atOnceMax}`,
    [latenessMs],
  );
  const say = async (row: z.infer<typeof Minute>) => {
    const data = {
      botId: row.bot_id,
      fleetId: row.fleet_id,
      configHash: row.config_hash === '' ? null : row.config_hash,
      from: row.minute.toISOString(),
      to: new Date(row.minute.getTime() + 60_000).toISOString(),
      requests: row.requests,
      errors: row.errors,
      spans: row.spans,
      latencyCounts: row.latency_counts,
      inputTokens: row.input_tokens,
      outputTokens: row.output_tokens,
      simulated: row.simulated,
    };
    const outcome = await runtime.execute(SummarizeWindow, data, {
      workspace: row.workspace,
      id: derivedId(row.bot_id, `window ${data.from} ${row.config_hash}`),
      alongside: (sql) =>
        sql('update bot_minutes set said_at = now() where bot_id = $1 and minute = $2 and config_hash = $3', [
          row.bot_id,
          row.minute,
          row.config_hash,
        ]),
    });
    if (outcome.status !== 'DONE') throw new Error(`A window was not said: ${JSON.stringify(outcome)}`);
  };
  await Promise.all(z.array(Minute).parse(rows).map(say));
  return rows.length;
};

const FailedMinute = z.object({
  workspace: z.string(),
  bot_id: z.string(),
  minute: z.date(),
  fleet_id: z.string().nullable(),
  count: z.coerce.number(),
  trace_id: z.string(),
  name: z.string(),
  message: z.string(),
});

const reportFailures = async (runtime: Runtime, latenessMs: number): Promise<number> => {
  const rows = await runtime.reads(
    `select workspace, bot_id, minute, fleet_id, count, trace_id, name, message
     from failed_minutes where ${isOver} order by minute limit ${atOnceMax}`,
    [latenessMs],
  );
  const report = async (row: z.infer<typeof FailedMinute>) => {
    const minute = row.minute.toISOString();
    const data = {
      botId: row.bot_id,
      fleetId: row.fleet_id,
      traceId: row.trace_id,
      name: row.name,
      message: row.message,
      count: row.count,
      minute,
    };
    const outcome = await runtime.execute(ReportFailedTraces, data, {
      workspace: row.workspace,
      id: derivedId(row.bot_id, `failed ${minute}`),
      alongside: (sql) =>
        sql('update failed_minutes set said_at = now() where bot_id = $1 and minute = $2', [row.bot_id, row.minute]),
    });
    if (outcome.status !== 'DONE') throw new Error(`Failed traces were not reported: ${JSON.stringify(outcome)}`);
  };
  await Promise.all(z.array(FailedMinute).parse(rows).map(report));
  return rows.length;
};
