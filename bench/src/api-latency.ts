// What a caller waits for at a steady rate: a fleet made, a manifest judged, a manifest proposed, judged and published.
import { loadavg } from 'node:os';
import { z } from 'zod';
import { callAll, callAtRate, expectStatus, makeBot, makeFleet, simulatedManifest, until } from './fleet.ts';
import { type Figure, measured, quantile, type Report } from './measured.ts';
import { type Molthub, withMolthub } from './molthub.ts';
import { cpuByName, processTree } from './process-tree.ts';

const runs = 5;
const secondsPerRun = 10;
const warmUpSeconds = 3;
/** So many that a bot's next version comes when the one before has long been applied. */
const bots = 250;

export const apiLatency: Figure = {
  name: 'api-latency',
  about:
    'POST /fleets at 100/s (floor: p50 8, p99 50 ms), POST …/manifests with verdict at 50/s (p50 30, p99 150 ms), POST /policy-packs/evaluate at 50/s (p99 20 ms)',
  measure: (report) =>
    withMolthub(async (molthub) => {
      let made = 0;
      await atRate(molthub, 'POST /fleets → 201', 100, report, async () => {
        made += 1;
        await makeFleet(molthub, `fleet-${made}`);
      });
      await atRate(molthub, 'POST /policy-packs/evaluate → 200', 50, report, async () => {
        const manifest = simulatedManifest('judged', { latencyMs: 202 });
        const answer = await molthub.call('POST', '/policy-packs/evaluate', { manifest, environment: 'prod' });
        expectStatus(answer, 200, 'POST /policy-packs/evaluate');
      });
      const ids = await convergedBots(molthub);
      let proposed = 0;
      await atRate(molthub, 'POST …/manifests → 201 with verdict', 50, report, async () => {
        const [at, round] = [proposed % bots, Math.floor(proposed / bots)];
        proposed += 1;
        const manifest = simulatedManifest(`bot-${at}`, { latencyMs: 201 + round });
        const answer = await molthub.call('POST', `/bot-instances/${ids[at]}/manifests`, { manifest });
        expectStatus(answer, 201, 'POST …/manifests');
      });
    }),
};

const atRate = async (
  molthub: Molthub,
  figure: string,
  perSecond: number,
  report: Report,
  call: () => Promise<unknown>,
): Promise<void> => {
  await callAtRate(perSecond, warmUpSeconds, call);
  const [p50, p99]: [number[], number[]] = [[], []];
  const before = await processTree(molthub.pid());
  for (let run = 0; run < runs; run += 1) {
    const sorted = (await callAtRate(perSecond, secondsPerRun, call)).toSorted((a, b) => a - b);
    p50.push(quantile(sorted, 0.5));
    p99.push(quantile(sorted, 0.99));
  }
  const calls = runs * secondsPerRun * perSecond;
  const cpuMs = cpuByName(before, await processTree(molthub.pid()));
  const context = { perSecond, secondsPerRun, calls, cpuMs, load: loadavg()[0] };
  report(measured(`${figure}, at ${perSecond}/s, p50`, 'ms', p50, context));
  report(measured(`${figure}, at ${perSecond}/s, p99`, 'ms', p99, context));
};

const Dashboard = z.object({ byStatus: z.record(z.string(), z.int()) });

const convergedBots = async (molthub: Molthub): Promise<readonly string[]> => {
  const fleetId = await makeFleet(molthub, 'manifests');
  const ids = Array.from({ length: bots }, () => '');
  await callAll(bots, 16, async (at) => {
    ids[at] = await makeBot(molthub, fleetId, simulatedManifest(`bot-${at}`));
  });
  await until('Bots running', 60_000, 250, async () => {
    const answer = expectStatus(await molthub.call('GET', '/bot-instances/dashboard'), 200, 'the dashboard');
    return Dashboard.parse(answer.body).byStatus['RUNNING'] === bots ? true : undefined;
  });
  return ids;
};
