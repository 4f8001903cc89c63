// Tables of the gateway that are no projection of its own events.
import type { Migration } from '@molthub/event-store';

export const migrations: readonly Migration[] = [
  {
    name: '0001-doors',
    sql: `
      -- What a key is recognised by; never part of an event.
      create table api_key_hashes (prefix text primary key, key_id uuid not null, hash bytea not null);
      create unique index api_key_hashes_key on api_key_hashes (key_id);

      create table signing_keys (
        key_id text primary key, private_key jsonb not null, public_key jsonb not null,
        created_at timestamptz not null default now()
      );

      create table idempotency (
        id uuid primary key, body_hash text not null, answer json, created_at timestamptz not null default now()
      );
      create index idempotency_age on idempotency (created_at);

      create table operations (
        id uuid primary key, workspace text not null, made_by text not null, command jsonb not null,
        resource_id uuid, status text not null default 'PENDING', outcome jsonb, attempts int not null default 0,
        next_attempt_at timestamptz not null, created_at timestamptz not null, updated_at timestamptz not null
      );
      create index operations_open on operations (next_attempt_at) where status = 'PENDING';

      create table feed (
        seq bigint generated always as identity primary key, workspace text not null, event_id uuid not null unique,
        type text not null, stream text not null, at timestamptz not null, event json not null
      );
      create index feed_of_workspace on feed (workspace, seq);
      create index feed_of_stream on feed (stream text_pattern_ops, seq);
      create table feed_cut (only_row boolean primary key default true check (only_row), seq bigint not null);
      insert into feed_cut (seq) values (0);

      create table tickets (
        hash bytea primary key, key_id uuid not null, origin text, expires_at timestamptz not null
      );
    `,
  },
  {
    name: '0002-append-feed',
    sql: `
      -- The numbers are given under a lock that is held until the commit, so that no reader sees one before a smaller
      -- one. What is old enough to be cut is left out: after the loss of the bus it comes again, and nothing knows it.
      create function append_feed(
        workspaces text[], ids uuid[], types text[], streams text[], times timestamptz[], events text[], kept_days int
      ) returns void language plpgsql as $feed$
      begin
        perform pg_advisory_xact_lock(hashtextextended('molthub gateway feed', 0));
        insert into feed (workspace, event_id, type, stream, at, event)
        select e.workspace, e.id, e.type, e.stream, e.at, e.event::json
        from unnest(workspaces, ids, types, streams, times, events)
          with ordinality as e(workspace, id, type, stream, at, event, ordinal)
        where e.at >= now() - make_interval(days => kept_days)
        order by e.ordinal
        on conflict (event_id) do nothing;
      end
      $feed$;
    `,
  },
];
