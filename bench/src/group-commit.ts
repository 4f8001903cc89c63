// 256 callers in one process, each appending one event after the other: what waits shares a transaction.
import { randomUUID } from 'node:crypto';
import { openTestLog } from '@molthub/event-store/testing';
import { countCpu } from './cpu.ts';
import { type Figure, measured, median } from './measured.ts';
import { sampleEvent } from './sample-event.ts';
import { withServers } from './servers.ts';

const callers = 256;
const runs = 5;
const secondsPerRun = 3;

export const groupCommit: Figure = {
  name: 'group-commit',
  about: 'append with 256 callers through group commit, synchronous commit (floor: 10,000 events/s)',
  measure: (report) =>
    withServers(async ({ postgres, urls }) => {
      const { log, close } = await openTestLog(urls.databaseUrl);
      const append = (stream: string, version: number) =>
        log.commit({ streams: [{ stream, expected: version, events: [sampleEvent()] }] });
      try {
        await perSecond(append, 1);
        const rates: number[] = [];
        const cpu: number[] = [];
        for (let run = 0; run < runs; run += 1) {
          const used = await countCpu([postgres.pid]);
          const rate = await perSecond(append, secondsPerRun);
          const { ownMs, serversMs } = await used();
          rates.push(rate);
          cpu.push((ownMs + (serversMs ?? 0)) / (rate * secondsPerRun));
        }
        const context = { callers, secondsPerRun, cpuMsPerAppend: Number(median(cpu).toFixed(3)) };
        report(measured('append through group commit, 256 callers', 'events/s', rates, context));
      } finally {
        await close();
      }
    }),
};

const perSecond = async (append: (stream: string, version: number) => Promise<unknown>, seconds: number) => {
  const began = performance.now();
  const until = began + seconds * 1_000;
  let events = 0;
  const call = async () => {
    const stream = `bench-${randomUUID()}`;
    for (let version = 0; performance.now() < until; version += 1) {
      await append(stream, version);
      events += 1;
    }
  };
  await Promise.all(Array.from({ length: callers }, call));
  return events / ((performance.now() - began) / 1_000);
};
