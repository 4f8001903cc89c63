// A trace as a file that any OTLP receiver takes.
import { HttpProblem } from '@molthub/http';
import { z } from 'zod';
import { route, type Route } from '../../route.ts';
import { otlpOf, OtlpTraces } from './otlp-json.ts';
import { spansOf, traceOfBot } from './stored-spans.ts';
import { ByTrace, findTrace, OfBot } from './trace-row.ts';
import { spansMax } from './tree.ts';

export const exportRoute: Route = route({
  method: 'GET',
  path: '/traces/by-trace-id/:traceId/export',
  permission: 'trace:read',
  reach: 'filtered',
  summary:
    'Answers a trace as the JSON of an OTLP request, with every type and digit; what is kept apart as content is not in it.',
  params: ByTrace,
  query: z.strictObject(OfBot),
  answer: OtlpTraces,
  run: async (call, { params, query }) => {
    const trace = traceOfBot.parse(await findTrace(call, params.traceId, query.botInstanceId));
    // A part of a trace that says nothing of the rest would be taken for the whole.
    if (trace.spanCount > spansMax) {
      throw new HttpProblem({
        status: 413,
        code: 'gateway.trace-too-large',
        detail: `This trace has ${trace.spanCount} spans; at most ${spansMax} fit into one export.`,
      });
    }
    return {
      status: 200,
      body: otlpOf(await spansOf(call, [trace], spansMax)),
      headers: { 'content-disposition': `attachment; filename="trace-${params.traceId}.json"` },
    };
  },
});
