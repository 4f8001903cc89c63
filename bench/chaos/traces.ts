// The faults that must lose no span, with a million of them: `node bench/chaos/traces.ts [spans] [words of a fault's
// name]`. One JSON line per fault; exit code 1 if any acknowledged span was lost or is there twice, if any was refused for
// ever, or if a total differs from a brute-force count. The full disk is a small one in memory, which takes root to mount.
// Too much is three times what the same run has just shown to be taken for a while: answers that put off must come, each
// with when to come again, and memory must stay below its limit.
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { startPostgres } from '@molthub/embedded';
import { openTrace, type OpenTrace, problemsOf, type Sent, sendAll } from '@molthub/trace-ingest/chaos';
import { environment } from '../src/env.ts';
import { measured } from '../src/measured.ts';
import { type Servers, withServers } from '../src/servers.ts';

const spans = Number(process.argv[2] ?? 1_000_000);
const run = promisify(execFile);

type World = {
  readonly servers: Servers;
  readonly trace: OpenTrace;
  readonly diskDir: string;
  readonly putOff: () => number;
};
type Fault = {
  readonly strikes: number;
  readonly strike: (world: World) => Promise<void>;
  /** So many times what can be taken is sent. */
  readonly timesSustainable?: number;
  /** Bytes of the disk that Postgres gets; without it, the machine's. */
  readonly diskBytes?: number;
};

const faults: Readonly<Record<string, Fault>> = {
  'kill -9 of trace-ingest': { strikes: 10, strike: ({ trace }) => trace.restart() },
  'kill -9 of Postgres': { strikes: 10, strike: ({ servers }) => servers.postgres.kill() },
  'a full disk': {
    strikes: 2,
    // Small enough for memory: what spans and their log take, and as much again.
    diskBytes: 600 * 1024 ** 2 + spans * 3_000,
    strike: async ({ diskDir, putOff }) => {
      const filler = join(diskDir, 'filler');
      // It ends with an error, which is what it is for.
      await run('dd', ['if=/dev/zero', `of=${filler}`, 'bs=1M']).catch(() => undefined);
      const before = putOff();
      for (let waits = 0; putOff() < before + 50 && waits < 600; waits += 1) await delay(100);
      await rm(filler);
    },
  },
  'more than can be stored': {
    strikes: 0,
    strike: async () => undefined,
    timesSustainable: 3,
  },
};

const spansPerRequest = 250;
/** Of all spans, those that show how many a second are taken. */
const shareToMeasure = 0.25;
const connectionsOf = (count: number): number => Math.ceil(count / spansPerRequest);
/**
 * What a process has that takes spans as fast as it can, twice what may wait in its queue and in its bodies, and what is
 * read at once from each connection, before it is known whether there is room for it.
 */
const memoryBytesMax = (256 + 2 * (64 + 64)) * 1024 ** 2 + connectionsOf(spans * (1 - shareToMeasure)) * 64 * 1024;

const withDisk = async <T>(bytes: number | undefined, work: (dir: string | null) => Promise<T>): Promise<T> => {
  if (bytes === undefined) return work(null);
  const dir = await mkdtemp(join(tmpdir(), 'molthub-disk-'));
  await run('mount', ['-t', 'tmpfs', '-o', `size=${bytes},mode=755`, 'tmpfs', dir]);
  try {
    return await work(dir);
  } finally {
    await run('umount', ['-l', dir]);
    await rm(dir, { recursive: true, force: true });
  }
};

const withPostgresOn = async <T>(
  servers: Servers,
  disk: string | null,
  work: (servers: Servers) => Promise<T>,
): Promise<T> => {
  if (disk === null) return work(servers);
  const postgres = await startPostgres({
    dataDir: join(disk, 'postgres'),
    log: () => undefined,
    durable: true,
    env: environment,
  });
  try {
    return await work({ ...servers, postgres, urls: { ...servers.urls, databaseUrl: postgres.url } });
  } finally {
    await postgres.stop();
  }
};

