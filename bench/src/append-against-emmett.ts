// One event per append, synchronous commit, the version of its stream checked: ours and Emmett's in turn in one run.
import { getPostgreSQLEventStore } from '@event-driven-io/emmett-postgresql';
import { randomUUID } from 'node:crypto';
import { openTestLog } from '@molthub/event-store/testing';
import { countCpu } from './cpu.ts';
import { type Figure, measured, median, type Report } from './measured.ts';
import { sampleData, sampleEvent, sampleMeta } from './sample-event.ts';
import { type Servers, withServers } from './servers.ts';

/** Many short rounds in turn: what else the machine does meanwhile falls on both. */
const rounds = 15;
const secondsPerRound = 0.7;
/** A writer goes on to a new stream after so many events. */
const eventsPerStream = 100;

type Append = (stream: string, version: number) => Promise<unknown>;

export const appendAgainstEmmett: Figure = {
  name: 'append-against-emmett',
  about:
    'single events, 1 and 8 writers, against Emmett 0.42 (floors: 2 times with 1 without waiting for the disk, 1.3 with 8; decision 14)',
  measure: (report) =>
    withServers(async (servers) => {
      const { log, close } = await openTestLog(servers.urls.databaseUrl);
      const emmett = getPostgreSQLEventStore(servers.urls.databaseUrl);
      const ours: Append = (stream, version) =>
        log.commit({ streams: [{ stream, expected: version, events: [sampleEvent()] }] });
      const theirs: Append = (stream, version) =>
        emmett.appendToStream(
          stream,
          [{ type: 'reconciler.bot.started.v1', data: sampleData, metadata: sampleMeta }],
          version === 0 ? {} : { expectedStreamVersion: BigInt(version) },
        );
      try {
        for (const writers of [1, 8]) await compare(servers, { writers, synchronous: true }, ours, theirs, report);
        // Without waiting for the disk, what is left is the work itself: the ratio that its flush hides.
        await log.reads('alter system set synchronous_commit = off');
        await log.reads('select pg_reload_conf()');
        for (const writers of [1, 8]) await compare(servers, { writers, synchronous: false }, ours, theirs, report);
      } finally {
        await close();
        await emmett.close();
      }
    }),
};

type Setting = { readonly writers: number; readonly synchronous: boolean };

const compare = async (servers: Servers, setting: Setting, ours: Append, theirs: Append, report: Report) => {
  const { writers, synchronous } = setting;
  await perSecond(ours, writers, 0.5);
  await perSecond(theirs, writers, 0.5);
  const rates = { ours: new Array<number>(), theirs: new Array<number>() };
  const cpuMs = { ours: 0, theirs: 0 };
  let [appended, appendedByThem] = [0, 0];
  for (let round = 0; round < rounds; round += 1) {
    const one = await counted(servers, () => perSecond(ours, writers, secondsPerRound));
    const other = await counted(servers, () => perSecond(theirs, writers, secondsPerRound));
    rates.ours.push(one.rate);
    rates.theirs.push(other.rate);
    cpuMs.ours += one.cpuMs;
    cpuMs.theirs += other.cpuMs;
    appended += one.rate * secondsPerRound;
    appendedByThem += other.rate * secondsPerRound;
  }
  const context = {
    writers,
    synchronous,
    secondsPerRound,
    emmettPerSecond: Math.round(median(rates.theirs)),
    ratioOfMedians: Number((median(rates.ours) / median(rates.theirs)).toFixed(2)),
    medianOfRatios: Number(median(rates.ours.map((rate, round) => rate / (rates.theirs[round] ?? rate))).toFixed(2)),
    cpuMsPerAppend: Number((cpuMs.ours / appended).toFixed(3)),
    cpuMsPerEmmettAppend: Number((cpuMs.theirs / appendedByThem).toFixed(3)),
  };
  const name = `append, ${writers} writer${writers > 1 ? 's' : ''}${synchronous ? '' : ', asynchronous commit'}`;
  report(measured(name, 'events/s', rates.ours, context));
};

const counted = async (servers: Servers, work: () => Promise<number>) => {
  const used = await countCpu([servers.postgres.pid]);
  const rate = await work();
  const { ownMs, serversMs } = await used();
  return { rate, cpuMs: ownMs + (serversMs ?? 0) };
};

/** Each writer appends to streams of its own, one event after the other. */
const perSecond = async (append: Append, writers: number, seconds: number): Promise<number> => {
  const began = performance.now();
  const until = began + seconds * 1_000;
  let events = 0;
  const write = async () => {
    for (;;) {
      const stream = `bench-${randomUUID()}`;
      for (let version = 0; version < eventsPerStream; version += 1) {
        if (performance.now() >= until) return;
        await append(stream, version);
        events += 1;
      }
    }
  };
  await Promise.all(Array.from({ length: writers }, write));
  return events / ((performance.now() - began) / 1_000);
};
