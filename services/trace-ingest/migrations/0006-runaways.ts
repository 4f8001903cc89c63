// Loops of calls that were seen, until they are over and both was said.
import type { Migration } from '@molthub/event-store';

export const runaways: Migration = {
  name: '0006-runaways',
  sql: `
-- trace_id is null where it is the bot that calls too often, over whichever traces.
create table runaways (
  id uuid primary key,
  workspace text not null,
  bot_id uuid not null,
  fleet_id uuid,
  trace_id uuid,
  type smallint,
  name text not null,
  calls bigint not null,
  calls_max int not null,
  since_ns bigint not null,
  last_ns bigint not null,
  tokens bigint not null,
  cost_pico numeric not null,
  found_at timestamptz not null default now(),
  said_at timestamptz,
  ended_at timestamptz
);
create index runaways_unsaid on runaways (found_at) where said_at is null;
create index runaways_running on runaways (found_at) where said_at is not null and ended_at is null;
create unique index runaways_of_bot on runaways (bot_id) where trace_id is null and ended_at is null;
`,
};
