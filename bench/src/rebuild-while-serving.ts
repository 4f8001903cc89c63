// A read model of 200,000 events built anew while the old one is asked and written.
import { randomUUID } from 'node:crypto';
import { FleetCreated, FleetUpdated } from '@molthub/contracts';
import type { Log, NewEvent } from '@molthub/event-store';
import { rebuild, serveProjections } from '@molthub/projections';
import { openTestLog } from '@molthub/event-store/testing';
import { sampleConfig } from '@molthub/service/sample-services';
import { countCpu } from './cpu.ts';
import { type Figure, measured, median } from './measured.ts';
import { sampleMeta } from './sample-event.ts';
import { withServers } from './servers.ts';

const fleets = 2_000;
const eventsPerFleet = 100;
const runs = 5;
const writesPerSecond = 100;

export const rebuildWhileServing: Figure = {
  name: 'rebuild-while-serving',
  about: 'rebuild of a read model while the old one serves (floor: 30,000 events/s)',
  measure: (report) =>
    withServers(async ({ postgres, urls }) => {
      const { projections } = sampleConfig;
      const { log, close } = await openTestLog(urls.databaseUrl, { schema: 'config', projections });
      const [projection] = projections;
      try {
        await serveProjections(log, projections, () => undefined);
        const ids = await fill(log);
        if (!projection) throw new Error('The sample service has no read model.');
        const rates: number[] = [];
        const cpu: number[] = [];
        for (let run = 0; run < runs; run += 1) {
          const stop = serve(log, ids);
          const used = await countCpu([postgres.pid]);
          const began = performance.now();
          await rebuild(log, projection, { signal: new AbortController().signal });
          const seconds = (performance.now() - began) / 1_000;
          const { ownMs, serversMs } = await used();
          await stop();
          rates.push((fleets * eventsPerFleet) / seconds);
          cpu.push((ownMs + (serversMs ?? 0)) / (fleets * eventsPerFleet));
        }
        const context = {
          events: fleets * eventsPerFleet,
          writesPerSecond,
          cpuMsPerEvent: Number(median(cpu).toFixed(4)),
        };
        report(measured('rebuild of a read model, the old one serving', 'events/s', rates, context));
      } finally {
        await close();
      }
    }),
};

const event = (type: string, data: unknown): NewEvent => ({
  id: randomUUID(),
  type,
  data,
  workspace: 'default',
  ...sampleMeta,
  time: new Date().toISOString(),
});

const changed = (fleetId: string) => event(FleetUpdated.type, { fleetId, description: 'changed' });

const fill = async (log: Log): Promise<readonly string[]> => {
  const ids = Array.from({ length: fleets }, () => randomUUID());
  for (const fleetId of ids) {
    const release = { mode: 'auto', strategy: { kind: 'ALL' } };
    const data = { fleetId, name: `f-${fleetId}`, description: '', environment: 'dev', tags: {}, release };
    const changes = Array.from({ length: eventsPerFleet - 1 }, () => changed(fleetId));
    const events = [event(FleetCreated.type, data), ...changes];
    await log.commit({ streams: [{ stream: `fleet-${fleetId}`, expected: 'none', events }] });
  }
  return ids;
};

/** Reads and writes the serving model until told to stop. */
const serve = (log: Log, ids: readonly string[]): (() => Promise<void>) => {
  const pending = new Set<Promise<unknown>>();
  let next = 0;
  const timer = setInterval(() => {
    const fleetId = ids[next % ids.length] ?? '';
    next += 1;
    const work = Promise.all([
      log.commit({ streams: [{ stream: `fleet-${fleetId}`, expected: 'any', events: [changed(fleetId)] }] }),
      log.reads('select changes from config_read.fleets where id = $1', [fleetId]),
    ]).finally(() => pending.delete(work));
    pending.add(work);
  }, 1_000 / writesPerSecond);
  return async () => {
    clearInterval(timer);
    await Promise.all(pending);
  };
};
