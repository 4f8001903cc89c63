// The faults that must lose nothing, many rounds each, with both servers down for a minute:
// `node bench/chaos/main.ts [rounds] [words of a fault's name]`. One JSON line per fault; exit code 1 if anything was
// lost, doubled or inverted.
import { rm } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { dice } from '@molthub/event-store/order-harness';
import {
  type Findings,
  type SampleProcess,
  settle,
  startLoad,
  startSampleProcess,
  type SentCommand,
} from '@molthub/service/chaos';
import { measured } from '../src/measured.ts';
import { type Servers, withServers } from '../src/servers.ts';

const rounds = Number(process.argv[2] ?? 10);
const outageMs = 60_000;
const perSecond = 200;
const seed = Date.now() % 1_000_000;
const random = dice(seed);
const aWhile = () => delay(500 + random.below(2_500));

type World = { readonly servers: Servers; services: SampleProcess; readonly restart: () => Promise<void> };

/** Each fault happens once a round, under load, at a random moment. */
const faults: Readonly<Record<string, (world: World) => Promise<void>>> = {
  'kill -9 of nats-server': ({ servers }) => servers.nats.kill(),
  'kill -9 of Postgres': ({ servers }) => servers.postgres.kill(),
  'kill -9 of the services': async (world) => {
    await world.services.kill();
    await world.restart();
  },
  'kill -9 of everything': async (world) => {
    await Promise.all([world.servers.nats.kill(), world.servers.postgres.kill(), world.services.kill()]);
    await world.restart();
  },
  'both servers stopped for a minute': async ({ servers: { nats, postgres } }) => {
    await Promise.all([nats.stopHard(), postgres.stopHard()]);
    await delay(outageMs);
    await Promise.all([nats.start(), postgres.start()]);
  },
  'the bus deleted while stopped': async ({ servers: { nats } }) => {
    await nats.stopHard();
    await rm(nats.storeDir, { recursive: true });
    await nats.start();
  },
  'a leader frozen past its lease': async (world) => {
    const other = await startSampleProcess(world.servers.urls);
    world.services.freeze();
    await delay(15_000);
    world.services.thaw();
    await aWhile();
    await other.stop();
  },
};

const run = async (fault: string, strike: (world: World) => Promise<void>): Promise<Findings> =>
  withServers(async (servers) => {
    const world: World = {
      servers,
      services: await startSampleProcess(servers.urls),
      restart: async () => {
        world.services = await startedAgain(servers);
      },
    };
    try {
      const load = await startLoad({ natsUrl: servers.urls.natsUrl, perSecond, fleets: 40, timeoutMs: 300_000 });
      for (let round = 0; round < rounds; round += 1) {
        await aWhile();
        await strike(world);
        process.stderr.write(`${fault}: round ${round + 1} of ${rounds}\n`);
      }
      await aWhile();
      const sent: readonly SentCommand[] = await load.stop();
      return await settle(servers.urls, sent, 180_000);
    } finally {
      await world.services.kill();
    }
  });

/** The servers may be on their way back too. */
const startedAgain = async (servers: Servers): Promise<SampleProcess> => {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await startSampleProcess(servers.urls);
    } catch (error) {
      if (attempt === 20) throw error;
      await delay(250);
    }
  }
};

const words = process.argv.slice(3).join(' ');
for (const [fault, strike] of Object.entries(faults).filter(([name]) => name.includes(words))) {
  const { problems, ...found } = await run(fault, strike);
  const line = measured(`${fault}: problems`, 'problems', [problems.length], { rounds, seed, ...found, problems });
  process.stdout.write(`${JSON.stringify(line)}\n`);
  const unanswered = found.commands - found.acknowledged;
  if (problems.length > 0 || unanswered > 0) process.exitCode = 1;
}
