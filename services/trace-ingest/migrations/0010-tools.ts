// The tool that a span called has a column, as its model has: whoever looks at many calls reads no JSON for their names.
import type { Migration } from '@molthub/event-store';
import { toolKeys } from './0008-calls.ts';

const model = 4;
const tool = 3;

export const tools: Migration = {
  name: '0010-tools',
  sql: `
alter table span_rows add column tool text;
comment on column span_rows.tool is 'of spans of type TOOL; null in those that were stored before there was this column';
create or replace view trace_read.calls as
  select s.workspace, s.bot_id, s.trace_id as trace_uuid, s.started_at, r.resource ->> 'service.name' as service,
    case s.type when ${model} then coalesce(s.model, '') else coalesce(s.tool,
      left(coalesce(${toolKeys.map((key) => `nullif(s.attributes::json ->> '${key}', '')`).join(', ')}, s.name), 256)) end as name
  from span_rows s join surroundings r on r.bot_id = s.bot_id and r.id = s.surroundings
  where s.type in (${tool}, ${model});
`,
};
