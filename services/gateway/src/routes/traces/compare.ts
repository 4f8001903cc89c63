// Two configurations side by side: is one slower, dearer or more often wrong, and how sure is that?
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Hash } from '@molthub/contracts';
import { HttpProblem } from '@molthub/http';
import { differenceOfProportions, fisherExact, mannWhitney, quantile, shift, wilson } from '@molthub/statistics';
import { z } from 'zod';
import { type Call, route, type Route } from '../../route.ts';
import { uuid } from '../shapes.ts';
import { fleetNow, fromTraces, scopeOf, visible } from './trace-row.ts';
import { refused, windowFields, windowOf } from './window.ts';

const confidence = 0.95;
const twice = 'give hash=… twice: the configuration to compare with, and the one that is compared';
/** Requests of each side that are compared one by one: the latest. */
export const sampleMax = 10_000;

const Interval = z.object({ value: z.number(), low: z.number(), high: z.number() });
const Quantiles = z.object({ p50: z.number(), p95: z.number(), p99: z.number(), mean: z.number() });
const Side = z.object({
  configHash: z.string(),
  requests: z.int().describe('All of the time asked about.'),
  failedRequests: z.int().describe('Requests whose own span ended in error.'),
  errors: z.int().describe('The same as failedRequests.'),
  errorRate: Interval.nullable().describe(
    "Of requests, the share that failed; Wilson's interval. Null without requests.",
  ),
  sampled: z.int().describe(`Of which latency, tokens and cost are compared: the latest, at most ${sampleMax}.`),
  latencyMs: Quantiles.nullable(),
  tokens: Quantiles.nullable(),
  costUsd: Quantiles.nullable().describe('Of those whose calls all have a price; null where there are none.'),
  unpricedRequests: z
    .int()
    .describe('Of those sampled, the ones left out of costUsd: some of their calls have no price.'),
  unpricedCalls: z.int().describe('Calls of models in them that no price is known of.'),
});
const Difference = z.object({
  shift: Interval.describe('By how much the second lies above the first (Hodges and Lehmann; interval of Moses).'),
  p: z.number().describe('Mann and Whitney, two-sided: how likely so large a difference is between equals.'),
  probabilityOfSuperiority: z.number().describe('How likely a request of the second is above one of the first.'),
  rankBiserial: z.number(),
});
const Answer = z.object({
  from: z.string(),
  to: z.string(),
  confidence: z.number(),
  sides: z.array(Side).length(2),
  difference: z
    .object({
      errorRate: Interval.extend({ p: z.number() }).describe(
        "Second less first: Newcombe's interval, Fisher's exact p.",
      ),
      latencyMs: Difference,
      tokens: Difference,
      costUsd: Difference.nullable().describe('Null where no request of a side has a price.'),
    })
    .nullable()
    .describe('Null where a side has no requests.'),
});

type Samples = { readonly latencyMs: Float64Array; readonly tokens: Float64Array; readonly costUsd: Float64Array };
type Counted = {
  readonly requests: number;
  readonly errors: number;
  readonly unpricedRequests: number;
  readonly unpricedCalls: number;
  readonly samples: Samples;
};
type Scope = {
  readonly from: string;
  readonly to: string;
  readonly botInstanceId: string | null;
  readonly fleetId: string | null;
};

const Counts = z.object({ requests: z.int(), errors: z.int() });
const Row = z.object({ latencyMs: z.number(), tokens: z.number(), costUsd: z.number(), unpricedCalls: z.int() });
type Row = z.infer<typeof Row>;

/**
 * A request here is a trace that has one. Its time, tokens and cost are the trace's: what the caller waited and paid
 * for. Whether it failed is what its root said.
 */
const counted = async (call: Call, hash: string, scope: Scope): Promise<Counted> => {
  const where = `${visible('t')} and t.config_hash = $3 and t.started_at >= $4::timestamptz and t.started_at < $5::timestamptz
    and ($6::uuid is null or t.bot_id = $6) and ($7::uuid is null or ${fleetNow('t')} = $7)
    and t.request_count > 0 and t.state = 'ENDED'`;
  const values = [...scopeOf(call), hash, scope.from, scope.to, scope.botInstanceId, scope.fleetId];
  const [counts, rows] = await Promise.all([
    call.world.views(
      `select count(*)::int as requests, (count(*) filter (where t.status = 'ERROR'))::int as errors
       from ${fromTraces} where ${where}`,
      values,
    ),
    call.world.views(
      `select t.duration_ms as "latencyMs", t.input_tokens + t.output_tokens as tokens, t.cost_usd as "costUsd",
         t.unpriced_calls as "unpricedCalls"
       from ${fromTraces} where ${where} order by t.started_at desc limit ${sampleMax}`,
      values,
    ),
  ]);
  const parsed = rows.map((row) => Row.parse(row));
  // What is known of the cost of the others is a part of it: beside whole ones they would look cheap.
  const priced = parsed.filter((row) => row.unpricedCalls === 0);
  const ascending = (of: readonly Row[], measure: keyof Samples) => Float64Array.from(of, (row) => row[measure]).sort();
  const samples = {
    latencyMs: ascending(parsed, 'latencyMs'),
    tokens: ascending(parsed, 'tokens'),
    costUsd: ascending(priced, 'costUsd'),
  };
  return {
    ...Counts.parse(counts[0]),
    unpricedRequests: parsed.length - priced.length,
    unpricedCalls: parsed.reduce((sum, row) => sum + row.unpricedCalls, 0),
    samples,
  };
};

