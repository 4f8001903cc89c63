// Whatever is counted of spans equals a count over the spans themselves, in whatever order, how often and by whichever
// door they came.
import { createHash } from 'node:crypto';
import { SpanType } from '@molthub/contracts';
import { withNats, withPostgres } from '@molthub/testing';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { OtlpServer } from './service.ts';
import { asJson, jsonOf, newBot, nowNs, tokenOf, withTelemetry } from './testing.ts';

const telemetry = withTelemetry(withPostgres(), withNats());
let other: OtlpServer;
beforeAll(async () => {
  other = await telemetry.openDoor();
});
afterAll(() => other?.close());

const hourNs = 3_600_000_000_000n;
const minuteNs = 60_000_000_000n;
/** What would mean something else in an array of Postgres, were it not quoted. */
const odd = ['NULL', '{"a\\",}'] as const;
/** The full hour before the last: spans end around it, so that minutes and hours have edges. */
const hour = (nowNs() / hourNs - 1n) * hourNs;

const durationNs = fc.constantFrom(
  0n,
  9_999_999n,
  10_000_000n,
  10_000_001n,
  81_920_000_000n,
  81_920_000_001n,
  minuteNs,
);
const endNs = fc.oneof(
  fc.constantFrom(-minuteNs, -1n, 0n, 1n, minuteNs - 1n, minuteNs).map((offset) => hour + offset),
  fc.bigInt(-3n * minuteNs, 3n * minuteNs).map((offset) => hour + offset),
);
const models = [
  'gpt-5',
  'claude-opus-5-5',
  'fake-1',
  'ß',
  'Z',
  '😀',
  '\uffee',
  ...odd,
  ...Array.from({ length: 14 }, (_, i) => `m${i}`),
];
const tokens = fc.constantFrom(0, 1, 2, 4, 5, 64, 1_000, 4_097, 999_999_999);
const arbitrarySpan = fc.record({
  bot: fc.nat(2),
  trace: fc.nat(4),
  isRoot: fc.nat(9).map((n) => n === 0),
  name: fc.constantFrom('openclaw.run', 'step 1', 'step 2', 'Straße', 'zoo', ...odd),
  type: fc.constantFrom(...SpanType.options),
  model: fc.option(fc.constantFrom(...models), { nil: undefined }),
  tool: fc.constantFrom(undefined, 'exec', 'read', ...odd),
  input: tokens,
  cached: tokens,
  output: tokens,
  status: fc.constantFrom(0, 1, 2, 2),
  message: fc.constantFrom('', 'took 5 ms', 'took 6 ms', 'no model "a"', 'no model "b"', 'Zebra', 'ähm', ...odd),
  errorType: fc.constantFrom(undefined, 'timeout', 'TypeError', ...odd),
  session: fc.constantFrom(undefined, 'a', 'Z', 'ä', '\uffee', '😀', ...odd),
  run: fc.constantFrom(undefined, 'r1', 'R2', ...odd),
  durationNs,
  endNs,
});
type Span = ReturnType<typeof toWire>;

const hex = (text: string, digits: number) => createHash('sha256').update(text).digest('hex').slice(0, digits);
const text = (key: string, value: string | undefined) =>
  value === undefined ? [] : [{ key, value: { stringValue: value } }];
const int = (key: string, value: number) => [{ key, value: { intValue: String(value) } }];

const toWire = (round: string, one: typeof arbitrarySpan extends fc.Arbitrary<infer T> ? T : never, place: number) => ({
  bot: one.bot,
  wire: {
    traceId: hex(`${round} ${one.trace}`, 32),
    spanId: hex(`${round} span ${place}`, 16),
    ...(one.isRoot ? {} : { parentSpanId: hex(`${round} parent`, 16) }),
    name: one.name,
    kind: 1,
    startTimeUnixNano: String(one.endNs - one.durationNs),
    endTimeUnixNano: String(one.endNs),
    status: { code: one.status, message: one.message },
    attributes: [
      ...text('molthub.span.type', one.type),
      ...text('gen_ai.request.model', one.model),
      ...text('gen_ai.tool.name', one.tool),
      ...text('error.type', one.errorType),
      ...text('gen_ai.conversation.id', one.session),
      ...text('openclaw.runId', one.run),
      ...int('gen_ai.usage.input_tokens', one.input),
      ...int('gen_ai.usage.cache_read.input_tokens', one.cached),
      ...int('gen_ai.usage.output_tokens', one.output),
    ],
  },
});

