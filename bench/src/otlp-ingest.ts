// What a span costs from the socket to the disk: CPU of Molthub and of Postgres, with the answer sent after the commit.
import { loadavg } from 'node:os';
import { z } from 'zod';
import { callAll, expectStatus, makeBot, makeFleet, simulatedManifest } from './fleet.ts';
import { withParts } from './ingest-parts.ts';
import { type Figure, measured } from './measured.ts';
import { type Molthub, withMolthub } from './molthub.ts';
import { exportRequest, spanBytes } from './otlp-spans.ts';
import { cpuByName, processTree, totalCpuMs } from './process-tree.ts';

const runs = 5;
const spansPerBatch = 512;
const batchesPerRun = 100;
/** As many bots send at once. */
const inFlight = 8;
const bots = 8;

const Token = z.object({ token: z.string() });

export const otlpIngest: Figure = {
  name: 'otlp-ingest',
  about: `durable ingest of ${spanBytes}-byte spans in batches of ${spansPerBatch}, CPU of Node and Postgres per span`,
  measure: (report) =>
    withParts(report, (parts) =>
      withMolthub(async (molthub) => {
        const tokens = await tokensOf(molthub);
        // As many as a run has: what is measured is what a process costs that takes spans all day.
        await send(molthub, tokens, batchesPerRun);
        const [cpuUs, perSecond]: [number[], number[]] = [[], []];
        const byName: Readonly<Record<string, number>>[] = [];
        for (let run = 0; run < runs; run += 1) {
          // Made before: making them is the load generator's work.
          const bodies = Array.from({ length: batchesPerRun }, () => exportRequest(spansPerBatch));
          const [before, began] = [await processTree(molthub.pid()), performance.now()];
          await send(molthub, tokens, bodies);
          const seconds = (performance.now() - began) / 1_000;
          const after = await processTree(molthub.pid());
          const spans = batchesPerRun * spansPerBatch;
          cpuUs.push(((totalCpuMs(after) - totalCpuMs(before)) * 1_000) / spans);
          perSecond.push(spans / seconds);
          byName.push(cpuByName(before, after));
          await parts.measure(bodies, spans);
        }
        const context = { spansPerRun: batchesPerRun * spansPerBatch, inFlight, cpuMs: byName, load: loadavg()[0] };
        report(measured('OTLP ingest, CPU per span, Postgres included', 'µs', cpuUs, context));
        report(
          measured('OTLP ingest, durable', 'spans/s', perSecond, { ...context, note: 'wall time beside its sender' }),
        );
        await parts.report();
      }),
    ),
};

const tokensOf = async (molthub: Molthub): Promise<readonly string[]> => {
  const fleetId = await makeFleet(molthub, 'ingest');
  const tokens: string[] = [];
  for (let index = 0; index < bots; index += 1) {
    const botId = await makeBot(molthub, fleetId, simulatedManifest(`bot-${index}`));
    const answer = await molthub.call('POST', `/bot-instances/${botId}/ingest-token`, {});
    tokens.push(Token.parse(expectStatus(answer, 201, 'POST …/ingest-token').body).token);
  }
  return tokens;
};

/** Sends these bodies, or so many new ones. */
const send = async (molthub: Molthub, tokens: readonly string[], what: number | readonly Buffer[]): Promise<void> => {
  const bodies = typeof what === 'number' ? Array.from({ length: what }, () => exportRequest(spansPerBatch)) : what;
  await callAll(bodies.length, inFlight, async (index) => {
    const [token, bytes] = [tokens[index % tokens.length], bodies[index]];
    if (token === undefined || bytes === undefined) throw new Error('There is no token or no body to send.');
    const answer = await molthub.sendSpans(token, { type: 'application/x-protobuf', bytes });
    expectStatus(answer, 200, 'POST /v1/traces');
  });
};
