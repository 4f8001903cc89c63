// Molthub itself: what waits for a person, what comes in, and what is kept.
import { services } from '@molthub/contracts';
import type { Described } from '../dashboard.ts';
import { bars, numbers, ranking, rows, statusColors } from '../panels.ts';
import { aMinute, point, rollup } from '../rollups.ts';
import { workspace } from '../variables.ts';

const ofServices = (select: (service: string) => string) => services.map(select).join('\nunion all\n');

const waiting = `select (select count(*) from (
${ofServices((service) => `select 1 from ${service}_read.parked`)}
) p)::float8 as "parked events", (select count(*) from (
${ofServices((service) => `select 1 from ${service}_read.projections where status <> 'SERVING'`)}
) p)::float8 as "read models not serving"`;

const kept = `select pg_database_size(current_database())::float8 as "database",
  (select sequence + 1 from audit_read.entries order by sequence desc limit 1)::float8 as "audit entries",
  (select count(*) from config_read.workspaces)::float8 as "workspaces", (select count(*) from config_read.fleets)::float8 as "fleets",
  (select count(*) from config_read.bots)::float8 as "bots"`;

const parked = `select * from (
${ofServices((service) => `select parked_at as "since", '${service}' as "service", consumer, type, key, attempts, behind, error from ${service}_read.parked`)}
) p order by 1 limit 200`;

const readModels = `select * from (
${ofServices((service) => `select '${service}' as "service", name, status, generation, processed::float8 / nullif(total, 0) as "done", updated_at as "since", message from ${service}_read.projections`)}
) p order by (status = 'SERVING'), 1, 2`;

const readers = `select * from (
${ofServices((service) => `select '${service}' as "service", reader, sequence, updated_at as "latest" from ${service}_read.readers`)}
) r order by 1, 2`;

/** Of every workspace, each through its index. */
const spans = `select ${point('at')}, workspace as metric, ${aMinute('bot', 'sum(spans)')} as value
from ${rollup('bot', 'workspace, spans', 'workspace in (select w.workspace from config_read.workspaces w)')}
group by 1, 2 order by 1`;

const recorded = `select ${point('e.time')}, split_part(e.action, '.', 1) as metric, count(*)::float8 as value
from (select workspace from config_read.workspaces union select 'system') w
join audit_read.entries e on e.workspace = w.workspace and e.outcome = 'ACCEPTED'
where $__timeFilter(e.time)
group by 1, 2 order by 1`;

const bySchema = `select n.nspname as "service", sum(pg_total_relation_size(c.oid))::float8 as "size"
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'm') and n.nspname in (${services.map((service) => `'${service}'`).join(', ')})
group by 1 order by 2 desc`;

const largest = `select n.nspname as "service", coalesce(p.relname, c.relname) as "table", count(*)::float8 as "parts",
  sum(greatest(c.reltuples, 0))::float8 as "rows, about", sum(pg_table_size(c.oid))::float8 as "data", sum(pg_indexes_size(c.oid))::float8 as "indexes"
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
left join pg_inherits i on i.inhrelid = c.oid
left join pg_class p on p.oid = i.inhparent
where c.relkind in ('r', 'm') and n.nspname in (${services.map((service) => `'${service}'`).join(', ')})
group by 1, 2 order by sum(pg_total_relation_size(c.oid)) desc limit 30`;

export const molthub: Described = {
  uid: 'molthub-itself',
  title: 'Molthub: itself',
  about: 'What waits for a person, what comes in, and what is kept: of the whole installation.',
  variables: [workspace()],
  sections: [
    {
      title: 'Now',
      panels: [
        numbers({ title: 'Waits for a person', sql: waiting, width: 10, alarmFrom: 1 }),
        numbers({ title: 'Kept', sql: kept, width: 14, columns: { database: { unit: 'bytes' } } }),
        rows({ title: 'Parked events', sql: parked, width: 24, height: 6 }),
        rows({
          title: 'Read models',
          sql: readModels,
          width: 12,
          columns: { status: { colors: statusColors }, done: { unit: 'percentunit' } },
        }),
        rows({
          title: 'What services read of each other',
          about: 'The place in the stream of the bus up to which each reader has worked, and when it last did.',
          sql: readers,
          width: 12,
        }),
      ],
    },
    {
      title: 'What comes in',
      panels: [
        bars({ title: 'Spans a minute, by workspace', sql: spans, width: 12 }),
        bars({ title: 'Events recorded, by service', sql: recorded, width: 12 }),
      ],
    },
    {
      title: 'On disk',
      panels: [
        ranking({ title: 'By service', sql: bySchema, width: 10, unit: 'bytes' }),
        rows({
          title: 'The largest tables',
          about: 'Days of one table are its parts.',
          sql: largest,
          width: 14,
          columns: { data: { unit: 'bytes' }, indexes: { unit: 'bytes' } },
        }),
      ],
    },
  ],
};