const bucket = (bounds: readonly number[], value: string, place: number) => {
  const [from, to] = [bounds[place - 1], bounds[place]];
  const above = from === undefined ? 'true' : `${value} > ${from}`;
  return to === undefined ? above : `${above} and ${value} <= ${to}`;
};
const buckets = (bounds: readonly number[], value: string, where: string) =>
  `array[${[...bounds, 0].map((_, i) => `count(*) filter (where (${where}) and ${bucket(bounds, value, i)})`).join(', ')}]`;
const doubling = (first: number, by: number) => Array.from({ length: 14 }, (_, i) => first * by ** i);
const latencies = (where: string) => buckets(doubling(10, 2), 'duration_ns / 1e6', where);
const tokenCounts = buckets(doubling(1, 4), 'input_tokens + output_tokens', 'type = 4');
const first = (column: string, order: string) => `(array_agg(${column} order by ${order}))[1]`;

const spans = `(select s.*, started_ns + duration_ns as ended_ns,
    timestamptz 'epoch' + ((started_ns + duration_ns) / 1000) * interval '1 microsecond' as ended_at,
    coalesce((select hash from bot_configs c where c.bot_id = s.bot_id and c.since <= s.started_at
      order by since desc limit 1), '') as config_hash,
    case type when 4 then coalesce(model, '') when 3 then coalesce(attributes::json ->> 'gen_ai.tool.name', name) end as called,
    coalesce(attributes::json ->> 'error.type', '') as error_type
  from span_rows s where bot_id = any($1))`;
const sums = `coalesce(sum(input_tokens), 0), coalesce(sum(cached_tokens), 0), coalesce(sum(output_tokens), 0),
  coalesce(sum(cost_pico), 0), count(*) filter (where type = 4 and cost_pico is null)`;
const summed = 'input_tokens, cached_tokens, output_tokens, cost_pico, unpriced_calls';
const models16 = `(select (array_agg(m order by m collate "C"))[1:16] from (select distinct m from unnest(array_agg(model)) m where m is not null) d)`;
const lead = '(case when parent_id is null then 0 else 1 end), started_ns, span_id';
const fault = `started_ns, status_message collate "C", fingerprint`;
const latest = `started_ns desc, replace(trace_id::text, '-', '') desc, name collate "C" desc, error_type collate "C" desc,
  status_message collate "C" desc`;

/** What is counted, and the same counted anew: as selects with equal columns. */
const counts: Readonly<Record<string, readonly [counted: string, anew: string]>> = {
  traces: [
    `select bot_id, trace_id, name, type, status, config_hash, started_ns, ended_ns, span_count, error_count, root_count,
       request_count, model_calls, tool_calls, ${summed}, models, session, run, error_ns, error_message, fingerprint
     from traces where bot_id = any($1)`,
    `select bot_id, trace_id, ${['name', 'type', 'status', 'config_hash'].map((column) => first(column, lead)).join(', ')},
       min(started_ns), max(ended_ns), count(*), count(*) filter (where status = 2),
       count(*) filter (where parent_id is null), count(*) filter (where request), count(*) filter (where type = 4),
       count(*) filter (where type = 3), ${sums}, coalesce(${models16}, '{}'), min(session collate "C"),
       min(attributes::json ->> 'openclaw.runId' collate "C"), min(started_ns) filter (where status = 2),
       (array_agg(status_message order by ${fault}) filter (where status = 2))[1],
       (array_agg(fingerprint order by ${fault}) filter (where status = 2))[1]
     from ${spans} s group by bot_id, trace_id`,
  ],
  error_groups: [
    `select bot_id, fingerprint, name, error_type, message, count, first_ns, last_ns, trace_id
     from error_groups where bot_id = any($1)`,
    `select bot_id, fingerprint, ${first('name', latest)}, ${first('error_type', latest)},
       ${first('status_message', latest)}, count(*), min(started_ns), max(started_ns), ${first('trace_id', latest)}
     from ${spans} s where status = 2 group by bot_id, fingerprint`,
  ],
  failed_minutes: [
    'select bot_id, minute, count from failed_minutes where bot_id = any($1)',
    `select bot_id, date_trunc('minute', ended_at), count(*) from ${spans} s
     where status = 2 and (request or parent_id is null) group by 1, 2`,
  ],
  ...Object.fromEntries(
    ['minute', 'hour'].flatMap((span) => [
      [
        `bot_${span}s`,
        [
          `select bot_id, config_hash, ${span}, requests, errors, spans, model_calls, tool_calls, latency_counts,
             duration_ns_sum, ${summed} from bot_${span}s where bot_id = any($1)`,
          `select bot_id, config_hash, date_trunc('${span}', ended_at), count(*) filter (where request),
             count(*) filter (where request and status = 2), count(*), count(*) filter (where type = 4),
             count(*) filter (where type = 3), ${latencies('request')}, coalesce(sum(duration_ns) filter (where request), 0),
             ${sums} from ${spans} s group by 1, 2, 3`,
        ] as const,
      ],
      [
        `call_${span}s`,
        [
          `select bot_id, config_hash, ${span}, type, name, calls, errors, latency_counts, token_counts, duration_ns_sum,
             ${summed}, cache_write_tokens, reasoning_tokens from call_${span}s where bot_id = any($1)`,
          `select bot_id, config_hash, date_trunc('${span}', ended_at), type, called, count(*),
             count(*) filter (where status = 2), ${latencies('true')}, ${tokenCounts}, sum(duration_ns), ${sums},
             sum(cache_write_tokens), sum(reasoning_tokens)
           from ${spans} s where called is not null group by 1, 2, 3, 4, 5`,
        ] as const,
      ],
    ]),
  ),
};

