// Any number of spans in the tables of trace-ingest, as if bots had sent them over some days: made inside of Postgres, and
// counted from the rows, so that rollups agree with them. For measuring reads; what ingest does is not tried with it.
import { createHash } from 'node:crypto';
import { latencyBucketsMs, SpanType, tokenBuckets } from '@molthub/contracts';

/** A session of its own on the tables of trace-ingest. */
export type Session = (text: string, values?: readonly unknown[]) => Promise<unknown>;

export type ManySpans = {
  readonly spans: number;
  readonly days: number;
  readonly endsAt: Date;
  readonly bots: readonly { readonly workspace: string; readonly botId: string; readonly fleetId: string }[];
};

export const spansPerTrace = 8;
const dayMs = 86_400_000;
const tracesAtOnce = 25_000;

/** Fills the tables over all sessions at once, and lets Postgres look at them. Bots must have no spans before. */
export const makeManySpans = async (sessions: readonly Session[], asked: ManySpans): Promise<void> => {
  const [first] = sessions;
  if (!first) throw new Error('Spans are made over one session at least.');
  for (let day = -1; day <= asked.days + 1; day += 1) await first(partition(asked.endsAt.getTime() - day * dayMs));
  await first(botsTable);
  await first(
    'insert into many_bots select * from unnest($1::int[], $2::text[], $3::uuid[], $4::uuid[], $5::timestamptz[])',
    [
      asked.bots.map((_, place) => place),
      asked.bots.map(({ workspace }) => workspace),
      asked.bots.map(({ botId }) => botId),
      asked.bots.map(({ fleetId }) => fleetId),
      asked.bots.map((_, place) => changedAt(asked, place)),
    ],
  );
  await first(surroundings);
  await inTurns(sessions, spanChunks(asked));
  await first('analyze span_rows');
  const quarters = [0, 1, 2, 3].flatMap((quarter) =>
    [traces, botMinutes, callMinutes].map((text) => ({ text, values: [quarter] })),
  );
  await inTurns(sessions, [...quarters, { text: errorGroups }]);
  await inTurns(sessions, [{ text: hoursOf('call') }, { text: hoursOf('bot') }]);
  await first('drop table many_bots');
  await first('analyze');
};

/** One trace with so many spans, each with three below it: deep as a long run of an agent, and wide. Answers its id. */
export const makeLargeTrace = async (
  session: Session,
  spans: number,
  { bots, endsAt }: Pick<ManySpans, 'bots' | 'endsAt'>,
): Promise<string> => {
  const [bot] = bots;
  if (!bot) throw new Error('A trace is of one bot at least.');
  const id = createHash('sha256').update('the large trace').digest('hex').slice(0, 32);
  const startNs = String(BigInt(endsAt.getTime() - 60_000) * 1_000_000n);
  await session(largeSpans, [id, bot.botId, bot.workspace, startNs, spans]);
  await session(largeTrace, [id, bot.botId, bot.workspace, startNs, spans]);
  return id;
};

/** The id of a trace by its number, from 0 for the earliest to one for every eight spans. */
export const traceIdOf = (number: number): string =>
  createHash('sha256').update(`trace ${number}`).digest('hex').slice(0, 32);

/** Each bot runs another configuration from some moment in the second half. */
const changedAt = ({ days, endsAt, bots }: ManySpans, place: number): Date =>
  new Date(endsAt.getTime() - (days / 2) * dayMs * (1 - place / bots.length));

type Statement = { readonly text: string; readonly values?: readonly unknown[] };

/** Each session takes the next statement when it is done with one. */
const inTurns = async (sessions: readonly Session[], statements: readonly Statement[]): Promise<void> => {
  const left = [...statements];
  const work = async (session: Session) => {
    for (let next = left.shift(); next; next = left.shift()) await session(next.text, next.values);
  };
  await Promise.all(sessions.map(work));
};

const spanChunks = ({ spans, days, endsAt, bots }: ManySpans): readonly Statement[] => {
  const count = Math.ceil(spans / spansPerTrace);
  const stepNs = BigInt(Math.floor((days * dayMs * 1_000_000) / count));
  const startNs = BigInt(endsAt.getTime()) * 1_000_000n - BigInt(count) * stepNs;
  return Array.from({ length: Math.ceil(count / tracesAtOnce) }, (_, chunk) => {
    const from = chunk * tracesAtOnce;
    const to = Math.min(count, from + tracesAtOnce) - 1;
    return { text: spanRows, values: [from, to, String(startNs), String(stepNs), bots.length] };
  });
};

