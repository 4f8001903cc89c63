// The tables and functions of one service's log, in the service's own schema.

/** A name that is safe to stand unquoted in SQL. */
export const identifier = (name: string): string => {
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(name)) throw new Error(`'${name}' cannot name a schema or a table.`);
  return name;
};

/**
 * DDL of a log. Events are ordered by (epoch, tx, position); an append takes its stream locks before anything is
 * written, so transaction ids rise along every stream. Source: the measurements in docs/decisions/0002.
 */
export const logSchema = (schema: string): string => `
create table ${schema}.events (
  epoch integer not null,
  tx xid8 not null default pg_current_xact_id(),
  position bigint generated always as identity,
  workspace text not null,
  stream_id text not null,
  version integer not null,
  event_id uuid not null,
  type text not null,
  data jsonb not null,
  meta jsonb not null,
  at timestamptz not null,
  constraint events_stream_version unique (stream_id, version),
  constraint events_id unique (event_id)
);
create index events_order on ${schema}.events (epoch, tx, position);

create table ${schema}.commands (
  command_id uuid primary key,
  workspace text not null,
  type text not null,
  status text not null check (status in ('PENDING', 'DONE', 'REFUSED', 'FAILED', 'EXPIRED')),
  outcome jsonb not null,
  gateway_id text,
  received_at timestamptz not null default clock_timestamp(),
  concluded_at timestamptz
);
create index commands_age on ${schema}.commands (received_at);

create table ${schema}.checkpoints (
  reader text primary key,
  stream_created text not null,
  sequence bigint not null,
  event_id text not null,
  updated_at timestamptz not null default clock_timestamp()
);

create table ${schema}.consumed (
  consumer text not null,
  stream_id text not null,
  version integer not null,
  primary key (consumer, stream_id)
);

create table ${schema}.leases (
  name text primary key,
  holder text not null,
  epoch bigint not null,
  expires_at timestamptz not null
);

create table ${schema}.timers (
  stream_id text primary key,
  version integer not null,
  workspace text not null,
  due_at timestamptz not null,
  command_type text not null,
  data jsonb not null
);
create index timers_due on ${schema}.timers (due_at);

create table ${schema}.parked (
  id uuid primary key,
  ordinal bigint generated always as identity,
  consumer text not null,
  key text not null,
  workspace text not null,
  event jsonb not null,
  event_id text not null,
  type text not null,
  error text not null,
  attempts integer not null default 0,
  parked_at timestamptz not null default clock_timestamp()
);
create index parked_key on ${schema}.parked (consumer, key, ordinal);

create table ${schema}.epochs (
  epoch integer primary key,
  system_identifier text not null,
  bus_emptied boolean not null default false,
  started_at timestamptz not null default clock_timestamp()
);

create table ${schema}.projections (
  name text primary key,
  revision integer not null,
  generation integer not null,
  status text not null check (status in ('SERVING', 'REBUILDING', 'FAILED')),
  processed bigint not null default 0,
  total bigint not null default 0,
  message text not null default '',
  updated_at timestamptz not null default clock_timestamp()
);

-- Ends a leader's transaction: raises unless the lease is still this holder's in this epoch.
create function ${schema}.fence(p_name text, p_holder text, p_epoch bigint) returns void language plpgsql as $fence$
begin
  perform from ${schema}.leases l where l.name = p_name and l.holder = p_holder and l.epoch = p_epoch for share;
  if not found then
    raise exception 'the lease % was lost', p_name using errcode = 'MH002';
  end if;
end
$fence$;
`;

