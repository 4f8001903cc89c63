// What a bot's requests add up to, per configuration it ran.
import { z } from 'zod';
import { oneRow, plainRow } from '../../read-side.ts';
import { route, type Route } from '../../route.ts';
import { time, uuid } from '../shapes.ts';

const sums = `coalesce(sum(m.requests), 0)::float8 as requests, coalesce(sum(m.errors), 0)::float8 as errors,
  coalesce(sum(m.errors), 0)::float8 as "failedRequests",
  coalesce(sum(m.spans), 0)::float8 as spans, coalesce(sum(m.model_calls), 0)::float8 as "modelCalls",
  coalesce(sum(m.tool_calls), 0)::float8 as "toolCalls", coalesce(sum(m.input_tokens), 0)::float8 as "inputTokens",
  coalesce(sum(m.cached_tokens), 0)::float8 as "cachedTokens", coalesce(sum(m.output_tokens), 0)::float8 as "outputTokens",
  coalesce(sum(m.cost_usd), 0)::float8 as "costUsd", coalesce(sum(m.unpriced_calls), 0)::float8 as "unpricedCalls",
  (sum(m.duration_ms_sum) / nullif(sum(m.requests), 0))::float8 as "meanLatencyMs",
  min(m.minute) as "firstMinute", max(m.minute) as "lastMinute"`;

export const statsRoute: Route = route({
  method: 'GET',
  path: '/traces/stats/:botInstanceId',
  permission: 'trace:read',
  reach: 'subject',
  summary:
    "Answers a bot's requests, how many failed (failedRequests; errors is the same), latency, tokens and cost over a time, " +
    'per configuration it ran.',
  params: z.strictObject({ botInstanceId: uuid }),
  query: z.strictObject({ from: time.optional(), to: time.optional() }),
  subjects: ({ params }) => [{ kind: 'bot', id: params.botInstanceId }],
  answer: z.object({
    botInstanceId: z.uuid(),
    total: z.record(z.string(), z.json()),
    byConfigHash: z.array(z.record(z.string(), z.json())),
  }),
  run: async (call, { params, query }) => {
    const where = `from trace_read.bot_minutes m where m.workspace = $1 and m.bot_id = $2
      and ($3::timestamptz is null or m.minute >= $3) and ($4::timestamptz is null or m.minute < $4)`;
    const values = [call.workspace, params.botInstanceId, query.from ?? null, query.to ?? null];
    const [total, byHash] = await Promise.all([
      call.world.views(`select ${sums} ${where}`, values),
      call.world.views(
        `select m.config_hash as "configHash", ${sums} ${where} group by m.config_hash order by min(m.minute)`,
        values,
      ),
    ]);
    return {
      status: 200,
      body: {
        botInstanceId: params.botInstanceId,
        total: oneRow(total, 'statistics'),
        byConfigHash: byHash.map(plainRow),
      },
    };
  },
});