/** A day of which spans came before it had a partition stays among the other days. */
const partition = (atMs: number): string => {
  const [from, to] = [atMs, atMs + dayMs].map((ms) => new Date(ms).toISOString().slice(0, 10));
  return `do $$ begin
    create table if not exists span_rows_${from?.replaceAll('-', '')} partition of span_rows
      for values from ('${from} 00:00Z') to ('${to} 00:00Z');
    exception when check_violation then null;
  end $$`;
};

const botsTable = `create table many_bots (place int primary key, workspace text not null, bot_id uuid not null,
  fleet_id uuid not null, changed_at timestamptz not null)`;
const surroundings = `insert into surroundings (bot_id, id, resource, scope)
  select bot_id, 1, jsonb_build_object('service.name', 'openclaw-bot-' || place, 'service.version', '2026.9.6'),
    'openclaw'
  from many_bots on conflict do nothing`;

const type = (name: SpanType) => SpanType.options.indexOf(name);
const [model, tool, request, other] = [type('MODEL'), type('TOOL'), type('REQUEST'), type('OTHER')];
const models = `array['claude-sonnet-4-5', 'gpt-5.2', 'gemini-3-pro', 'a-local-model']`;
const tools = `array['read_file', 'web_search', 'exec', 'memory_get', 'send_message', 'browser']`;

/** A request with three calls of models, two of tools and two other steps. One of fifty fails in its second tool. */
const shape = `(values (0, ${request}, 2, 'openclaw.run'), (1, ${model}, 3, 'chat'), (2, ${tool}, 1, 'execute_tool'),
  (3, ${model}, 3, 'chat'), (4, ${tool}, 1, 'execute_tool'), (5, ${model}, 3, 'chat'),
  (6, ${other}, 1, 'openclaw.context'), (7, ${other}, 1, 'openclaw.reply')) as s (place, type, kind, name)`;

/** A number that looks like chance, from the number of the trace; parts of it where \`h\` is shifted. */
const chance = '(hashint8extended(n, 7) & 9223372036854775807) as h';

const numbered = `
  select n, h, encode(substr(sha256(('trace ' || n)::bytea), 1, 16), 'hex')::uuid as trace_id,
    $3::bigint + n * $4::bigint as start_ns,
    200000000 + (30000000000 * power((h % 100003) / 100003.0, 4))::bigint as total_ns
  from (select n, ${chance} from generate_series($1::bigint, $2::bigint) as n) as numbers`;

const made = `
  select t.n, t.trace_id, b.bot_id, b.workspace, s.place, s.type, s.kind, s.name, h % 20 as error,
    t.start_ns + s.place * (t.total_ns / 10) as started_ns,
    case when s.place = 0 then t.total_ns else t.total_ns / 10 + (h >> (s.place * 3)) % 1000003 end as duration_ns,
    h % 50 = 0 and s.place in (0, 4) as failed,
    case s.type when ${model} then (${models})[1 + (b.place + (h % 10 = 0)::int) % 4] end as model,
    (${tools})[1 + ((h >> s.place) % 6)] as tool,
    case s.type when ${model} then 500 + (h >> s.place) % 8000 else 0 end as input,
    case s.type when ${model} then 250 * ((h % 3 > 0)::int) else 0 end as cached,
    case s.type when ${model} then 100 * ((h % 7 = 0)::int) else 0 end as written,
    case s.type when ${model} then 50 + (h >> (s.place + 5)) % 900 else 0 end as output
  from (${numbered}) as t join many_bots b on b.place = t.n % $5::int cross join ${shape}`;

/** Cost at 3 USD a million tokens in, 15 out, 0.3 from the cache and 3.75 into it. */
const costPico = `case when model <> 'a-local-model' then (input - cached - written) * 3000000::bigint
    + cached * 300000::bigint + written * 3750000::bigint + output * 15000000::bigint end`;

const spanRows = `
insert into span_rows (trace_id, span_id, parent_id, bot_id, workspace, started_at, started_ns, duration_ns, type, kind,
  status, request, flags, name, status_message, model, tool, input_tokens, cached_tokens, cache_write_tokens,
  output_tokens, reasoning_tokens, cost_pico, session, fingerprint, surroundings, attributes)
select trace_id, n * 16 + place + 1, case when place > 0 then n * 16 + 1 end, bot_id, workspace,
  timestamptz 'epoch' + (started_ns / 1000) * interval '1 microsecond', started_ns, duration_ns, type, kind,
  case when failed then 2 when place = 0 then 1 else 0 end, place = 0, 0, name,
  case when failed then 'the tool failed with ' || error else '' end, model, case when type = ${tool} then tool end,
  input, cached, written, output, output / 4,
  ${costPico}, 'session-' || n / 20, case when failed and place = 4 then error end, 1,
  case type
    when ${model} then jsonb_build_object('gen_ai.operation.name', 'chat', 'gen_ai.request.model', model,
      'gen_ai.usage.input_tokens', input, 'gen_ai.usage.output_tokens', output, 'openclaw.session.key', n / 20)
    when ${tool} then jsonb_build_object('gen_ai.operation.name', 'execute_tool', 'gen_ai.tool.name', tool,
      'openclaw.session.key', n / 20)
    else jsonb_build_object('openclaw.channel', 'telegram', 'openclaw.session.key', n / 20) end
from (${made}) as spans`;

