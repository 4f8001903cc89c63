// How long `npm start` takes to its ready line when everything is installed, and what a Molthub without work costs.
import { loadavg } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Figure, measured } from './measured.ts';
import { withMolthub } from './molthub.ts';
import { processTree, totalCpuMs, totalPssMb } from './process-tree.ts';

const starts = 5;
/** Time for what a start leaves behind: first leases, empty read models, the last compiled module. */
const settleMs = 20_000;
const idleMs = 30_000;
const idleRuns = 3;

export const startAndIdle: Figure = {
  name: 'start-and-idle',
  about: 'the second start to ready (floor: 6 s); all processes idle (floors: PSS 600 MB, 5 % of a CPU)',
  measure: (report) =>
    withMolthub(
      async (molthub) => {
        const seconds: number[] = [];
        for (let run = 0; run < starts; run += 1) {
          await molthub.stop();
          seconds.push((await molthub.start()) / 1_000);
        }
        report(measured('npm start, second time, to ready', 's', seconds, { load: loadavg()[0] }));
        await sleep(settleMs);
        const [pssMb, cpuPercent]: [number[], number[]] = [[], []];
        for (let run = 0; run < idleRuns; run += 1) {
          const [before, beganMs] = [await processTree(molthub.pid()), performance.now()];
          await sleep(idleMs);
          const [after, tookMs] = [await processTree(molthub.pid()), performance.now() - beganMs];
          pssMb.push(totalPssMb(after));
          cpuPercent.push((100 * (totalCpuMs(after) - totalCpuMs(before))) / tookMs);
        }
        const tree = await processTree(molthub.pid());
        const context = {
          secondsPerRun: idleMs / 1_000,
          pssMbByName: Object.fromEntries(
            [...Map.groupBy(tree, ({ name }) => name)].map(([name, own]) => [name, Math.round(totalPssMb(own))]),
          ),
          load: loadavg()[0],
        };
        report(measured('idle, memory of all processes (PSS)', 'MB', pssMb, context));
        report(measured('idle, CPU of all processes', '% of one CPU', cpuPercent, context));
      },
      { through: 'npm-start' },
    ),
};
