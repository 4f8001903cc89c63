// Single calls of models and of tools, with who made them: a bot may be several services, which rollups do not tell.
import type { Migration } from '@molthub/event-store';

export const toolKeys = [
  'gen_ai.tool.name',
  'tool.name',
  'traceloop.entity.name',
  'ai.toolCall.name',
  'openclaw.toolName',
];
const model = 4;
const tool = 3;

export const calls: Migration = {
  name: '0008-calls',
  sql: `
create view trace_read.calls as
  select s.workspace, s.bot_id, s.trace_id as trace_uuid, s.started_at, r.resource ->> 'service.name' as service,
    case s.type when ${model} then coalesce(s.model, '')
      else left(coalesce(${toolKeys.map((key) => `nullif(s.attributes::json ->> '${key}', '')`).join(', ')}, s.name), 256) end as name
  from span_rows s join surroundings r on r.bot_id = s.bot_id and r.id = s.surroundings
  where s.type in (${tool}, ${model});
`,
};
