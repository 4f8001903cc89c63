// A job that says which runaways began and which are over.
import { setTimeout as delay } from 'node:timers/promises';
import { type CommandOf, EndRunaway, ReportRunaway } from '@molthub/contracts';
import type { Job, Runtime } from '@molthub/service';
import { z } from 'zod';
import { usdOf } from '../prices.ts';

export type RunawaySettings = {
  readonly lookEveryMs: number;
  /** One of which nothing comes for so long is over. */
  readonly silenceMs: number;
};

export const runawaysJob = (settings: RunawaySettings): Job => ({
  name: 'runaways',
  single: true,
  run: async (runtime, signal) => {
    while (!signal.aborted) {
      const said = await sayBegun(runtime);
      const ended = await sayEnded(runtime, settings.silenceMs);
      if (said + ended === 0) await delay(settings.lookEveryMs, undefined, { signal });
    }
  },
});

const atOnceMax = 100;
const columns = `r.id, r.workspace, r.bot_id, r.fleet_id, replace(r.trace_id::text, '-', '') as trace_id, r.type, r.name,
  r.calls_max, r.since_ns`;
const Row = z.object({
  id: z.string(),
  workspace: z.string(),
  bot_id: z.string(),
  fleet_id: z.string().nullable(),
  trace_id: z.string().nullable(),
  type: z.number().nullable(),
  name: z.string(),
  calls_max: z.number(),
  since_ns: z.coerce.bigint(),
  calls: z.coerce.number(),
  last_ns: z.coerce.bigint(),
  tokens: z.coerce.number(),
  cost_pico: z.coerce.bigint(),
  rooted: z.boolean(),
});

const timeOf = (ns: bigint): string => new Date(Number(ns / 1_000_000n)).toISOString();
const typeModel = 4;
const dataOf = (row: z.infer<typeof Row>): Omit<CommandOf<typeof EndRunaway>['data'], 'reason'> => ({
  runawayId: row.id,
  botId: row.bot_id,
  fleetId: row.fleet_id,
  kind: row.trace_id === null ? 'BOT' : 'TRACE',
  traceId: row.trace_id,
  callType: row.type === null ? null : row.type === typeModel ? 'MODEL' : 'TOOL',
  name: row.name,
  calls: row.calls,
  tokens: row.tokens,
  costUsd: usdOf(row.cost_pico),
  since: timeOf(row.since_ns),
  lastAt: timeOf(row.last_ns),
});

const sayBegun = async (runtime: Runtime): Promise<number> => {
  const rows = z.array(Row).parse(
    await runtime.reads(
      `select ${columns}, r.calls, r.last_ns, r.tokens, r.cost_pico, false as rooted from runaways r
       where r.said_at is null order by r.found_at limit ${atOnceMax}`,
    ),
  );
  for (const row of rows) {
    const outcome = await runtime.execute(
      ReportRunaway,
      { ...dataOf(row), callsMax: row.calls_max },
      {
        workspace: row.workspace,
        alongside: (sql) => sql('update runaways set said_at = now() where id = $1', [row.id]),
      },
    );
    if (outcome.status !== 'DONE') throw new Error(`A runaway was not said: ${JSON.stringify(outcome)}`);
  }
  return rows.length;
};

const overSilent = `now() - $1 * interval '1 millisecond'`;

const sayEnded = async (runtime: Runtime, silenceMs: number): Promise<number> => {
  const rows = z.array(Row).parse(
    await runtime.reads(
      `select ${columns}, t.model_calls + t.tool_calls as calls, t.ended_ns as last_ns,
         t.input_tokens + t.output_tokens as tokens, t.cost_pico, t.root_count > 0 as rooted
       from runaways r join traces t on t.trace_id = r.trace_id and t.bot_id = r.bot_id
       where r.said_at is not null and r.ended_at is null and (t.root_count > 0 or t.updated_at < ${overSilent})
       union all
       select ${columns}, greatest(r.calls, m.calls), greatest(r.last_ns, m.last_ns), m.tokens, m.cost_pico, false
       from runaways r cross join lateral (
         select coalesce(sum(model_calls + tool_calls), 0) as calls, coalesce(sum(input_tokens + output_tokens), 0) as tokens,
           coalesce(sum(cost_pico), 0) as cost_pico, max(updated_at) as updated_at,
           (extract(epoch from max(minute)) + 60)::bigint * 1000000000 as last_ns
         from bot_minutes m where m.bot_id = r.bot_id and m.minute >= to_timestamp(r.since_ns / 1000000000)
           and m.model_calls + m.tool_calls > r.calls_max) m
       where r.trace_id is null and r.said_at is not null and r.ended_at is null
         and coalesce(m.updated_at, r.found_at) < ${overSilent}
       limit ${atOnceMax}`,
      [silenceMs],
    ),
  );
  for (const row of rows) {
    const reason = row.rooted ? ('root' as const) : ('silence' as const);
    const outcome = await runtime.execute(
      EndRunaway,
      { ...dataOf(row), reason },
      {
        workspace: row.workspace,
        alongside: (sql) => sql('update runaways set ended_at = now() where id = $1', [row.id]),
      },
    );
    if (outcome.status !== 'DONE') throw new Error(`The end of a runaway was not said: ${JSON.stringify(outcome)}`);
  }
  return rows.length;
};
