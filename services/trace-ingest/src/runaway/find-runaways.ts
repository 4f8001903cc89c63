// Sees loops in the transaction that stores their calls: only traces and bots with many calls are looked at.
import type { Sql } from '@molthub/event-store';
import { z } from 'zod';

export type RunawayLimits = {
  /** Calls of one and the same model or tool that a trace may make within a minute. */
  readonly callsPerMinute: number;
  /** Calls that a bot may make in a minute, whatever it calls. */
  readonly botCallsPerMinute: number;
};

/** A trace or a bot's minute with so many calls that it may be one. */
export const Suspect = z.object({
  workspace: z.string(),
  bot_id: z.string(),
  fleet_id: z.string().nullable(),
  trace_id: z.string().nullable(),
  minute: z.date().nullable(),
  calls: z.coerce.number(),
});
export type Suspect = z.infer<typeof Suspect>;

const named = `case s.type when 4 then coalesce(s.model, '') else coalesce(s.tool, left(s.name, 256)) end`;

const minuteNs = 60_000_000_000;

/** A trace or a bot's minute is one once. */
const idOf = (what: string) =>
  `overlay(overlay(md5('runaway' || ${what}) placing '8' from 13) placing '8' from 17)::uuid`;

/** Of several loops of a trace the one with the most calls stands for it. */
const ofTraces = `
insert into runaways (id, workspace, bot_id, fleet_id, trace_id, type, name, calls, calls_max, since_ns, last_ns, tokens, cost_pico)
select distinct on (bot_id, trace_id) ${idOf('bot_id || trace_id')}, workspace, bot_id, fleet_id, trace_id, type, name, calls,
  calls_max, since_ns, last_ns, tokens, cost_pico
from (
  select w.*, count(*) over loop as calls, min(ended_ns) over loop as since_ns, max(ended_ns) over loop as last_ns,
    sum(used) over loop as tokens, sum(cost) over loop as cost_pico
  from (
    select a.workspace, a.bot_id, a.fleet_id, a.trace_id, a.calls_max, s.type, ${named} as name,
      s.started_ns + s.duration_ns as ended_ns, s.input_tokens::bigint + s.output_tokens as used,
      coalesce(s.cost_pico, 0) as cost,
      s.started_ns + s.duration_ns - lag(s.started_ns + s.duration_ns, a.calls_max - 1)
        over (partition by a.bot_id, a.trace_id, s.type, ${named} order by s.started_ns + s.duration_ns) as took_ns
    from unnest($1::text[], $2::uuid[], $3::uuid[], $4::uuid[], $5::int[]) as a(workspace, bot_id, fleet_id, trace_id, calls_max)
    join span_rows s on s.trace_id = a.trace_id and s.bot_id = a.bot_id and s.type in (3, 4)
    where not exists (select from runaways r where r.id = ${idOf('a.bot_id || a.trace_id')})
  ) w window loop as (partition by bot_id, trace_id, type, name)
) c
where took_ns <= ${minuteNs}
order by bot_id, trace_id, calls desc, type, name
on conflict do nothing`;

const ofBots = `
insert into runaways (id, workspace, bot_id, fleet_id, name, calls, calls_max, since_ns, last_ns, tokens, cost_pico)
select ${idOf('a.bot_id || a.minute')},
  a.workspace, a.bot_id, a.fleet_id, '', sum(m.model_calls + m.tool_calls), a.calls_max,
  extract(epoch from a.minute)::bigint * 1000000000, extract(epoch from a.minute)::bigint * 1000000000 + ${minuteNs},
  sum(m.input_tokens + m.output_tokens), sum(m.cost_pico)
from unnest($1::text[], $2::uuid[], $3::uuid[], $4::timestamptz[], $5::int[]) as a(workspace, bot_id, fleet_id, minute, calls_max)
join bot_minutes m on m.bot_id = a.bot_id and m.minute = a.minute
group by a.workspace, a.bot_id, a.fleet_id, a.minute, a.calls_max
having sum(m.model_calls + m.tool_calls) > a.calls_max
order by a.bot_id, a.minute
on conflict do nothing`;

/** Traces that were looked at and how many calls they had then, so that a long one is not read again with each of its spans. */
const lookedAtMax = 10_000;
/** A trace is looked at again once it has so much of its limit more. */
const shareLookedAt = 0.1;

export const createRunawayFinder = (limitsOf: (fleetId: string | null) => RunawayLimits) => {
  const lookedAt = new Map<string, number>();
  const isDue = (suspect: Suspect): boolean => {
    const { callsPerMinute, botCallsPerMinute } = limitsOf(suspect.fleet_id);
    if (suspect.trace_id === null) return suspect.calls > botCallsPerMinute;
    if (suspect.calls < callsPerMinute) return false;
    const before = lookedAt.get(keyOf(suspect)) ?? 0;
    return before === 0 || suspect.calls >= before + Math.max(1, callsPerMinute * shareLookedAt);
  };
  /** Writes down which of these run away, in the caller's transaction; answers the traces that were looked at. */
  const find = async (sql: Sql, suspects: readonly Suspect[]): Promise<readonly Suspect[]> => {
    const due = suspects.filter(isDue);
    const columns = (some: readonly Suspect[]) => [
      some.map((one) => one.workspace),
      some.map((one) => one.bot_id),
      some.map((one) => one.fleet_id),
    ];
    const limits = (some: readonly Suspect[], of: keyof RunawayLimits) => some.map((one) => limitsOf(one.fleet_id)[of]);
    const traces = due.filter((one) => one.trace_id !== null);
    if (traces.length > 0) {
      await sql(ofTraces, [...columns(traces), traces.map((one) => one.trace_id), limits(traces, 'callsPerMinute')]);
    }
    const bots = due.filter((one) => one.trace_id === null);
    if (bots.length > 0) {
      await sql(ofBots, [...columns(bots), bots.map((one) => one.minute), limits(bots, 'botCallsPerMinute')]);
    }
    return traces;
  };
  /** Call it with what `find` answered once its transaction is committed. */
  const noted = (traces: readonly Suspect[]) => {
    if (lookedAt.size + traces.length > lookedAtMax) lookedAt.clear();
    for (const trace of traces) lookedAt.set(keyOf(trace), trace.calls);
  };
  return { find, noted };
};

const keyOf = ({ bot_id: botId, trace_id: traceId }: Suspect): string => `${botId} ${traceId}`;
