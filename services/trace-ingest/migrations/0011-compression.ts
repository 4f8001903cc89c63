// A column that becomes of another type forgets how it is compressed, as those did that hold what spans say.
import type { Migration } from '@molthub/event-store';

export const compression: Migration = {
  name: '0011-compression',
  sql: `
do $$ declare days regclass; begin
  if exists (select from pg_settings where name = 'default_toast_compression' and 'lz4' = any(enumvals)) then
    -- Partitions that are there keep their own.
    for days in select 'span_rows'::regclass union all
      select inhrelid::regclass from pg_inherits where inhparent = 'span_rows'::regclass
    loop
      execute format('alter table %s alter column attributes set compression lz4, alter column events set compression lz4',
        days);
    end loop;
  end if;
end $$;
`,
};
