// What it costs to thin out spans that are past their time: wall and the longest step, so that it holds up nobody.
import { startService } from '@molthub/service';
import { createLogger, createMetrics } from '@molthub/telemetry';
import { traceService } from '@molthub/trace-ingest';
import { openTrace, sendAll, sweep } from '@molthub/trace-ingest/chaos';
import { type Figure, measured } from './measured.ts';
import { withServers } from './servers.ts';

const spans = 100_000;
const dayMs = 86_400_000;

export const sweepSpans: Figure = {
  name: 'sweep-spans',
  about: `deletes ${spans} spans of OK traces that are past okDays, with 5 % of them kept, in steps of at most 2,000 rows`,
  measure: (report) =>
    withServers(async ({ urls }) => {
      const sender = await openTrace(urls);
      await sendAll({ ...sender.load, spans, spansPerRequest: 250, inFlight: 8 });
      await sender.close();
      const parts = { ...urls, logger: createLogger('bench', 'error'), metrics: createMetrics() };
      const trace = await startService(traceService(), parts);
      try {
        const stepsMs: number[] = [];
        const write: typeof trace.runtime.write = async (work) => {
          const began = performance.now();
          const result = await trace.runtime.write(work);
          stepsMs.push(performance.now() - began);
          return result;
        };
        const began = performance.now();
        const swept = await sweep({ ...trace.runtime, write }, Date.now() + 8 * dayMs);
        const seconds = (performance.now() - began) / 1_000;
        report(measured(`sweep of ${spans} spans`, 's', [seconds], { ...swept }));
        report(measured('step of a sweep', 'ms', stepsMs, { rowsMax: 2_000 }));
      } finally {
        await trace.stop();
      }
    }),
};