/** The two doors of the log. Schemas of before have older ones, and the versions of their streams in a table. */
export const appendFunctions = (schema: string): string => `
drop function if exists ${schema}.append(integer, integer[], text[], integer[], integer[], integer[], text[], text[],
  integer[], uuid[], text[], text[], text[], timestamptz[]);
drop function if exists ${schema}.append_one(integer, text, integer, text, uuid, text, jsonb, jsonb, timestamptz);
drop table if exists ${schema}.streams;

-- One call appends many requests, each to one or several streams, all in the caller's transaction, whose first write
-- it must be. Requests are numbered from 0 without gaps and in order, each with a stream at least; events stand in the
-- order of the streams, s_events of each. A request is taken whole or not at all; others in the same call are not
-- touched by its conflict.
-- Expected versions: n exact (0 must not exist), -1 any, -2 must exist. A stream without events is only checked.
-- Answers, per request, 'ok', 'conflict' or 'repeat' (its first event is in the log already), and for each taken event
-- in the order of the arguments its version and position.
create function ${schema}.append(
  p_epoch integer,
  s_request integer[], s_stream text[], s_expected integer[], s_events integer[],
  e_request integer[], e_workspace text[], e_id uuid[], e_type text[],
  e_data text[], e_meta text[], e_at timestamptz[],
  out statuses text[], out versions integer[], out positions text[], out tx text
) language plpgsql as $append$
declare
  -- Assigned, since plpgsql evaluates such an expression without starting a statement.
  locked boolean;
  known integer[];
  -- Of each stream the version of its last event, 0 without one.
  bases integer[];
  request integer;
  event integer;
  place text;
begin
  if pg_current_xact_id_if_assigned() is not null then
    raise exception 'an append must be the first write of its transaction' using errcode = 'MH001';
  end if;
  locked := pg_advisory_xact_lock_shared(hashtextextended('${schema}', 1)) is null;
  perform pg_advisory_xact_lock(k) from (
    select distinct hashtextextended('${schema}' || s, 0) as k from unnest(s_stream) s order by 1
  ) as locks;

  known := array(
    select i.of_request from unnest(e_request, e_id) as i(of_request, id)
    where exists (select from ${schema}.events e where e.event_id = i.id)
  );

  bases := array(
    select coalesce((select e.version from ${schema}.events e where e.stream_id = w.stream order by e.version desc limit 1), 0)
    from unnest(s_stream) with ordinality as w(stream, ord) order by w.ord
  );

  statuses := array_fill('ok'::text, array[s_request[cardinality(s_request)] + 1]);
  for i in 1..cardinality(s_stream) loop
    request := s_request[i] + 1;
    if not (case s_expected[i] when -1 then true when -2 then bases[i] > 0 else bases[i] = s_expected[i] end) then
      statuses[request] := 'conflict';
    end if;
  end loop;
  foreach request in array known loop
    statuses[request + 1] := 'repeat';
  end loop;

  -- Rows one by one: a statement over all of them costs more for the few that most calls have.
  event := 0;
  for i in 1..cardinality(s_stream) loop
    for nth in 1..s_events[i] loop
      event := event + 1;
      if statuses[s_request[i] + 1] = 'ok' then
        insert into ${schema}.events as e (epoch, workspace, stream_id, version, event_id, type, data, meta, at)
        values (p_epoch, e_workspace[event], s_stream[i], bases[i] + nth, e_id[event], e_type[event],
          e_data[event]::jsonb, e_meta[event]::jsonb, e_at[event])
        returning e.position::text into place;
        versions := versions || (bases[i] + nth);
        positions := positions || place;
      end if;
    end loop;
  end loop;

  tx := pg_current_xact_id_if_assigned()::text;
end
$append$;

-- The same for one event of one stream, the most common append, at a third of the cost.
create function ${schema}.append_one(
  p_epoch integer, p_stream text, p_expected integer,
  p_workspace text, p_id uuid, p_type text, p_data jsonb, p_meta jsonb, p_at timestamptz,
  out status text, out at_version integer, out at_position text, out tx text
) language plpgsql as $append$
declare
  -- Assigned, since plpgsql evaluates such an expression without starting a statement.
  locked boolean;
  base integer;
  is_known boolean;
begin
  if pg_current_xact_id_if_assigned() is not null then
    raise exception 'an append must be the first write of its transaction' using errcode = 'MH001';
  end if;
  locked := pg_advisory_xact_lock_shared(hashtextextended('${schema}', 1)) is null;
  locked := pg_advisory_xact_lock(hashtextextended('${schema}' || p_stream, 0)) is null;

  select (select e.version from ${schema}.events e where e.stream_id = p_stream order by e.version desc limit 1),
    exists (select from ${schema}.events e where e.event_id = p_id)
  into base, is_known;
  status := case
    when is_known then 'repeat'
    when p_expected = -1 or p_expected = -2 and base is not null or p_expected = coalesce(base, 0) then 'ok'
    else 'conflict'
  end;
  if status <> 'ok' then
    return;
  end if;

  at_version := coalesce(base, 0) + 1;
  insert into ${schema}.events as e (epoch, workspace, stream_id, version, event_id, type, data, meta, at)
  values (p_epoch, p_workspace, p_stream, at_version, p_id, p_type, p_data, p_meta, p_at)
  returning e.position::text into at_position;
  tx := pg_current_xact_id_if_assigned()::text;
end
$append$;
`;

/**
 * What a reader's transaction ends in, as one call: marks of what was taken, places in the bus, and the fences of the
 * leases that all of it was done under, in the order of the arguments.
 */
export const settleFunction = (schema: string): string => `
create function ${schema}.settle(
  m_consumer text[], m_stream text[], m_version integer[],
  c_reader text[], c_created text[], c_sequence bigint[], c_event text[],
  l_name text[], l_holder text[], l_epoch bigint[]
) returns void language plpgsql as $settle$
begin
  if cardinality(m_consumer) > 0 then
    insert into ${schema}.consumed as c (consumer, stream_id, version)
    select * from unnest(m_consumer, m_stream, m_version)
    on conflict (consumer, stream_id) do update set version = greatest(c.version, excluded.version);
  end if;
  if cardinality(c_reader) > 0 then
    insert into ${schema}.checkpoints (reader, stream_created, sequence, event_id)
    select * from unnest(c_reader, c_created, c_sequence, c_event)
    on conflict (reader) do update set stream_created = excluded.stream_created, sequence = excluded.sequence,
      event_id = excluded.event_id, updated_at = clock_timestamp();
  end if;
  for at in 1 .. cardinality(l_name) loop
    perform ${schema}.fence(l_name[at], l_holder[at], l_epoch[at]);
  end loop;
end
$settle$;
`;
