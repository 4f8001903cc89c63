// Spans that another backend is to have too, until it has them.
import type { Migration } from '@molthub/event-store';

export const forwarding: Migration = {
  name: '0009-forwarding',
  sql: `
-- One row is what is sent as one request, or a part of one: gzip of an ExportTraceServiceRequest in protobuf. A row is
-- written with its spans and deleted once the backend has it, so that no row can be passed over that commits late.
create table forward_batches (
  id bigint generated always as identity,
  spans integer not null,
  bytes integer not null,
  body bytea not null,
  stored_at timestamptz not null default now(),
  expires_at timestamptz not null,
  refusal text,
  constraint forward_batches_once primary key (id)
);
comment on column forward_batches.bytes is 'of the request, before it is compressed';
comment on column forward_batches.refusal is 'what the backend said that will not have it';
alter table forward_batches alter column body set storage external;
create index forward_batches_waiting on forward_batches (id) where refusal is null;
create index forward_batches_age on forward_batches using brin (expires_at);
`,
};
