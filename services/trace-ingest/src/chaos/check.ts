// Counts by brute force what the tables say that they have: every acknowledged span once, and totals that follow from them.
import { latencyBucketsMs } from '@molthub/contracts';
import type { Reads } from '@molthub/event-store';

/** What is wrong, in words; nothing where all is right. `sent` spans have the ids that `sendAll` gave them. */
export const problemsOf = async (reads: Reads, sent: number): Promise<readonly string[]> => {
  const problems: string[] = [];
  const [row] = await reads<{ spans: string; different: string; last: string }>(
    `select count(*) as spans, count(distinct (span_id, trace_id)) as different, coalesce(max(span_id), 0) as last
     from span_rows`,
  );
  const [spans, different, last] = [row?.spans, row?.different, row?.last].map(Number);
  if (spans !== sent || different !== sent || last !== sent) {
    problems.push(`${sent} were sent, but ${spans} are stored, ${different} different ones, the last of them ${last}`);
  }
  for (const [what, kept, counted] of comparisons) {
    for (const [more, less, words] of [
      [kept, counted, 'has, and the spans do not say'],
      [counted, kept, 'lacks of what the spans say'],
    ] as const) {
      const rows = await reads(`(${more}) except all (${less}) limit 3`);
      if (rows.length > 0) problems.push(`${what} ${words}: ${JSON.stringify(rows)}`);
    }
  }
  return problems;
};

const ended = 's.started_ns + s.duration_ns';
const minute = `timestamptz 'epoch' + (${ended}) / 60000000000 * interval '1 minute'`;
/** Each span with the bucket of its duration, which is looked for once. */
const spans = `(select s.*, (select count(*) from unnest(array[${latencyBucketsMs.join(',')}]::numeric[]) b where s.duration_ns / 1e6 > b)
    as bucket from span_rows s offset 0) s`;
const histogram = (where: string) =>
  `array[${[...latencyBucketsMs, 0].map((_, i) => `count(*) filter (where ${where} and s.bucket = ${i})`).join(', ')}]::bigint[]`;
const tokens = 'sum(s.input_tokens), sum(s.cached_tokens), sum(s.output_tokens)';
const hourOf = (time: string) => `date_trunc('hour', ${time})`;

const bots = (time: string) => `select s.bot_id, ${time}, count(*) filter (where s.request),
    count(*) filter (where s.request and s.status = 2), count(*), count(*) filter (where s.type = 4),
    count(*) filter (where s.type = 3), ${tokens}, coalesce(sum(s.duration_ns) filter (where s.request), 0),
    ${histogram('s.request')}
  from ${spans} group by 1, 2`;
const botRows = (span: string) => `select bot_id, ${span}, requests, errors, spans, model_calls, tool_calls,
    input_tokens, cached_tokens, output_tokens, duration_ns_sum, latency_counts from bot_${span}s`;
const calls = (time: string) => `select s.bot_id, ${time}, s.type, count(*), count(*) filter (where s.status = 2),
    ${tokens}, sum(s.duration_ns), ${histogram('true')}
  from ${spans} where s.type in (3, 4) group by 1, 2, 3`;
const callRows = (span: string) => `select bot_id, ${span}, type, calls, errors, input_tokens, cached_tokens,
    output_tokens, duration_ns_sum, latency_counts from call_${span}s`;

/** What it is, what the table holds, and what the spans say; of models and tools there is one name each. */
const comparisons: readonly (readonly [string, string, string])[] = [
  [
    'traces',
    `select trace_id, bot_id, started_ns, ended_ns, span_count, error_count, root_count, request_count, model_calls,
       tool_calls, input_tokens, output_tokens from traces`,
    `select s.trace_id, s.bot_id, min(s.started_ns), max(${ended}), count(*), count(*) filter (where s.status = 2),
       count(*) filter (where s.parent_id is null), count(*) filter (where s.request),
       count(*) filter (where s.type = 4), count(*) filter (where s.type = 3), sum(s.input_tokens),
       sum(s.output_tokens) from span_rows s group by s.trace_id, s.bot_id`,
  ],
  ['bot_minutes', botRows('minute'), bots(minute)],
  ['bot_hours', botRows('hour'), bots(hourOf(minute))],
  ['call_minutes', callRows('minute'), calls(minute)],
  ['call_hours', callRows('hour'), calls(hourOf(minute))],
];
