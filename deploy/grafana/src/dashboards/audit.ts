// Who did what to what, and what was refused.
import type { Described } from '../dashboard.ts';
import { bars, numbers, ranking, rows, statusColors } from '../panels.ts';
import { point } from '../rollups.ts';
import { workspace } from '../variables.ts';

/** What belongs to the whole installation is recorded as of a workspace of its own. */
const ofWorkspace = "workspace in ('$workspace', 'system')";

const totals = `select count(*)::float8 as "entries", count(*) filter (where outcome = 'REFUSED')::float8 as "refused",
  count(*) filter (where outcome = 'DENIED')::float8 as "denied"
from audit_read.entries where ${ofWorkspace} and $__timeFilter(time)`;

const overTime = (metric: string) => `select ${point('time')}, ${metric} as metric, count(*)::float8 as value
from audit_read.entries where ${ofWorkspace} and $__timeFilter(time)
group by 1, 2 order by 1`;

/** Of so many newest ones: who acted stands in the entries, not in an index. */
const amongNewest = 2_000;
const latest = (columns: string) =>
  `(select ${columns} from audit_read.entries where ${ofWorkspace} and $__timeFilter(time) order by sequence desc limit ${amongNewest}) as latest`;

const byActor = `select actor->>'kind' || ' ' || (actor->>'name') as "who", count(*)::float8 as "entries"
from ${latest('actor')} group by 1 order by 2 desc limit 15`;

const byAction = `select action, outcome, count(*)::float8 as "entries", max(time) as "latest"
from audit_read.entries where ${ofWorkspace} and $__timeFilter(time)
group by 1, 2 order by 3 desc limit 100`;

const columns = `time, actor->>'name' as "who", actor->>'kind' as "as", action, outcome, resource_type as "of", resource_id as "id",
  source, correlation_id as "correlation", sequence::float8 as "leaf"`;

const newest = `select ${columns}
from audit_read.entries where ${ofWorkspace} and $__timeFilter(time) order by audit_read.entries.sequence desc limit 200`;

const refusals = `select time, actor->>'name' as "who", action, outcome, diff->>'code' as "code", diff->>'message' as "message", resource_id as "id"
from ${latest('time, actor, action, outcome, diff, resource_id, sequence')}
where outcome <> 'ACCEPTED' order by sequence desc limit 100`;

export const audit: Described = {
  uid: 'molthub-audit',
  title: 'Molthub: audit',
  about: 'Who did what to what, and what was refused.',
  variables: [workspace()],
  sections: [
    {
      title: 'The record',
      panels: [
        numbers({ title: 'In this time', sql: totals, width: 12, height: 8 }),
        ranking({ title: `Who acted, among the newest ${amongNewest}`, sql: byActor, width: 12 }),
        bars({ title: 'Entries by outcome', sql: overTime('outcome'), width: 12 }),
        bars({
          title: 'Entries by service',
          sql: overTime("case outcome when 'ACCEPTED' then split_part(action, '.', 1) else 'gateway' end"),
          width: 12,
        }),
        rows({
          title: 'Newest entries',
          sql: newest,
          width: 24,
          height: 10,
          columns: { outcome: { colors: statusColors } },
        }),
        rows({
          title: `Refused and denied, among the newest ${amongNewest}`,
          sql: refusals,
          width: 14,
          columns: { outcome: { colors: statusColors } },
        }),
        rows({ title: 'By action', sql: byAction, width: 10, columns: { outcome: { colors: statusColors } } }),
      ],
    },
  ],
};