/** A hash that is mistyped would look like a configuration without requests. Throws 404 for one that nobody had. */
const requireKnown = async (call: Call, hash: string, path: string): Promise<void> => {
  const rows = await call.world.views(
    `select 1 from ${fromTraces} where ${visible('t')} and t.config_hash = $3
     union all
     select 1 from config_read.manifests m join config_read.bots b on b.id = m.bot_id
     where m.workspace = $1 and m.hash = $3 and ($2::uuid[] is null or b.fleet_id = any($2::uuid[])) limit 1`,
    [...scopeOf(call), hash],
  );
  if (rows.length > 0) return;
  const message = `No bot runs, ran or is to run the configuration ${hash}; give a hash of GET /bot-instances/{id}/manifests.`;
  throw new HttpProblem({
    status: 404,
    code: 'gateway.not-found',
    detail: message,
    errors: [{ path, code: 'gateway.not-found', message }],
  });
};

const quantilesOf = (ascending: Float64Array): z.infer<typeof Quantiles> | null =>
  ascending.length === 0
    ? null
    : {
        p50: quantile(ascending, 0.5),
        p95: quantile(ascending, 0.95),
        p99: quantile(ascending, 0.99),
        mean: ascending.reduce((sum, value) => sum + value, 0) / ascending.length,
      };

const sideOf = (configHash: string, { requests, errors, samples, ...unpriced }: Counted): z.infer<typeof Side> => ({
  configHash,
  requests,
  failedRequests: errors,
  errors,
  errorRate: requests === 0 ? null : wilson({ hits: errors, total: requests }, confidence),
  sampled: samples.latencyMs.length,
  latencyMs: quantilesOf(samples.latencyMs),
  tokens: quantilesOf(samples.tokens),
  costUsd: quantilesOf(samples.costUsd),
  ...unpriced,
});

/** The second less the first. */
const differenceOf = async (first: Counted, second: Counted): Promise<z.infer<typeof Answer>['difference']> => {
  if (first.requests === 0 || second.requests === 0) return null;
  const [a, b] = [first, second].map(({ errors, requests }) => ({ hits: errors, total: requests }));
  if (!a || !b) return null;
  const of = async (measure: keyof Samples): Promise<z.infer<typeof Difference>> => {
    // Each takes tens of milliseconds, between which others are answered.
    await nextTurn();
    const { p, probabilityOfSuperiority, rankBiserial } = mannWhitney(second.samples[measure], first.samples[measure]);
    const found = shift(second.samples[measure], first.samples[measure], confidence);
    return { shift: found, p, probabilityOfSuperiority, rankBiserial };
  };
  return {
    errorRate: { ...differenceOfProportions(b, a, confidence), p: fisherExact(a, b) },
    latencyMs: await of('latencyMs'),
    tokens: await of('tokens'),
    costUsd: first.samples.costUsd.length > 0 && second.samples.costUsd.length > 0 ? await of('costUsd') : null,
  };
};

export const compareRoute: Route = route({
  method: 'GET',
  path: '/traces/compare',
  permission: 'trace:read',
  reach: 'filtered',
  summary:
    'Compares the requests of two configurations, given as hash=…&hash=…: error rate, latency, tokens and cost, each ' +
    'with how sure the difference is. Only requests that have ended count.',
  query: z.strictObject({
    ...windowFields,
    hash: z.tuple([Hash, Hash], twice),
    botInstanceId: uuid.optional(),
    fleetId: uuid.optional().describe('Bots that are in this fleet now.'),
  }),
  answer: Answer,
  run: async (call, { query }) => {
    const [first, second] = query.hash;
    if (first === second) throw refused('hash', 'give two different hashes');
    const window = windowOf(query);
    const scope = { ...window, botInstanceId: query.botInstanceId ?? null, fleetId: query.fleetId ?? null };
    const [a, b] = await Promise.all([counted(call, first, scope), counted(call, second, scope)]);
    if (a.requests === 0) await requireKnown(call, first, 'hash.0');
    if (b.requests === 0) await requireKnown(call, second, 'hash.1');
    return {
      status: 200,
      body: {
        ...window,
        confidence,
        sides: [sideOf(first, a), sideOf(second, b)],
        difference: await differenceOf(a, b),
      },
    };
  },
});
