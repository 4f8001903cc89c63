// The reconciler's own queue and workers over a target that has nothing to do: what keeping the order costs by itself.
import { loadavg } from 'node:os';
import { createQueue } from '@molthub/reconciler-service/queue';
import { createWorkers } from '@molthub/reconciler-service/workers';
import { countCpu } from './cpu.ts';
import { type Figure, measured } from './measured.ts';

const runs = 5;
const bots = 10_000;
const looksPerBot = 10;
/** As many at once as the simulated target takes. */
const concurrency = 256;

export const reconcileQueue: Figure = {
  name: 'reconcile-queue',
  about: 'the keyed queue and its workers on a target that does nothing (floor: 500 reconciles/s)',
  measure: async (report) => {
    const [perSecond, cpuUs]: [number[], number[]] = [[], []];
    for (let run = 0; run < runs; run += 1) {
      const used = await countCpu([]);
      const began = performance.now();
      await reconcileAll();
      const seconds = (performance.now() - began) / 1_000;
      perSecond.push((bots * looksPerBot) / seconds);
      cpuUs.push(((await used()).ownMs * 1_000) / (bots * looksPerBot));
    }
    const context = { bots, looksPerBot, concurrency, cpuUsPerReconcile: cpuUs.map(Math.round), load: loadavg()[0] };
    report(measured('reconcile queue alone, target that does nothing', 'reconciles/s', perSecond, context));
  },
};

/** Each bot is looked at so often, and asks for the next look itself. */
const reconcileAll = (): Promise<void> =>
  new Promise((resolve, reject) => {
    const looks = new Map<string, number>();
    let left = bots * looksPerBot;
    const workers = createWorkers({
      queue: createQueue({ concurrency: () => concurrency, random: Math.random }),
      now: Date.now,
      work: async ({ key }) => {
        // A target answers later, never in the same breath.
        await Promise.resolve();
        const done = (looks.get(key) ?? 0) + 1;
        looks.set(key, done);
        left -= 1;
        if (left === 0) resolve();
        return done < looksPerBot ? { kind: 'again', waitMs: 0, priority: 'resync' } : { kind: 'settled' };
      },
      failed: (_key, error) => reject(error),
    });
    for (let bot = 0; bot < bots; bot += 1) workers.add(`bot-${bot}`, { lane: 'none', priority: 'user' });
  });
