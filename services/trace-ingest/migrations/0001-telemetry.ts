// Spans by day, and what is counted from them as they come; what other services said that spans are judged by.
import type { Migration } from '@molthub/event-store';

export const telemetry: Migration = {
  name: '0001-telemetry',
  sql: `
-- A span sent again has the same start, so that the day in the key takes nothing from its being unique.
create table spans (
  workspace text not null,
  bot_id uuid not null,
  trace_id text collate "C" not null,
  span_id text collate "C" not null,
  parent_span_id text collate "C",
  name text not null,
  type text not null,
  kind smallint not null,
  status smallint not null,
  status_message text not null,
  started_at timestamptz not null,
  started_ns bigint not null,
  duration_ns bigint not null,
  request boolean not null,
  input_tokens integer not null,
  output_tokens integer not null,
  scope text not null,
  received_at timestamptz not null default now(),
  attributes jsonb not null,
  resource jsonb not null,
  events jsonb not null,
  links jsonb not null,
  constraint spans_once unique (trace_id, span_id, bot_id, started_at)
) partition by range (started_at);
create index spans_age on spans using brin (started_at);
-- Spans of days long past, which are sent when a bot was cut off, or replayed.
create table spans_other_days partition of spans default;
create index spans_other_days_age on spans_other_days (received_at);

-- name, type and status are those of the root; until it comes, those of the earliest span.
create table traces (
  workspace text not null,
  bot_id uuid not null,
  trace_id text collate "C" not null,
  id uuid not null,
  name text not null,
  type text not null,
  status smallint not null,
  named_rank smallint not null,
  named_ns bigint not null,
  named_span text collate "C" not null,
  started_ns bigint not null,
  ended_ns bigint not null,
  started_at timestamptz not null,
  span_count bigint not null,
  error_count bigint not null,
  root_count bigint not null,
  input_tokens bigint not null,
  output_tokens bigint not null,
  updated_at timestamptz not null default now(),
  constraint traces_once primary key (trace_id, bot_id)
);
create unique index traces_id on traces (id);
create index traces_of_bot on traces (workspace, bot_id, started_at desc, id);
create index traces_of_workspace on traces (workspace, started_at desc, id);
create index traces_age on traces using brin (updated_at);

-- By the minute in which spans ended, since a request is known only then; config_hash '' is unknown.
create table bot_minutes (
  workspace text not null,
  bot_id uuid not null,
  config_hash text not null,
  minute timestamptz not null,
  fleet_id uuid,
  simulated boolean not null,
  requests bigint not null,
  errors bigint not null,
  spans bigint not null,
  model_calls bigint not null,
  tool_calls bigint not null,
  latency_counts bigint[] not null,
  duration_ns_sum numeric not null,
  input_tokens bigint not null,
  output_tokens bigint not null,
  first_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  said_at timestamptz,
  constraint bot_minutes_once primary key (bot_id, minute, config_hash)
);
create index bot_minutes_unsaid on bot_minutes (minute) where said_at is null;
create index bot_minutes_of_workspace on bot_minutes (workspace, minute);

create table failed_minutes (
  workspace text not null,
  bot_id uuid not null,
  minute timestamptz not null,
  fleet_id uuid,
  count bigint not null,
  trace_id text not null,
  name text not null,
  message text not null,
  first_at timestamptz not null default now(),
  said_at timestamptz,
  constraint failed_minutes_once primary key (bot_id, minute)
);
create index failed_minutes_unsaid on failed_minutes (minute) where said_at is null;

-- Metrics and logs as they came, so that what was accepted is there.
create table telemetry_bodies (
  workspace text not null,
  bot_id uuid not null,
  signal text not null check (signal in ('metrics', 'logs')),
  received_at timestamptz not null default now(),
  encoding text not null check (encoding in ('protobuf', 'json')),
  digest bytea not null,
  body bytea not null,
  constraint telemetry_bodies_once primary key (bot_id, signal, digest)
);
comment on column telemetry_bodies.body is 'gzip of the request body';
alter table telemetry_bodies alter column body set storage external;
create index telemetry_bodies_age on telemetry_bodies (received_at);

create table signing_keys (
  key_id text primary key,
  public_key jsonb not null,
  simulated_only boolean not null
);
create table revoked_tokens (
  token_id uuid primary key,
  revoked_at timestamptz not null
);
create table bot_configs (
  workspace text not null,
  bot_id uuid not null,
  since timestamptz not null,
  hash text not null,
  primary key (bot_id, since)
);

create view trace_read.spans as
  select workspace, bot_id, trace_id, span_id, parent_span_id, name, type, kind::int as kind,
    (array['UNSET', 'OK', 'ERROR'])[status + 1] as status, status_message, started_at,
    started_ns::text as started_ns, duration_ns::text as duration_ns, attributes, resource, events, links, scope
  from spans;
create view trace_read.traces as
  select workspace, bot_id, trace_id, id, name, type, (array['UNSET', 'OK', 'ERROR'])[status + 1] as status, started_at,
    timestamptz 'epoch' + (ended_ns / 1000) * interval '1 microsecond' as ended_at,
    (ended_ns - started_ns)::float8 / 1e6 as duration_ms,
    span_count::int as span_count, error_count::int as error_count, root_count::int as root_count,
    input_tokens::float8 as input_tokens, output_tokens::float8 as output_tokens
  from traces;
create view trace_read.bot_minutes as
  select workspace, bot_id, nullif(config_hash, '') as config_hash, minute, requests::int as requests,
    errors::int as errors, spans::int as spans, model_calls::int as model_calls, tool_calls::int as tool_calls,
    latency_counts::int[] as latency_counts, (duration_ns_sum / 1000000)::float8 as duration_ms_sum,
    input_tokens::float8 as input_tokens, output_tokens::float8 as output_tokens
  from bot_minutes;
`,
};
