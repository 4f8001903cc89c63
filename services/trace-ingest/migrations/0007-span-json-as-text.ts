// What spans say as JSON is kept as the text that ingest has made: to take it apart for every span that comes costs a
// quarter of storing it, and few spans are ever asked for what is in theirs.
import type { Migration } from '@molthub/event-store';
import { spanTypes } from './0002-span-rows.ts';

const typeName = (column: string) => `(array['${spanTypes.join("','")}'])[${column} + 1]`;
const statusName = (column: string) => `(array['UNSET', 'OK', 'ERROR'])[${column} + 1]`;
const traceHex = (column: string) => `replace(${column}::text, '-', '')`;
const spanHex = (column: string) => `lpad(to_hex(${column}), 16, '0')`;

export const spanJsonAsText: Migration = {
  name: '0007-span-json-as-text',
  sql: `
drop view trace_read.spans;
alter table span_rows
  alter column attributes type text,
  alter column events type text,
  alter column links type text,
  alter column rest type text;
-- A column that becomes of another type forgets how it is compressed; partitions that are there keep their own.
do $$ declare days regclass; begin
  if exists (select from pg_settings where name = 'default_toast_compression' and 'lz4' = any(enumvals)) then
    for days in select 'span_rows'::regclass union all
      select inhrelid::regclass from pg_inherits where inhparent = 'span_rows'::regclass
    loop
      execute format('alter table %s alter column attributes set compression lz4, alter column events set compression lz4',
        days);
    end loop;
  end if;
end $$;
comment on column span_rows.attributes is 'JSON, as events, links and rest are';
create view trace_read.spans as
  select s.workspace, s.bot_id, ${traceHex('s.trace_id')} as trace_id, s.trace_id as trace_uuid,
    ${spanHex('s.span_id')} as span_id, ${spanHex('s.parent_id')} as parent_span_id, s.name,
    ${typeName('s.type')} as type, s.kind::int as kind, ${statusName('s.status')} as status, s.status_message, s.started_at,
    s.started_ns::text as started_ns, s.duration_ns::text as duration_ns, s.duration_ns::float8 / 1e6 as duration_ms,
    s.model, s.input_tokens, s.cached_tokens, s.cache_write_tokens, s.output_tokens, s.reasoning_tokens,
    (s.cost_pico / 1e12)::float8 as cost_usd, s.session, ${spanHex('s.fingerprint')} as fingerprint,
    s.content is not null as has_content, s.attributes::json as attributes, r.resource,
    coalesce(s.events, '[]')::json as events, coalesce(s.links, '[]')::json as links, r.scope, r.rest as scope_rest,
    (s.flags::bigint & 4294967295)::float8 as flags, s.rest::json as rest
  from span_rows s join surroundings r on r.bot_id = s.bot_id and r.id = s.surroundings;
`,
};
