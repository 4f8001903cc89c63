// Metrics and logs of a bot, as it sent them.
import { ReadSignals } from '@molthub/contracts';
import { z } from 'zod';
import { Id, route, type Route } from '../../route.ts';
import { time } from '../shapes.ts';

export const signalsRoute: Route = route({
  method: 'GET',
  path: '/bot-instances/:id/telemetry',
  // Logs may quote what people said.
  permission: 'trace:content',
  reach: 'subject',
  summary: 'Answers the metrics or logs that a bot sent in the last days, a request of OTLP each, the latest first.',
  params: Id,
  query: z.strictObject({
    kind: z.enum(['metrics', 'logs']),
    before: time.optional().describe('Goes on: nextBefore of an earlier answer.'),
  }),
  subjects: ({ params }) => [{ kind: 'bot', id: params.id }],
  answer: z.object({
    items: z.array(
      z.object({
        receivedAt: time,
        encoding: z.enum(['protobuf', 'json']),
        sizeBytes: z.int(),
        body: z.string().nullable().describe('JSON as text, protobuf in base64; null where it is larger than 200 KiB.'),
      }),
    ),
    nextBefore: time.nullable(),
  }),
  run: async (call, { params, query }) => ({
    status: 200,
    body: await call.dispatch.ask(call, ReadSignals, { botId: params.id, ...query }),
  }),
});
