// Says what a minute held once it is over and latecomers had their time; what comes later still is only counted.
import { setTimeout as delay } from 'node:timers/promises';
import {
  ReportFailedTraces,
  SummarizeWindow,
  traceCostBucketsUsd,
  traceTokenBuckets,
  windowModelsMax,
} from '@molthub/contracts';
import { derivedId } from '@molthub/identity';
import type { Job, Runtime } from '@molthub/service';
import { z } from 'zod';
import { usdOf } from './prices.ts';

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
  duration_ns_sum: z.coerce.number(),
  model_calls: z.coerce.number(),
  tool_calls: z.coerce.number(),
  cached_tokens: z.coerce.number(),
  cost_pico: z.coerce.bigint(),
  unpriced_calls: z.coerce.number(),
  models: z.array(
    z.object({
      name: z.string(),
      calls: z.int(),
      errors: z.int(),
      inputTokens: z.int(),
      cachedTokens: z.int(),
      outputTokens: z.int(),
      costPico: z.coerce.bigint(),
      latencyCounts: z.array(z.int()),
    }),
  ),
  token_places: z.record(z.string(), z.int()),
  cost_places: z.record(z.string(), z.int()),
});

const modelsOf = `(select coalesce(jsonb_agg(c), '[]') from (
  select c.name, c.calls, c.errors, c.input_tokens as "inputTokens", c.cached_tokens as "cachedTokens",
    c.output_tokens as "outputTokens", c.cost_pico::text as "costPico", c.latency_counts as "latencyCounts"
  from call_minutes c where c.bot_id = m.bot_id and c.minute = m.minute and c.config_hash = m.config_hash and c.type = 4
  order by c.calls desc, c.name limit ${windowModelsMax}) c)`;
// A value that is a bound is below it, as in all our histograms; values are whole, so that one less is below it for sure.
const placesOf = (value: string, bounds: string, condition: string) => `(
  select coalesce(jsonb_object_agg(place, n), '{}') from (
    select width_bucket(${value} - 1, ${bounds}::numeric[]) as place, count(*) as n from traces t
    where t.workspace = m.workspace and t.bot_id = m.bot_id and t.config_hash = m.config_hash and t.request_count > 0
      and t.started_at >= m.minute - interval '1 hour' and t.started_at < m.minute + interval '1 minute'
      and t.ended_ns >= extract(epoch from m.minute)::bigint * 1000000000
      and t.ended_ns < extract(epoch from m.minute)::bigint * 1000000000 + 60000000000 and ${condition}
    group by 1) p)`;
const countsOf = (places: Readonly<Record<string, number>>, bounds: readonly number[]): number[] =>
  Array.from({ length: bounds.length + 1 }, (_, place) => places[place] ?? 0);
const picoPerUsd = 1e12;

const sayWindows = async (runtime: Runtime, latenessMs: number): Promise<number> => {
  const rows = await runtime.reads(
    `select workspace, bot_id, config_hash, minute, fleet_id, simulated, requests, errors, spans, latency_counts,
       input_tokens, output_tokens, duration_ns_sum, model_calls, tool_calls, cached_tokens, cost_pico, unpriced_calls,
       ${modelsOf} as models,
       ${placesOf('(t.input_tokens + t.output_tokens)::numeric', '$2', 'true')} as token_places,
       ${placesOf('t.cost_pico', '$3', 't.unpriced_calls = 0')} as cost_places
     from bot_minutes m where ${isOver} order by minute limit ${atOnceMax}`,
    [latenessMs, traceTokenBuckets, traceCostBucketsUsd.map((usd) => Math.round(usd * picoPerUsd))],
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
      durationMsSum: row.duration_ns_sum / 1e6,
      modelCalls: row.model_calls,
      toolCalls: row.tool_calls,
      cachedTokens: row.cached_tokens,
      costUsd: usdOf(row.cost_pico),
      unpricedCalls: row.unpriced_calls,
      models: row.models.map(({ costPico, ...model }) => ({ ...model, costUsd: usdOf(costPico) })),
      traceTokenCounts: countsOf(row.token_places, traceTokenBuckets),
      traceCostCounts: countsOf(row.cost_places, traceCostBucketsUsd),
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
