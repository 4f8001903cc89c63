// Minutes while they are few, hours from then on: what is counted of spans, never spans.
import { latencyBucketsMs } from '@molthub/contracts';

/** As many points as a panel asks for: with them `$__interval_ms` says how long the range is. */
export const pointsMax = 300;

type Kind = 'bot' | 'call';

/**
 * From these intervals hours are read: with `pointsMax` points these are ranges of 17.5 and of 7.5 hours. A bot has a row for
 * every minute, and one for each tool and model of it.
 */
const hoursFromMs = { bot: 300_000, call: 120_000 } as const;

/**
 * Rows `at` with these columns of both rollups, of which Postgres reads one: the interval is a constant, and the part
 * that it rules out is no longer there when the query is planned.
 */
export const rollup = (kind: Kind, columns: string, where: string): string =>
  `(select minute as at, ${columns} from trace_read.${kind}_minutes
    where $__interval_ms < ${hoursFromMs[kind]} and $__timeFilter(minute) and ${where}
  union all
  select hour as at, ${columns} from trace_read.${kind}_hours
    where $__interval_ms >= ${hoursFromMs[kind]} and $__timeFilter(hour) and ${where}) as rollup`;

/**
 * The point that a time belongs to, as `time`. What `$__timeGroupAlias` would make is the same number, but a decimal one,
 * which costs as much as everything else in a chart of many rows.
 */
export const point = (column: string): string =>
  `date_bin($__interval_ms * interval '1 ms', ${column}, timestamptz 'epoch') as "time"`;

/** How many seconds the rows of one point stand for. */
const secondsOfPoint = (kind: Kind) =>
  `greatest($__interval_ms / 1000.0, case when $__interval_ms < ${hoursFromMs[kind]} then 60 else 3600 end)`;

/** A count of one point as so many a minute, alike for short and long ranges. */
export const aMinute = (kind: Kind, count: string): string => `(${count} * 60 / ${secondsOfPoint(kind)})::float8`;

/** Sums of the buckets of a group, as one array. */
export const bucketSums = `array[${Array.from({ length: latencyBucketsMs.length + 1 }, (_, at) => `sum(latency_counts[${at + 1}])`).join(', ')}]`;

const edges = [0, ...latencyBucketsMs];
/** The last bucket is open: what falls there counts as its lower edge. */
const upper = [...latencyBucketsMs, latencyBucketsMs.at(-1) ?? 0];

/** The `q` quantile in ms of the bucket sums in `counts`, as if calls were spread evenly inside of a bucket. */
export const quantile = (q: number, counts: string): string =>
  `(select low + (high - low) * (${q} * total - before) / n
    from (select n, low, high, (sum(n) over (order by low, high)) - n as before, (sum(n) over ()) as total
      from unnest(${counts}, array[${edges.join(',')}]::float8[], array[${upper.join(',')}]::float8[]) as bucket (n, low, high)
    ) as buckets
    where n > 0 and before + n >= ${q} * total order by low limit 1)`;

/** Milliseconds of the 50th, 95th and 99th of a hundred requests, over time. */
export const latencies = (kind: Kind, where: string): string =>
  `select time, ${quantile(0.5, 'counts')} as p50, ${quantile(0.95, 'counts')} as p95, ${quantile(0.99, 'counts')} as p99
from (
  select ${point('at')}, ${bucketSums} as counts
  from ${rollup(kind, 'latency_counts', where)}
  group by 1
) as points
order by 1`;

/** How many requests were as slow as each bucket says, over time: a series per upper edge, for a heatmap. */
export const latencyHeatmap = (where: string): string =>
  `select ${point('at')}, ${[...latencyBucketsMs.map(String), '+Inf']
    .map((edge, at) => `(sum(latency_counts[${at + 1}]))::float8 as "${edge}"`)
    .join(', ')}
from ${rollup('bot', 'latency_counts', where)}
group by 1 order by 1`;
