// A change set over ten thousand simulated bots in ten waves, and how soon an abort stops it.
import { loadavg } from 'node:os';
import { z } from 'zod';
import { environment } from './env.ts';
import { callAll, expectStatus, makeBot, makeFleet, simulatedManifest, until } from './fleet.ts';
import { type Figure, measured, type Report } from './measured.ts';
import { type Molthub, withMolthub } from './molthub.ts';
import { untilAllConverged } from './ten-thousand-bots.ts';

const bots = Number(environment['MOLTHUB_BENCH_BOTS'] ?? 10_000);
const timeoutMs = 900_000;
const steps = [10, 20, 30, 40, 50, 60, 70, 80, 90, 100];

export const rolloutWaves: Figure = {
  name: 'rollout-waves',
  about:
    'a change set of 10,000 simulated bots in 10 waves without bake time (floor: 180 s; abort stops starts in 2 s)',
  measure: (report) => withMolthub((molthub) => measureWaves(molthub, report)),
};

const measureWaves = async (molthub: Molthub, report: Report): Promise<void> => {
  const fleetId = await makeFleet(molthub, 'waves');
  await callAll(bots, 64, (index) => makeBot(molthub, fleetId, simulatedManifest(`bot-${index}`)));
  await untilAllConverged(molthub, bots);
  // A changed layer is planned for all of them at once, as the fleet releases.
  const release = { mode: 'manual', strategy: { kind: 'PERCENTAGE', steps } };
  expectStatus(await molthub.call('PATCH', `/fleets/${fleetId}`, { release }), 200, 'PATCH /fleets');
  await changeLayer(molthub, fleetId);
  const forward = await planned(molthub);
  const began = performance.now();
  await post(molthub, forward, 'start');
  const { verdicts } = await ended(molthub, forward, 'SUCCEEDED');
  const seconds = (performance.now() - began) / 1_000;
  report(
    measured(`${bots} bots in ${steps.length} waves`, 's', [seconds], {
      verdicts: verdicts.length,
      load: loadavg()[0],
    }),
  );
  const { id, tookS } = await abort(molthub, fleetId);
  report(measured('abort, until the last start after it', 's', [tookS], { bots }));
  const back = performance.now();
  await post(molthub, id, 'rollback');
  const { message } = await ended(molthub, id, 'ROLLED_BACK');
  report(measured('bots of the aborted one taken back', 's', [(performance.now() - back) / 1_000], { message }));
};

const Made = z.object({ id: z.uuid() });
const changeLayer = async (molthub: Molthub, fleetId: string, latencyMs = 7): Promise<void> => {
  const patch = { spec: { config: { simulation: { latencyMs } } } };
  const body = { name: `layer-${latencyMs}`, target: { fleetId }, priority: 100 + latencyMs, patch };
  Made.parse(expectStatus(await molthub.call('POST', '/overlays', body), 201, 'POST /overlays').body);
};

const Listed = z.object({ items: z.array(z.object({ id: z.uuid(), progress: z.object({ total: z.int() }) })) });
const planned = (molthub: Molthub): Promise<string> =>
  until('A plan of all bots', timeoutMs, 500, async () => {
    const answer = await molthub.call('GET', '/change-sets?status=PLANNED&limit=10');
    const { items } = Listed.parse(expectStatus(answer, 200, 'GET /change-sets').body);
    return items.find(({ progress }) => progress.total === bots)?.id;
  });

const post = async (molthub: Molthub, id: string, verb: string): Promise<void> => {
  expectStatus(await molthub.call('POST', `/change-sets/${id}/${verb}`, {}), 200, verb);
};

const Status = z.object({
  status: z.string(),
  message: z.string(),
  currentWave: z.int().nullable(),
  verdicts: z.array(z.unknown()),
});
const statusOf = async (molthub: Molthub, id: string) =>
  Status.parse(expectStatus(await molthub.call('GET', `/change-sets/${id}/status`), 200, 'status').body);

const over = new Set(['SUCCEEDED', 'FAILED', 'ABORTED', 'ROLLED_BACK', 'PAUSED']);
const ended = (molthub: Molthub, id: string, status: string) =>
  until(`Change set ${id} to be ${status}`, timeoutMs, 250, async () => {
    const now = await statusOf(molthub, id);
    if (now.status === status) return now;
    if (now.status !== 'SUCCEEDED' && now.status !== 'ABORTED' && over.has(now.status))
      throw new Error(`It is ${now.status}: ${now.message}`);
    return undefined;
  });

const Events = z.object({
  items: z.array(z.object({ sequence: z.int(), time: z.iso.datetime() })),
});
/** The feed hears of it a moment later. */
const timeOfLast = (molthub: Molthub, id: string, type: string): Promise<number> =>
  until(`A ${type}`, timeoutMs, 100, async () => {
    const answer = await molthub.call('GET', `/change-sets/${id}/events?type=${type}&sort=-sequence&limit=1`);
    const [last] = Events.parse(expectStatus(answer, 200, 'events').body).items;
    return last && Date.parse(last.time);
  });

/** Seconds between the abort's fact and the last release after it; 0 where none came after it. */
const abort = async (molthub: Molthub, fleetId: string): Promise<{ readonly id: string; readonly tookS: number }> => {
  const release = { mode: 'manual', strategy: { kind: 'ALL', bakeSeconds: 1 } };
  expectStatus(await molthub.call('PATCH', `/fleets/${fleetId}`, { release }), 200, 'PATCH /fleets');
  await changeLayer(molthub, fleetId, 8);
  const id = await planned(molthub);
  await post(molthub, id, 'start');
  const Released = z.object({ total: z.int() });
  await until('A part of the bots to be released', timeoutMs, 50, async () => {
    const answer = await molthub.call('GET', `/change-sets/${id}/plan?state=CONVERGED&limit=1`);
    return Released.parse(expectStatus(answer, 200, 'plan').body).total > bots / 20 || undefined;
  });
  await post(molthub, id, 'abort');
  const abortedMs = await timeOfLast(molthub, id, 'rollout.change-set.aborted.v1');
  await until('The last bot to settle', timeoutMs, 250, async () => {
    const answer = await molthub.call('GET', `/change-sets/${id}/plan?state=RELEASED&limit=1`);
    return Released.parse(expectStatus(answer, 200, 'plan').body).total === 0 || undefined;
  });
  const lastMs = await timeOfLast(molthub, id, 'rollout.bot.released.v1');
  return { id, tookS: Math.max(0, lastMs - abortedMs) / 1_000 };
};
