// Simulated bots created over the API by one caller, until each of them runs what was published for it.
import { loadavg } from 'node:os';
import { z } from 'zod';
import { callAll, expectStatus, makeBot, makeFleet, simulatedManifest, until } from './fleet.ts';
import { type Figure, measured, quantile, type Report } from './measured.ts';
import { type Molthub, withMolthub } from './molthub.ts';
import { cpuByName, processTree, totalPssMb, type Usage } from './process-tree.ts';

const inFlight = 64;
const timeoutMs = 900_000;

export const tenThousandBots: Figure = {
  name: 'ten-thousand-bots',
  about:
    '10,000 simulated bots created over the API and converged, everything on (floor: 180 s, reconciler < 300 MB more)',
  measure: (report) => withMolthub((molthub) => measureBots(molthub, 10_000, report)),
};

export const measureBots = async (molthub: Molthub, count: number, report: Report): Promise<void> => {
  const fleetId = await makeFleet(molthub, 'many');
  const before = await processTree(molthub.pid());
  const loadBefore = loadavg()[0];
  const began = performance.now();
  const seconds = () => Number(((performance.now() - began) / 1_000).toFixed(1));
  const tookMs = await callAll(count, inFlight, (index) =>
    makeBot(molthub, fleetId, simulatedManifest(`bot-${index}`)),
  );
  const createdS = seconds();
  const when = await watch(molthub, count, seconds);
  await everyBotConverged(molthub, count);
  const after = await processTree(molthub.pid());
  const sorted = tookMs.toSorted((a, b) => a - b);
  const context = {
    bots: count,
    createdS,
    createP50Ms: Math.round(quantile(sorted, 0.5)),
    createP99Ms: Math.round(quantile(sorted, 0.99)),
    healthyS: when.healthyS,
    changeSetsSucceededS: when.succeededS,
    cpuMs: cpuByName(before, after),
    programGrewMb: Math.round(programPssMb(molthub, after) - programPssMb(molthub, before)),
    allProcessesGrewMb: Math.round(totalPssMb(after) - totalPssMb(before)),
    loadBefore,
  };
  report(measured(`${count} bots created and converged`, 's', [when.convergedS], context));
  report(
    measured(`${count} bots, growth of the program with every service`, 'MB', [context.programGrewMb], {
      note: 'PSS of the whole program, of which the reconciler is one part',
    }),
  );
};

const programPssMb = (molthub: Molthub, tree: readonly Usage[]): number =>
  tree.find(({ pid }) => pid === molthub.pid())?.pssMb ?? 0;

const Dashboard = z.object({
  byStatus: z.record(z.string(), z.int()),
  byHealth: z.record(z.string(), z.int()),
  byDrift: z.record(z.string(), z.int()),
});
const Total = z.object({ total: z.int() });

/** When each was first seen, in seconds; asked only when all are created, so as not to be the load itself. */
const watch = async (molthub: Molthub, count: number, seconds: () => number) => {
  let [convergedS, healthyS, succeededS] = [0, 0, 0];
  await until('All bots converged, healthy and released', timeoutMs, 250, async () => {
    const { byStatus, byHealth } = Dashboard.parse(
      expectStatus(await molthub.call('GET', '/bot-instances/dashboard'), 200, 'the dashboard').body,
    );
    if (convergedS === 0 && byStatus['RUNNING'] === count) convergedS = seconds();
    if (healthyS === 0 && byHealth['HEALTHY'] === count) healthyS = seconds();
    if (convergedS > 0 && succeededS === 0 && (await succeeded(molthub)) === count) succeededS = seconds();
    return convergedS > 0 && healthyS > 0 && succeededS > 0 ? true : undefined;
  });
  return { convergedS, healthyS, succeededS };
};

/** All running what was published for them, whatever the time. */
export const untilAllConverged = async (molthub: Molthub, count: number): Promise<void> => {
  await watch(molthub, count, () => performance.now());
  await everyBotConverged(molthub, count);
};

const succeeded = async (molthub: Molthub): Promise<number> => {
  const answer = await molthub.call('GET', '/change-sets?status=SUCCEEDED&limit=1');
  return Total.parse(expectStatus(answer, 200, 'GET /change-sets').body).total;
};

const Bots = z.object({
  items: z.array(
    z.object({
      status: z.string(),
      generation: z.int(),
      observedGeneration: z.int(),
      desiredHash: z.string(),
      observedHash: z.string().nullable(),
    }),
  ),
  nextCursor: z.string().nullable(),
});

/** RUNNING is said by the status; that it is the right thing which runs, by generation and hash of each bot. */
const everyBotConverged = async (molthub: Molthub, count: number): Promise<void> => {
  let [seen, cursor]: [number, string | null] = [0, null];
  do {
    const page: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    const answer = await molthub.call('GET', `/bot-instances?limit=500${page}`);
    const { items, nextCursor } = Bots.parse(expectStatus(answer, 200, 'GET /bot-instances').body);
    const other = items.find(
      (bot) =>
        bot.status !== 'RUNNING' || bot.observedGeneration !== bot.generation || bot.observedHash !== bot.desiredHash,
    );
    if (other) throw new Error(`A bot is not converged: ${JSON.stringify(other)}`);
    seen += items.length;
    cursor = nextCursor;
  } while (cursor !== null);
  if (seen !== count) throw new Error(`${seen} bots were listed, not ${count}.`);
};