const shuffled = <T>(list: readonly T[], seed: string): readonly T[] =>
  list
    .map((item, place) => ({ item, by: hex(`${seed} ${place}`, 16) }))
    .toSorted((a, b) => (a.by < b.by ? -1 : 1))
    .map(({ item }) => item);

/** Bodies of up to so many spans of one bot; every third comes again, and every fifth span twice in one body. */
const bodiesOf = (all: readonly Span[], size: number, seed: string) => {
  const bodies = [0, 1, 2].flatMap((bot) => {
    const own = shuffled(
      all.filter((span) => span.bot === bot),
      seed,
    );
    return Array.from({ length: Math.ceil(own.length / size) }, (_, i) => ({
      bot,
      spans: own
        .slice(i * size, (i + 1) * size)
        .flatMap(({ wire }, place) => (place % 5 === 0 ? [wire, wire] : [wire])),
    }));
  });
  return shuffled([...bodies, ...bodies.filter((_, i) => i % 3 === 0)], `${seed} bodies`);
};

let rounds = 0;
const count = async (
  given: readonly (typeof arbitrarySpan extends fc.Arbitrary<infer T> ? T : never)[],
  size: number,
) => {
  rounds += 1;
  const bots = [newBot(), newBot(), newBot()];
  const ids = bots.map(({ botId }) => botId);
  const { runtime } = telemetry.running().trace;
  await runtime.write((sql) =>
    sql(
      `insert into bot_configs (workspace, bot_id, since, hash) select 'default', b, $2::timestamptz + s * interval '1 s', 'sha256:' || lpad(h::text, 64, '0')
       from unnest($1::uuid[]) b, (values (-90, 'a'), (0, 'b'), (61, 'c')) c (s, h)`,
      [ids.slice(1), new Date(Number(hour / 1_000_000n))],
    ),
  );
  const tokensOf = await Promise.all(bots.map((bot) => tokenOf(bot)));
  const round = `${rounds} ${ids.join(' ')}`;
  const all = given.map((one, place) => toWire(round, one, place));
  const send = async ({ bot, spans: wires }: ReturnType<typeof bodiesOf>[number], place: number) => {
    const url = place % 2 === 0 ? telemetry.url() : other.url;
    // 503 is what a sender must be ready for; it sends again.
    for (;;) {
      const answer = await telemetry.post(tokensOf[bot] ?? null, jsonOf(...wires), asJson, '/v1/traces', url);
      if (answer.status !== 503) return expect(answer.status, answer.body.toString()).toBe(200);
    }
  };
  await Promise.all(bodiesOf(all, size, round).map(send));
  const [stored] = await runtime.reads<{ n: number }>(
    'select count(*)::int as n from span_rows where bot_id = any($1)',
    [ids],
  );
  expect(stored?.n).toBe(given.length);
  for (const [name, [counted, anew]] of Object.entries(counts)) {
    const differences = await runtime.reads(
      `(select 'counted' as by, d.* from (${counted} except all ${anew}) d)
       union all (select 'anew', d.* from (${anew} except all ${counted}) d)`,
      [ids],
    );
    expect(differences, name).toEqual([]);
  }
};

test('rollups, traces and groups of errors equal a count over raw spans', { timeout: 60_000 }, () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(arbitrarySpan, { minLength: 100, maxLength: 300, size: 'max' }),
      fc.integer({ min: 1, max: 40 }),
      count,
    ),
    { numRuns: 12, seed: 4, endOnFailure: true },
  ),
);
