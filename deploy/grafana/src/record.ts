// What the audit holds of some actions: the history of everything whose present is a table elsewhere.
import { point } from './rollups.ts';
import { inWorkspace } from './scope.ts';

const listed = (values: readonly string[]) => values.map((value) => `'${value}'`).join(', ');

/** How often these actions were recorded over time: a series for each, by the name it is given. */
export const recordedOverTime = (names: Readonly<Record<string, string>>): string =>
  `select ${point('time')}, case action ${Object.entries(names)
    .map(([action, name]) => `when '${action}' then '${name}'`)
    .join(' ')} end as metric, count(*)::float8 as value
from audit_read.entries
where ${inWorkspace()} and action in (${listed(Object.keys(names))}) and $__timeFilter(time)
group by 1, 2 order by 1`;

/** The newest entries of these actions in the time, each action through its place in the index. */
export const newestOf = (actions: readonly string[], columns: string, limit: number): string =>
  `select ${columns}
from (values ${actions.map((action) => `('${action}')`).join(', ')}) as asked (action)
cross join lateral (
  select e.* from audit_read.entries e
  where ${inWorkspace('e.')} and e.action = asked.action and $__timeFilter(e.time)
  order by e.time desc limit ${limit}
) e`;