const strikeAll = async ({ strikes, strike }: Fault, world: Omit<World, 'putOff'>) => {
  const struck: Promise<void>[] = [];
  let putOff = 0;
  const sent = await sendAll({
    ...world.trace.load,
    spans,
    spansPerRequest,
    inFlight: 8,
    onPutOff: () => {
      putOff += 1;
    },
    onAnswer: (acknowledged) => {
      if (struck.length < strikes && acknowledged >= (spans * (struck.length + 1)) / (strikes + 1)) {
        struck.push(strike({ ...world, putOff: () => putOff }));
      }
    },
  });
  await Promise.all(struck);
  return sent;
};

/** First as fast as they are taken, which is the rate that can be sustained; then so many times as fast, whatever comes. */
const overload = async (times: number, { load }: OpenTrace): Promise<Overload> => {
  const measuring = Math.round((spans * shareToMeasure) / spansPerRequest) * spansPerRequest;
  const began = performance.now();
  const first = await sendAll({ ...load, spans: measuring, spansPerRequest, inFlight: 8 });
  const sustainablePerSecond = measuring / ((performance.now() - began) / 1_000);
  const perSecond = times * sustainablePerSecond;
  let lastOfferedMs = 0;
  const rushed = performance.now();
  const second = await sendAll({
    ...load,
    from: measuring,
    spans: spans - measuring,
    spansPerRequest,
    // Nobody waits for another's answer: that would be less than so many times too much.
    inFlight: connectionsOf(spans - measuring),
    perSecond,
    waitMsMax: 30_000,
    onOffer: () => {
      lastOfferedMs = performance.now() - rushed;
    },
  });
  const offeredPerSecond = (spans - measuring) / (lastOfferedMs / 1_000);
  return {
    sent: {
      acknowledged: first.acknowledged + second.acknowledged,
      answers: second.answers,
      withoutRetryAfter: first.withoutRetryAfter + second.withoutRetryAfter,
      refused: [...first.refused, ...second.refused],
    },
    rates: {
      sustainablePerSecond: Math.round(sustainablePerSecond),
      offeredPerSecond: Math.round(offeredPerSecond),
    },
  };
};
type Overload = {
  readonly sent: Sent;
  readonly rates: { readonly sustainablePerSecond: number; readonly offeredPerSecond: number };
};

/** What was not as it must be where too much comes. */
const problemsOfOverload = ({ sent }: Overload, peakBytes: number): readonly string[] => {
  const putOff = (sent.answers[429] ?? 0) + (sent.answers[503] ?? 0);
  return [
    ...(putOff === 0 ? ['nothing was put off: send more spans, so that more waits than may'] : []),
    ...(sent.withoutRetryAfter > 0 ? [`${sent.withoutRetryAfter} answers did not say when to come again`] : []),
    ...(peakBytes > memoryBytesMax ? [`the process had ${peakBytes} bytes, more than ${memoryBytesMax}`] : []),
  ];
};

const suffer = (fault: Fault) =>
  withServers((machine) =>
    withDisk(fault.diskBytes, (disk) =>
      withPostgresOn(machine, disk, async (servers) => {
        const trace = await openTrace(servers.urls);
        try {
          const rush = fault.timesSustainable ? await overload(fault.timesSustainable, trace) : null;
          const { refused, ...sent } = rush?.sent ?? (await strikeAll(fault, { servers, trace, diskDir: disk ?? '' }));
          const peakBytes = await trace.process().peakBytes();
          const problems = [
            ...refused,
            ...(rush ? problemsOfOverload(rush, peakBytes) : []),
            ...(await problemsOf(trace.reads, spans)),
          ];
          return {
            ...sent,
            ...(rush ? { ...rush.rates, memoryBytesMax } : {}),
            problems,
            restartsOfPostgres: servers.postgres.restarts,
            peakBytes,
          };
        } finally {
          await trace.close();
        }
      }),
    ),
  );

const words = process.argv.slice(3).join(' ');
for (const [name, fault] of Object.entries(faults).filter(([one]) => one.includes(words))) {
  const { problems, ...found } = await suffer(fault);
  const line = measured(`${name}: problems`, 'problems', [problems.length], { spans, ...found, problems });
  process.stdout.write(`${JSON.stringify(line)}\n`);
  if (problems.length > 0 || found.acknowledged < spans) process.exitCode = 1;
}
