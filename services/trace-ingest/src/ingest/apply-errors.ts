// Errors by their fingerprint, into their table. Bots that say ever new ones get no more than so many groups.
import type { Sql } from '@molthub/event-store';
import { columnar } from './columns.ts';
import type { ErrorGroup } from './fold.ts';

/** Fingerprints of one bot; what says something else after so many is counted under 0. */
export const errorGroupsMax = 1_000;

const latestFirst = `last_ns desc, trace_hex desc, name collate "C" desc, error_type collate "C" desc,
  message collate "C" desc`;
const latest = (column: string) => `(array_agg(${column} order by ${latestFirst}))[1]`;
const ranked = (table: string) =>
  `(${table}.last_ns, replace(${table}.trace_id::text, '-', ''), ${table}.name collate "C",
    ${table}.error_type collate "C", ${table}.message collate "C")`;
const ifLater = (column: string) =>
  `${column} = case when ${ranked('excluded')} > ${ranked('t')} then excluded.${column} else t.${column} end`;

const rows = columnar<ErrorGroup>(1, [
  ['workspace', 'text', ({ source }) => source.workspace],
  ['bot_id', 'uuid', ({ source }) => source.botId],
  ['fleet_id', 'uuid', ({ source }) => source.fleetId],
  ['fingerprint', 'bigint', (g) => g.fingerprint],
  ['name', 'text', (g) => g.name],
  ['error_type', 'text', (g) => g.errorType],
  ['message', 'text', (g) => g.message],
  ['count', 'bigint', (g) => g.count],
  ['first_ns', 'bigint', (g) => g.firstNs],
  ['last_ns', 'bigint', (g) => g.lastNs],
  ['trace_hex', 'text', (g) => g.traceId],
]);

const statement = `
with said as (
  select workspace, bot_id, fleet_id, fingerprint, name, error_type, message, count, first_ns, last_ns, trace_hex
  from ${rows.from}
), known as (
  select said.*, exists (select from error_groups t where t.bot_id = said.bot_id and t.fingerprint = said.fingerprint)
    as known
  from said
), room as (
  select bot_id, ${errorGroupsMax} - (select count(*) from error_groups t where t.bot_id = k.bot_id and t.fingerprint <> 0)
    as room
  from known k where not known group by bot_id
), placed as (
  select k.*, case when known
      or row_number() over (partition by k.bot_id, known order by k.fingerprint) <= room.room
    then k.fingerprint else 0 end as place
  from known k left join room using (bot_id)
)
insert into error_groups as t (workspace, bot_id, fingerprint, fleet_id, name, error_type, message, count, first_ns,
  last_ns, trace_id)
select min(workspace), bot_id, place, min(fleet_id::text)::uuid, ${latest('name')}, ${latest('error_type')},
  ${latest('message')}, sum(count), min(first_ns), max(last_ns), ${latest('trace_hex')}::uuid
from placed group by bot_id, place order by bot_id, place
on conflict (bot_id, fingerprint) do update set ${['name', 'error_type', 'message', 'trace_id'].map(ifLater).join(', ')},
  fleet_id = coalesce(excluded.fleet_id, t.fleet_id), count = t.count + excluded.count,
  first_ns = least(t.first_ns, excluded.first_ns), last_ns = greatest(t.last_ns, excluded.last_ns)`;

/** Adds what these errors count. */
export const applyErrors = async (sql: Sql, errors: readonly ErrorGroup[]): Promise<void> => {
  await sql(statement, rows.values(errors));
};
