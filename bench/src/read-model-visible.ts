// From the call of an append in one service until another service's read model has committed the event, at a steady
// rate, both services in this process.
import { randomUUID } from 'node:crypto';
import { FleetUpdated, type Recorded } from '@molthub/contracts';
import type { NewEvent } from '@molthub/event-store';
import type { ServiceDefinition } from '@molthub/service';
import { sampleConfig, sampleHealth } from '@molthub/service/sample-services';
import { startTestService } from '@molthub/service/testing';
import { countCpu } from './cpu.ts';
import { type Figure, measured, quantile } from './measured.ts';
import { sampleMeta } from './sample-event.ts';
import { withServers } from './servers.ts';

const perSecond = 1_000;
const runs = 5;
const secondsPerRun = 4;
const tickMs = 2;
const fleets = Array.from({ length: 200 }, () => randomUUID());

export const readModelVisible: Figure = {
  name: 'read-model-visible',
  about: "append → visible in another service's read model at 1,000/s (floor: p50 5 ms, p99 50 ms)",
  measure: (report) =>
    withServers(async ({ postgres, nats, urls }) => {
      const began = new Map<string, number>();
      const waits: number[] = [];
      const applied = (events: readonly Recorded[]) => {
        const now = performance.now();
        for (const { id } of events) {
          waits.push(now - (began.get(id) ?? now));
          began.delete(id);
        }
      };
      const config = await startTestService(sampleConfig, urls);
      const health = await startTestService(listening(applied), urls);
      const append = async (index: number) => {
        const event = changed(fleets[index % fleets.length] ?? '');
        began.set(event.id, performance.now());
        await config.log.commit({ streams: [{ stream: event.stream, expected: 'any', events: [event] }] });
      };
      try {
        await atRate(append, 2);
        const all = { p50: new Array<number>(), p99: new Array<number>(), cpuMs: new Array<number>() };
        for (let run = 0; run < runs; run += 1) {
          waits.length = 0;
          const used = await countCpu([postgres.pid, nats.pid]);
          await atRate(append, secondsPerRun);
          while (began.size > 0) await new Promise((resolve) => setTimeout(resolve, 5));
          const { ownMs, serversMs } = await used();
          const sorted = waits.toSorted((a, b) => a - b);
          all.p50.push(quantile(sorted, 0.5));
          all.p99.push(quantile(sorted, 0.99));
          all.cpuMs.push((ownMs + (serversMs ?? 0)) / sorted.length);
        }
        const context = { perSecond, secondsPerRun, cpuMsPerEvent: all.cpuMs.map((ms) => Number(ms.toFixed(2))) };
        report(measured('append to visible elsewhere, p50', 'ms', all.p50, context));
        report(measured('append to visible elsewhere, p99', 'ms', all.p99, context));
      } finally {
        await Promise.all([config.stop(), health.stop()]);
      }
    }),
};

/** Only the listener: the figure is of one read model, not of the reactions beside it. */
const listening = (applied: (events: readonly Recorded[]) => void): ServiceDefinition => {
  const health = sampleHealth();
  return { ...health, reactions: [], listeners: health.listeners.map((listener) => ({ ...listener, applied })) };
};

const changed = (fleetId: string): NewEvent & { readonly stream: string } => ({
  id: randomUUID(),
  type: FleetUpdated.type,
  data: { fleetId, description: 'measured' },
  workspace: 'default',
  ...sampleMeta,
  time: new Date().toISOString(),
  stream: `fleet-${fleetId}`,
});

/** Calls at a steady rate, whether or not the calls before have ended, and waits for all of them in the end. */
const atRate = async (call: (index: number) => Promise<void>, seconds: number): Promise<void> => {
  const began = performance.now();
  const calls: Promise<void>[] = [];
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      const due = Math.min(perSecond * seconds, ((performance.now() - began) / 1_000) * perSecond);
      while (calls.length < due) calls.push(call(calls.length));
      if (calls.length < perSecond * seconds) return;
      clearInterval(timer);
      resolve();
    }, tickMs);
  });
  await Promise.all(calls);
};
