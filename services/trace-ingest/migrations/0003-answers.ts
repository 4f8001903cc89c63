// What the questions of the API need beside the rows themselves: indexes in the words of the views, and who sent what.
import type { Migration } from '@molthub/event-store';

export const answers: Migration = {
  name: '0003-answers',
  sql: `
-- Readers know the columns of the view, and Postgres sees that an index fits only where it says the same words.
drop index traces_of_config, traces_in_error;
create index traces_of_config on traces (workspace, nullif(config_hash, ''), started_at desc)
  where nullif(config_hash, '') is not null;
create index traces_in_error on traces (workspace, started_at desc) where error_count::int > 0;

create view trace_read.services as
  select s.bot_id, s.resource ->> 'service.name' as name, max(s.seen_on) as seen_on
  from surroundings s group by s.bot_id, s.resource ->> 'service.name';
`,
};
