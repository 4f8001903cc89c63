// Spans as fixed-width rows that COPY fills, their surroundings and their content apart; what else is counted of them.
import type { Migration } from '@molthub/event-store';

// Bounds of histograms stand in contracts (`latencyBucketsMs`, `tokenBuckets`): one count more than there are bounds.
const counted = `
  model_calls bigint not null default 0,
  tool_calls bigint not null default 0,
  latency_counts bigint[] not null,
  duration_ns_sum numeric not null,
  input_tokens bigint not null,
  cached_tokens bigint not null,
  output_tokens bigint not null,
  cost_pico numeric not null,
  unpriced_calls bigint not null`;

const called = `
  calls bigint not null,
  errors bigint not null,
  latency_counts bigint[] not null,
  token_counts bigint[] not null,
  duration_ns_sum numeric not null,
  input_tokens bigint not null,
  cached_tokens bigint not null,
  cache_write_tokens bigint not null,
  output_tokens bigint not null,
  reasoning_tokens bigint not null,
  cost_pico numeric not null,
  unpriced_calls bigint not null`;

export const spanTypes = ['REQUEST', 'TASK', 'SKILL', 'TOOL', 'MODEL', 'OTHER'] as const;
const typeName = (column: string) => `(array['${spanTypes.join("','")}'])[${column} + 1]`;
const statusName = (column: string) => `(array['UNSET', 'OK', 'ERROR'])[${column} + 1]`;
const traceHex = (column: string) => `replace(${column}::text, '-', '')`;
const spanHex = (column: string) => `lpad(to_hex(${column}), 16, '0')`;
/** 10^-12 dollars as dollars. */
const usd = (column: string) => `(${column} / 1e12)::float8`;