const configHash = (at: string) =>
  `'sha256:' || encode(sha256((b.bot_id::text || (${at} < b.changed_at)::text)::bytea), 'hex')`;
const ofQuarter = 'join many_bots b on b.bot_id = s.bot_id and b.place % 4 = $1::int';
const ofBot = 'b.bot_id, b.workspace, b.fleet_id, b.changed_at';

const tokens = `sum(input_tokens), sum(cached_tokens), sum(output_tokens)`;
const cost = `coalesce(sum(cost_pico), 0), count(*) filter (where type = ${model} and cost_pico is null)`;
// What is counted is written in the order of time, as it comes: rows of one minute lie together on disk.
const callsOf = (code: number) => `count(*) filter (where type = ${code})`;

const traces = `
insert into traces (workspace, bot_id, trace_id, id, name, type, status, named_rank, named_ns, named_span, started_ns,
  ended_ns, started_at, span_count, error_count, root_count, input_tokens, cached_tokens, output_tokens, cost_pico,
  unpriced_calls, fleet_id, config_hash, request_count, model_calls, tool_calls, models, session, error_ns,
  error_message, fingerprint)
select b.workspace, b.bot_id, trace_id,
  overlay(overlay(md5(b.bot_id::text || replace(trace_id::text, '-', '')) placing '8' from 13) placing '8' from 17)::uuid,
  min(name) filter (where request), ${request}, max(status) filter (where request), 0, min(started_ns),
  min(span_id) filter (where request), min(started_ns), max(started_ns + duration_ns), min(started_at), count(*),
  count(*) filter (where status = 2), 1, ${tokens}, ${cost}, b.fleet_id, ${configHash('min(started_at)')},
  count(*) filter (where request), ${callsOf(model)}, ${callsOf(tool)},
  array_agg(distinct model) filter (where model is not null), min(session), min(started_ns) filter (where status = 2),
  min(status_message) filter (where status = 2), min(fingerprint)
from span_rows s ${ofQuarter}
group by ${ofBot}, trace_id order by min(started_at)`;

const largeSpans = `
insert into span_rows (trace_id, span_id, parent_id, bot_id, workspace, started_at, started_ns, duration_ns, type, kind,
  status, request, flags, name, status_message, tool, input_tokens, cached_tokens, cache_write_tokens, output_tokens,
  reasoning_tokens, surroundings, attributes)
select $1::uuid, n, case when n > 1 then (n + 1) / 3 end, $2::uuid, $3::text,
  timestamptz 'epoch' + (($4::bigint + n * 1000) / 1000) * interval '1 microsecond', $4::bigint + n * 1000, 1000000,
  case when n = 1 then ${request} else ${tool} end, 1, 0, n = 1, 0, 'step ' || n, '',
  case when n > 1 then 'read_file' end, 0, 0, 0, 0, 0, 1,
  jsonb_build_object('gen_ai.operation.name', 'execute_tool', 'gen_ai.tool.name', 'read_file', 'step', n)
from generate_series(1, $5::int) as n`;
const largeTrace = `
insert into traces (workspace, bot_id, trace_id, id, name, type, status, named_rank, named_ns, named_span, started_ns,
  ended_ns, started_at, span_count, error_count, root_count, input_tokens, output_tokens, request_count, tool_calls)
select $3, $2::uuid, $1::uuid, gen_random_uuid(), 'step 1', ${request}, 0, 0, $4::bigint, 1, $4::bigint,
  $4::bigint + $5::int * 1000 + 1000000, timestamptz 'epoch' + ($4::bigint / 1000) * interval '1 microsecond', $5::int, 0,
  1, 0, 0, 1, $5::int - 1`;

