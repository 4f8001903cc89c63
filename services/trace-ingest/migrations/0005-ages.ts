// What is thinned out by its age is found by it.
import type { Migration } from '@molthub/event-store';

export const ages: Migration = {
  name: '0005-ages',
  sql: `
create index bot_minutes_age on bot_minutes using brin (minute);
create index bot_hours_age on bot_hours using brin (hour);
create index call_minutes_age on call_minutes using brin (minute);
create index call_hours_age on call_hours using brin (hour);
create index error_groups_age on error_groups (last_ns);
`,
};
