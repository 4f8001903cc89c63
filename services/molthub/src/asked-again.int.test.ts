// What was lost between config and policy, as an operator dropped it from the parked ones, is asked for again.
import { randomUUID } from 'node:crypto';
import {
  CreateBot,
  CreateFleet,
  dropParked,
  ManifestEvaluated,
  ManifestProposed,
  type Outcome,
} from '@molthub/contracts';
import { configService } from '@molthub/config-service';
import { policyService } from '@molthub/policy-service';
import { on, type RunningService, type ServiceDefinition } from '@molthub/service';
import { openTestCaller, startTestService, type TestCaller } from '@molthub/service/testing';
import { until, withNats, withPostgres } from '@molthub/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';

const postgres = withPostgres();
const nats = withNats();
let aheadMs = 0;
const now = () => new Date(Date.now() + aheadMs);
const minutesPass = (minutes: number) => {
  aheadMs += minutes * 60_000;
};
const configDefinition = configService({ validateEngineConfig: async () => [], askAgainEveryMs: 100 });
const failing = () => {
  throw new Error('This version cannot do it.');
};
const unable = {
  config: { ...configDefinition, reactions: [on(ManifestEvaluated, 'conclude-manifest', failing)] },
  policy: { ...policyService, reactions: [on(ManifestProposed, 'judge-proposal', failing)] },
};
const able = { config: configDefinition, policy: policyService };

type Name = 'config' | 'policy';
const running = new Map<Name, RunningService>();
const start = async (definition: ServiceDefinition, name: Name) => {
  const [database, { url: natsUrl }] = [await databaseUrl, nats];
  running.set(name, await startTestService(definition, { databaseUrl: database, natsUrl, now }));
};
const restart = async (definition: ServiceDefinition, name: Name) => {
  await service(name).stop();
  await start(definition, name);
};
const service = (name: Name): RunningService => {
  const found = running.get(name);
  if (!found) throw new Error(`${name} was not started.`);
  return found;
};
let databaseUrl: Promise<string>;
let caller: TestCaller;
let fleetId: string;
beforeAll(async () => {
  databaseUrl = postgres.createDatabase().then(({ url }) => url);
  await Promise.all([start(able.config, 'config'), start(able.policy, 'policy')]);
  caller = await openTestCaller(nats.url, now);
  fleetId = randomUUID();
  await caller.send(CreateFleet, CreateFleet.data.parse({ fleetId, name: 'support', environment: 'dev' }));
});
afterAll(async () => {
  await caller.close();
  await Promise.all([...running.values()].map((one) => one.stop()));
});

type Proposal = { readonly botId: string; readonly outcome: Promise<Outcome | null> };
const propose = async (): Promise<Proposal> => {
  const botId = randomUUID();
  const manifest = {
    apiVersion: 'molthub/v1',
    kind: 'MoltbotInstance',
    metadata: { name: `bot-${botId.slice(0, 8)}` },
    spec: { runtime: { engine: 'simulated' }, target: { kind: 'simulated' }, config: {} },
  };
  const data = CreateBot.data.parse({ botId, fleetId, manifest });
  return { botId, outcome: caller.send(CreateBot, data, { timeoutMs: 60_000 }) };
};
const drop = async (name: Name, key: string) => {
  const { id } = await until(
    async () => (await service(name).log.reads<{ id: string }>('select id from parked where key = $1', [key]))[0],
    { what: `${key} to be parked`, timeoutMs: 20_000 },
  );
  await restart(able[name], name);
  const dropped = await caller.send(dropParked(name), { parkedId: id, reason: '' });
  expect(dropped).toMatchObject({ status: 'DONE' });
};
const asked = async ({ botId }: Proposal) =>
  (await service('config').log.readStream(`bot-${botId}`)).filter(({ type }) => type === 'config.verdict.asked.v1')
    .length;

test('a question is asked again ten minutes after it was asked', async () => {
  await restart(unable.policy, 'policy');
  const first = await propose();
  await drop('policy', `bot-${first.botId}`);
  minutesPass(6);
  await restart(unable.policy, 'policy');
  const second = await propose();
  await drop('policy', `bot-${second.botId}`);
  minutesPass(4);
  expect(await first.outcome).toMatchObject({ status: 'DONE', result: { version: 1 } });
  expect([await asked(first), await asked(second)]).toEqual([1, 0]);
  minutesPass(6);
  expect(await second.outcome).toMatchObject({ status: 'DONE', result: { version: 1 } });
  expect([await asked(first), await asked(second)]).toEqual([1, 1]);
}, 60_000);

test('a verdict that got lost is given again', async () => {
  await restart(unable.config, 'config');
  const proposal = await propose();
  await drop('config', `evaluation-${proposal.botId}`);
  minutesPass(10);
  expect(await proposal.outcome).toMatchObject({ status: 'DONE', result: { version: 1 } });
  expect(await asked(proposal)).toBe(1);
  const verdicts = await service('policy').log.readStream(`evaluation-${proposal.botId}`);
  expect(verdicts).toMatchObject([{ data: { valid: true } }, { data: { valid: true, asked: 2 } }]);
}, 60_000);