/** Bounds belong to the bucket below them. */
const latency = `width_bucket(duration_ns - 1, array[${latencyBucketsMs.map((ms) => ms * 1_000_000).join(',')}]::bigint[])`;
const size = `width_bucket((input_tokens + output_tokens - 1)::bigint, array[${tokenBuckets.join(',')}]::bigint[])`;
const ended = `timestamptz 'epoch' + ((started_ns + duration_ns) / 60000000000) * interval '1 minute'`;
const histogram = (bucket: string, bounds: readonly number[], where: string) =>
  `array[${[...bounds.keys(), bounds.length]
    .map((at) => `count(*) filter (where ${bucket} = ${at} and ${where})`)
    .join(', ')}]`;

const botMinutes = `
insert into bot_minutes (workspace, bot_id, config_hash, minute, fleet_id, simulated, requests, errors, spans,
  model_calls, tool_calls, latency_counts, duration_ns_sum, input_tokens, cached_tokens, output_tokens, cost_pico,
  unpriced_calls, said_at)
select b.workspace, b.bot_id, ${configHash('minute')}, minute, b.fleet_id, false, count(*) filter (where request),
  count(*) filter (where request and status = 2), count(*), ${callsOf(model)}, ${callsOf(tool)},
  ${histogram('latency', latencyBucketsMs, 'request')}, coalesce(sum(duration_ns) filter (where request), 0), ${tokens},
  ${cost}, now()
from (select *, ${ended} as minute, ${latency} as latency from span_rows) s ${ofQuarter}
group by ${ofBot}, minute order by minute`;

const callMinutes = `
insert into call_minutes (workspace, bot_id, config_hash, minute, type, name, fleet_id, calls, errors, latency_counts,
  token_counts, duration_ns_sum, input_tokens, cached_tokens, output_tokens, cost_pico, unpriced_calls,
  cache_write_tokens, reasoning_tokens)
select b.workspace, b.bot_id, ${configHash('minute')}, minute, type, called, b.fleet_id, count(*),
  count(*) filter (where status = 2), ${histogram('latency', latencyBucketsMs, 'true')},
  ${histogram('size', tokenBuckets, `type = ${model}`)}, sum(duration_ns), ${tokens}, ${cost}, sum(cache_write_tokens),
  sum(reasoning_tokens)
from (
  select *, ${ended} as minute, coalesce(model, tool) as called, ${latency} as latency,
    ${size} as size
  from span_rows where type in (${model}, ${tool})
) s ${ofQuarter}
group by ${ofBot}, minute, type, called order by minute`;

const errorGroups = `
insert into error_groups (workspace, bot_id, fingerprint, fleet_id, name, error_type, message, count, first_ns, last_ns,
  trace_id)
select b.workspace, b.bot_id, fingerprint, b.fleet_id, min(name), 'tool', min(status_message), count(*),
  min(started_ns), max(started_ns), (array_agg(trace_id order by started_ns desc))[1]
from span_rows s join many_bots b on b.bot_id = s.bot_id
where status = 2 and fingerprint is not null
group by ${ofBot}, fingerprint`;

const ofBoth = ['duration_ns_sum', 'input_tokens', 'cached_tokens', 'output_tokens', 'cost_pico', 'unpriced_calls'];
const counted = {
  bot: ['requests', 'errors', 'spans', 'model_calls', 'tool_calls', ...ofBoth],
  call: ['calls', 'errors', 'cache_write_tokens', 'reasoning_tokens', ...ofBoth],
} as const;
const histograms = {
  bot: [['latency_counts', latencyBucketsMs]],
  call: [
    ['latency_counts', latencyBucketsMs],
    ['token_counts', tokenBuckets],
  ],
} as const;
const keys = { bot: [], call: ['type', 'name'] } as const;

const added = (column: string, bounds: readonly number[]) =>
  `array[${[...bounds.keys(), bounds.length].map((at) => `sum(${column}[${at + 1}])`).join(', ')}]::bigint[]`;

const hoursOf = (kind: 'bot' | 'call'): string => {
  const [values, arrays] = [counted[kind], histograms[kind]];
  const group = [
    'workspace',
    's.bot_id',
    'config_hash',
    "date_trunc('hour', minute, 'UTC')",
    's.fleet_id',
    ...keys[kind],
  ];
  const columns = ['workspace', 'bot_id', 'config_hash', 'hour', 'fleet_id', ...keys[kind], ...values];
  return `insert into ${kind}_hours (${[...columns, ...arrays.map(([column]) => column)].join(', ')}${kind === 'bot' ? ', simulated' : ''})
select ${[...group, ...values.map((column) => `sum(${column})`), ...arrays.map(([column, bounds]) => added(column, bounds))].join(', ')}${kind === 'bot' ? ', false' : ''}
from ${kind}_minutes s where exists (select from many_bots b where b.bot_id = s.bot_id)
group by ${group.join(', ')} order by 4`;
};
