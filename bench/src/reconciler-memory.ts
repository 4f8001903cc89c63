// What 10,000 bots cost the reconciler alone: a process of its own, as `serve reconciler` runs it beside the others.
import { mkdtemp, rm } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { services } from '@molthub/contracts';
import { callAll, makeBot, makeFleet, simulatedManifest } from './fleet.ts';
import { type Figure, measured } from './measured.ts';
import { type Molthub, prepareServices } from './molthub.ts';
import { processTree, totalCpuMs, totalPssMb } from './process-tree.ts';
import { withServers } from './servers.ts';
import { untilAllConverged } from './ten-thousand-bots.ts';

const bots = 10_000;
const inFlight = 64;

export const reconcilerMemory: Figure = {
  name: 'reconciler-memory',
  about: "growth of the reconciler's own process with 10,000 bots (floor: 300 MB)",
  measure: (report) =>
    withServers(async ({ urls }) => {
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
        const convergedS = Math.round((performance.now() - began) / 1_000);
        const after = await processTree(reconciler.pid());
        const context = {
          bots,
          beforeMb: Math.round(totalPssMb(before)),
          convergedS,
          reconcilerCpuMs: totalCpuMs(after) - totalCpuMs(before),
          note: 'PSS, garbage that was not collected yet included',
          load: loadavg()[0],
        };
        report(measured('reconciler alone, growth', 'MB', [totalPssMb(after) - totalPssMb(before)], context));
      } finally {
        await stopAll([reconciler, others]);
        await rm(home, { recursive: true, force: true });
      }
    }),
};

const stopAll = async (running: readonly Molthub[]): Promise<void> => {
  for (const one of running) await one.stop();
};
