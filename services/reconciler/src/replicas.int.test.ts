// Several reconcilers on one database: one leads, the others wait, and one that lost its lease changes nothing any more.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AssignBot } from '@molthub/contracts';
import { newId } from '@molthub/identity';
import { canonicalHash } from '@molthub/manifest';
import { openTestCaller, startTestService, type TestCaller } from '@molthub/service/testing';
import { until, withNats, withPostgres } from '@molthub/testing';
import { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { reconcilerService } from './service.ts';
import { simulatedManifest } from './target.conformance.ts';
import { targetsOf } from './target.ts';
import { createSimulatedTarget, type SimulatedTarget } from './targets/simulated.ts';

const postgres = withPostgres();
const nats = withNats();
let home = '';
let caller: TestCaller;
let database: Client;

type Replica = {
  readonly target: () => SimulatedTarget | null;
  readonly readStream: (stream: string) => Promise<readonly { readonly type: string }[]>;
  readonly stop: () => Promise<void>;
};
const replicas: Replica[] = [];

const start = async (): Promise<Replica> => {
  let target: SimulatedTarget | null = null;
  const settings = {
    home,
    otlpUrl: null,
    machineEnv: {},
    pollMs: 200,
    openTargets: async () => {
      target = await createSimulatedTarget({ port: 0, spans: null });
      return targetsOf(target);
    },
  };
  const urls = { databaseUrl: postgres.url, natsUrl: nats.url };
  const service = await startTestService(reconcilerService(settings), urls);
  const replica = { target: () => target, readStream: service.log.readStream, stop: () => service.stop() };
  replicas.push(replica);
  return replica;
};
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'molthub-replicas-'));
  caller = await openTestCaller(nats.url);
  database = new Client({ connectionString: postgres.url });
  await database.connect();
});
afterAll(async () => {
  await Promise.all(replicas.map((replica) => replica.stop()));
  await caller.close();
  await database.end();
  await rm(home, { recursive: true, force: true });
});

const make = async () => {
  const resolved = simulatedManifest();
  const botId = newId();
  const of = { botName: 'sim', fleetId: newId(), fleetStatus: 'ACTIVE', environment: 'dev' } as const;
  const released = { changeSetId: newId(), version: 1, generation: 1, hash: canonicalHash(resolved), resolved };
  const data = { botId, ...of, ...released, target: 'simulated', simulated: true } as const;
  expect(await caller.send(AssignBot, data)).toMatchObject({ status: 'DONE' });
  return botId;
};
const history = async (botId: string) => {
  const events = await replicas.at(-1)?.readStream(`bot-${botId}`);
  return (events ?? []).map(({ type }) => type);
};
const once = ['reconciler.bot.assigned.v1', 'reconciler.bot.converged.v1'];
const converged = (botId: string) =>
  until(async () => (await history(botId)).length > 1, { what: `${botId} to converge`, timeoutMs: 30_000 });

test('one of several leads and looks after each bot once; when it goes, another takes the bots up as they are', async () => {
  const [first, second] = [await start(), await start()];
  const bots = [await make(), await make(), await make()];
  for (const botId of bots) await converged(botId);
  const open = [first, second].filter((replica) => replica.target() !== null);
  expect(open).toHaveLength(1);
  const [leader] = open;
  const next = leader === first ? second : first;
  if (leader) replicas.splice(replicas.indexOf(leader), 1);
  await leader?.stop();
  await until(() => next.target()?.bots.size === bots.length, {
    what: 'the other to take the bots up',
    timeoutMs: 20_000,
  });
  const late = await make();
  await converged(late);
  for (const botId of [...bots, late]) expect(await history(botId)).toEqual(once);
}, 60_000);

test('one whose lease was taken while it was frozen writes nothing, and the bot converges once afterwards', async () => {
  await database.query(
    `update reconciler.leases set holder = gen_random_uuid(), epoch = epoch + 1, expires_at = now() + interval '4 seconds'
     where name = 'job:reconcile'`,
  );
  const botId = await make();
  const held = "select expires_at > now() as held from reconciler.leases where name = 'job:reconcile'";
  let writtenWithout = 0;
  const isOver = async () => {
    const events = await history(botId);
    const [lease] = (await database.query<{ held: boolean }>(held)).rows;
    if (lease?.held === true) writtenWithout = events.length - 1;
    return lease?.held === false;
  };
  await until(isOver, { what: 'the taken lease to end', timeoutMs: 20_000 });
  expect(writtenWithout).toBe(0);
  await converged(botId);
  expect(await history(botId)).toEqual(once);
}, 60_000);