export const spanRows: Migration = {
  name: '0002-span-rows',
  sql: `
drop view trace_read.spans, trace_read.traces, trace_read.bot_minutes;

-- Resource and scope of spans: a bot says the same ones again and again. \`id\` is made from what they say.
create table surroundings (
  bot_id uuid not null,
  id bigint not null,
  resource jsonb not null,
  scope text not null,
  rest jsonb,
  seen_on date not null default current_date,
  constraint surroundings_once primary key (bot_id, id)
);
comment on column surroundings.rest is 'schema URLs, the version and attributes of the scope, and what was dropped, where there is any';

-- Ids are their bytes: a trace's as uuid, a span's as signed 64 bits. A span sent again has the same start, so that the
-- day in the key takes nothing from its being unique.
create table span_rows (
  trace_id uuid not null,
  span_id bigint not null,
  parent_id bigint,
  bot_id uuid not null,
  workspace text not null,
  started_at timestamptz not null,
  started_ns bigint not null,
  duration_ns bigint not null,
  type smallint not null,
  kind smallint not null,
  status smallint not null,
  request boolean not null,
  flags integer not null,
  name text not null,
  status_message text not null,
  model text,
  input_tokens integer not null,
  cached_tokens integer not null,
  cache_write_tokens integer not null,
  output_tokens integer not null,
  reasoning_tokens integer not null,
  cost_pico bigint,
  session text,
  fingerprint bigint,
  surroundings bigint not null,
  content uuid,
  content_index integer,
  attributes jsonb not null,
  events jsonb,
  links jsonb,
  rest jsonb,
  received_at timestamptz not null default now(),
  constraint span_rows_once unique (trace_id, span_id, bot_id, started_at)
) partition by range (started_at);
comment on column span_rows.cost_pico is '10^-12 USD; null where nothing has a price';
comment on column span_rows.rest is 'trace state and what was dropped, where there is any';
-- Large ones cost a fraction with lz4, which the embedded server was built without.
do $$ begin
  if exists (select from pg_settings where name = 'default_toast_compression' and 'lz4' = any(enumvals)) then
    alter table span_rows alter column attributes set compression lz4, alter column events set compression lz4;
  end if;
end $$;
create index span_rows_age on span_rows using brin (started_at);
create index span_rows_errors on span_rows (bot_id, started_at) where status = 2;
create table span_rows_other_days partition of span_rows default;
create index span_rows_other_days_age on span_rows_other_days (received_at);

-- Prompts, messages, arguments of tools: zstd of a JSON list, of which a span has one element. Who reads spans may not
-- read these.
create table span_contents (
  id uuid not null,
  workspace text not null,
  bot_id uuid not null,
  stored_on date not null default current_date,
  body bytea not null
) partition by range (stored_on);
alter table span_contents alter column body set storage external;
create index span_contents_id on span_contents (id);
create index span_contents_of_bot on span_contents (bot_id, stored_on);
create table span_contents_other_days partition of span_contents default;

insert into surroundings (bot_id, id, resource, scope)
  select distinct bot_id, hashtextextended(resource::text || scope, 0), resource, scope from spans;
insert into span_rows (trace_id, span_id, parent_id, bot_id, workspace, started_at, started_ns, duration_ns, type, kind,
    status, request, flags, name, status_message, input_tokens, cached_tokens, cache_write_tokens, output_tokens,
    reasoning_tokens, surroundings, attributes, events, links, received_at)
  select trace_id::uuid, ('x' || span_id)::bit(64)::bigint, ('x' || parent_span_id)::bit(64)::bigint, bot_id, workspace,
    started_at, started_ns, duration_ns, array_position(array['${spanTypes.join("','")}'], type) - 1, kind, status,
    request, 0, name, status_message, input_tokens, 0, 0, output_tokens, 0,
    hashtextextended(resource::text || scope, 0), attributes, nullif(events, '[]'), nullif(links, '[]'), received_at
  from spans;
drop table spans;

alter table traces
  alter column trace_id type uuid using trace_id::uuid,
  alter column named_span type bigint using ('x' || named_span)::bit(64)::bigint,
  alter column type type smallint using array_position(array['${spanTypes.join("','")}'], type) - 1,
  add column fleet_id uuid,
  add column config_hash text not null default '',
  add column request_count bigint not null default 0,
  add column model_calls bigint not null default 0,
  add column tool_calls bigint not null default 0,
  add column cached_tokens bigint not null default 0,
  add column cost_pico numeric not null default 0,
  add column unpriced_calls bigint not null default 0,
  add column models text[] not null default '{}',
  add column session text,
  add column run text,
  add column open_count bigint not null default 0,
  add column error_ns bigint,
  add column error_message text,
  add column fingerprint bigint;
comment on column traces.run is 'what the spans of one run share that came under two trace ids';
comment on column traces.open_count is 'spans that were begun over the API and not ended';
comment on column traces.error_ns is 'start of the earliest span in error; its message and fingerprint stand beside it';
create index traces_of_session on traces (workspace, session, started_at desc) where session is not null;
create index traces_of_run on traces (bot_id, run) where run is not null;
create index traces_of_config on traces (config_hash, started_at desc) where config_hash <> '';
create index traces_in_error on traces (workspace, started_at desc) where error_count > 0;

alter table bot_minutes
  add column cached_tokens bigint not null default 0,
  add column cost_pico numeric not null default 0,
  add column unpriced_calls bigint not null default 0;
create table bot_hours (
  workspace text not null,
  bot_id uuid not null,
  config_hash text not null,
  hour timestamptz not null,
  fleet_id uuid,
  simulated boolean not null,
  requests bigint not null,
  errors bigint not null,
  spans bigint not null,${counted},
  updated_at timestamptz not null default now(),
  constraint bot_hours_once primary key (bot_id, hour, config_hash)
);
create index bot_hours_of_workspace on bot_hours (workspace, hour);
insert into bot_hours (workspace, bot_id, config_hash, hour, fleet_id, simulated, requests, errors, spans, model_calls,
    tool_calls, latency_counts, duration_ns_sum, input_tokens, cached_tokens, output_tokens, cost_pico, unpriced_calls)
  select min(workspace), bot_id, config_hash, date_trunc('hour', minute), min(fleet_id::text)::uuid, bool_or(simulated),
    sum(requests), sum(errors), sum(spans), sum(model_calls), sum(tool_calls),
    array[${Array.from({ length: 15 }, (_, i) => `sum(latency_counts[${i + 1}])`).join(', ')}]::bigint[],
    sum(duration_ns_sum), sum(input_tokens), 0, sum(output_tokens), 0, 0
  from bot_minutes group by bot_id, config_hash, date_trunc('hour', minute);

-- Calls of models (\`type\` MODEL, \`name\` the model) and of tools (TOOL, the tool), by the minute in which they ended.
create table call_minutes (
  workspace text not null,
  bot_id uuid not null,
  config_hash text not null,
  minute timestamptz not null,
  type smallint not null,
  name text not null,
  fleet_id uuid,${called},
  updated_at timestamptz not null default now(),
  constraint call_minutes_once primary key (bot_id, minute, config_hash, type, name)
);
create index call_minutes_of_workspace on call_minutes (workspace, minute);
create table call_hours (
  workspace text not null,
  bot_id uuid not null,
  config_hash text not null,
  hour timestamptz not null,
  type smallint not null,
  name text not null,
  fleet_id uuid,${called},
  updated_at timestamptz not null default now(),
  constraint call_hours_once primary key (bot_id, hour, config_hash, type, name)
);
create index call_hours_of_workspace on call_hours (workspace, hour);

-- Errors that say the same but for numbers and ids.
create table error_groups (
  workspace text not null,
  bot_id uuid not null,
  fingerprint bigint not null,
  fleet_id uuid,
  name text not null,
  error_type text not null,
  message text not null,
  count bigint not null,
  first_ns bigint not null,
  last_ns bigint not null,
  trace_id uuid not null,
  constraint error_groups_once primary key (bot_id, fingerprint)
);
comment on column error_groups.trace_id is 'of the latest';
create index error_groups_of_workspace on error_groups (workspace, last_ns desc);

create view trace_read.spans as
  select s.workspace, s.bot_id, ${traceHex('s.trace_id')} as trace_id, s.trace_id as trace_uuid,
    ${spanHex('s.span_id')} as span_id, ${spanHex('s.parent_id')} as parent_span_id, s.name,
    ${typeName('s.type')} as type, s.kind::int as kind, ${statusName('s.status')} as status, s.status_message, s.started_at,
    s.started_ns::text as started_ns, s.duration_ns::text as duration_ns, s.duration_ns::float8 / 1e6 as duration_ms,
    s.model, s.input_tokens, s.cached_tokens, s.cache_write_tokens, s.output_tokens, s.reasoning_tokens,
    ${usd('s.cost_pico')} as cost_usd, s.session, ${spanHex('s.fingerprint')} as fingerprint,
    s.content is not null as has_content, s.attributes, r.resource, coalesce(s.events, '[]') as events,
    coalesce(s.links, '[]') as links, r.scope, r.rest as scope_rest, s.flags, s.rest
  from span_rows s join surroundings r on r.bot_id = s.bot_id and r.id = s.surroundings;
create view trace_read.traces as
  select workspace, bot_id, fleet_id, nullif(config_hash, '') as config_hash, ${traceHex('trace_id')} as trace_id,
    trace_id as trace_uuid, id, name, ${typeName('type')} as type, ${statusName('status')} as status,
    case when open_count > 0 or (root_count = 0 and updated_at > now() - interval '5 minutes') then 'RUNNING'
      when root_count = 0 then 'ORPHANED' else 'ENDED' end as state,
    started_at, timestamptz 'epoch' + (ended_ns / 1000) * interval '1 microsecond' as ended_at,
    (ended_ns - started_ns)::float8 / 1e6 as duration_ms, span_count::int as span_count, error_count::int as error_count,
    root_count::int as root_count, request_count::int as request_count, model_calls::int as model_calls,
    tool_calls::int as tool_calls, input_tokens::float8 as input_tokens, cached_tokens::float8 as cached_tokens,
    output_tokens::float8 as output_tokens, ${usd('cost_pico')} as cost_usd, unpriced_calls::int as unpriced_calls, models,
    session, run, error_message, ${spanHex('fingerprint')} as fingerprint, updated_at
  from traces;
${['minute', 'hour']
  .map(
    (span) => `
create view trace_read.bot_${span}s as
  select workspace, bot_id, fleet_id, nullif(config_hash, '') as config_hash, ${span}, simulated, requests::int as requests,
    errors::int as errors, spans::int as spans, model_calls::int as model_calls, tool_calls::int as tool_calls,
    latency_counts::int[] as latency_counts, (duration_ns_sum / 1000000)::float8 as duration_ms_sum,
    input_tokens::float8 as input_tokens, cached_tokens::float8 as cached_tokens, output_tokens::float8 as output_tokens,
    ${usd('cost_pico')} as cost_usd, unpriced_calls::int as unpriced_calls
  from bot_${span}s;
create view trace_read.call_${span}s as
  select workspace, bot_id, fleet_id, nullif(config_hash, '') as config_hash, ${span}, ${typeName('type')} as type, name,
    calls::int as calls, errors::int as errors, latency_counts::int[] as latency_counts,
    token_counts::int[] as token_counts, (duration_ns_sum / 1000000)::float8 as duration_ms_sum,
    input_tokens::float8 as input_tokens, cached_tokens::float8 as cached_tokens,
    cache_write_tokens::float8 as cache_write_tokens, output_tokens::float8 as output_tokens,
    reasoning_tokens::float8 as reasoning_tokens, ${usd('cost_pico')} as cost_usd, unpriced_calls::int as unpriced_calls
  from call_${span}s;`,
  )
  .join('')}
create view trace_read.error_groups as
  select workspace, bot_id, fleet_id, ${spanHex('fingerprint')} as fingerprint, name, error_type, message,
    count::float8 as count, timestamptz 'epoch' + (first_ns / 1000) * interval '1 microsecond' as first_at,
    timestamptz 'epoch' + (last_ns / 1000) * interval '1 microsecond' as last_at, ${traceHex('trace_id')} as trace_id
  from error_groups;
`,
};
