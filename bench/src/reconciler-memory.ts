// What 10,000 bots cost the reconciler alone: a process of its own, as `serve reconciler` runs it beside the others.
import { mkdtemp, rm } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { services } from '@molthub/contracts';
import { callAll, makeBot, makeFleet, simulatedManifest } from './fleet.ts';
import { type Figure, measured } from './measured.ts';
import { type Molthub, prepareServices } from './molthub.ts';
import { processTree, totalCpuMs, totalPssMb } from './process-tree.ts';
import { type Servers, withServers } from './servers.ts';
import { untilAllConverged } from './ten-thousand-bots.ts';

const bots = 10_000;
const inFlight = 64;

/** Of garbage that was not collected yet, no two runs have the same amount. */
const runs = 3;

export const reconcilerMemory: Figure = {
  name: 'reconciler-memory',
  about: "growth of the reconciler's own process with 10,000 bots (floor: 300 MB)",
  measure: async (report) => {
    const grown: Grown[] = [];
    for (let run = 0; run < runs; run += 1) grown.push(await withServers(({ urls }) => grow(urls)));
    const of = (field: keyof Grown) => grown.map((one) => Math.round(one[field]));
    const context = {
      bots,
      beforeMb: of('beforeMb'),
      convergedS: of('convergedS'),
      reconcilerCpuMs: of('cpuMs'),
      note: 'PSS, garbage that was not collected yet included',
      load: loadavg()[0],
    };
    report(measured('reconciler alone, growth', 'MB', of('grownMb'), context));
  },
};

type Grown = {
  readonly beforeMb: number;
  readonly grownMb: number;
  readonly convergedS: number;
  readonly cpuMs: number;
};

const grow = async (urls: Servers['urls']): Promise<Grown> => {
  const home = await mkdtemp(join(tmpdir(), 'molthub-bench-'));
  const servers = { DATABASE_URL: urls.databaseUrl, NATS_URL: urls.natsUrl };
  const others = await prepareServices(
    home,
    services.filter((name) => name !== 'reconciler'),
    servers,
  );
  const reconciler = await prepareServices(home, ['reconciler'], servers);
  try {
    await others.start();
    await reconciler.start();
    const fleetId = await makeFleet(others, 'many');
    const [before, began] = [await processTree(reconciler.pid()), performance.now()];
    await callAll(bots, inFlight, (at) => makeBot(others, fleetId, simulatedManifest(`bot-${at}`)));
    await untilAllConverged(others, bots);
    const convergedS = (performance.now() - began) / 1_000;
    const after = await processTree(reconciler.pid());
    return {
      beforeMb: totalPssMb(before),
      grownMb: totalPssMb(after) - totalPssMb(before),
      convergedS,
      cpuMs: totalCpuMs(after) - totalCpuMs(before),
    };
  } finally {
    await stopAll([reconciler, others]);
    await rm(home, { recursive: true, force: true });
  }
};

const stopAll = async (running: readonly Molthub[]): Promise<void> => {
  for (const one of running) await one.stop();
};
