// A manifest on its way between config and policy, on real servers: proposed, judged, published or refused.
import {
  CreateBot,
  CreateFleet,
  DeleteFleet,
  EvaluateManifest,
  Manifest,
  type Outcome,
  ProposeManifest,
  RetireBot,
  RollBackManifest,
  rebuildProjection,
  UpdateFleet,
  ValidateManifest,
} from '@molthub/contracts';
import { configService, workspaceIdOf } from '@molthub/config-service';
import { derivedId, newId } from '@molthub/identity';
import { policyService } from '@molthub/policy-service';
import type { RunningService } from '@molthub/service';
import { openTestCaller, startTestService, type TestCaller } from '@molthub/service/testing';
import { until, withNats, withPostgres } from '@molthub/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';

const postgres = withPostgres();
const nats = withNats();
let config: RunningService;
let policy: RunningService;
let caller: TestCaller;

beforeAll(async () => {
  const urls = { databaseUrl: (await postgres.createDatabase()).url, natsUrl: nats.url };
  config = await startTestService(configService({ validateEngineConfig: async () => [] }), urls);
  policy = await startTestService(policyService, urls);
  caller = await openTestCaller(nats.url);
});
afterAll(async () => {
  await caller.close();
  await Promise.all([config.stop(), policy.stop()]);
});

const manifest = (name: string, botConfig: unknown = {}, spec: Record<string, unknown> = {}) =>
  Manifest.parse({
    apiVersion: 'molthub/v1',
    kind: 'MoltbotInstance',
    metadata: { name },
    spec: {
      runtime: { engine: 'openclaw', version: '2026.9.6' },
      target: { kind: 'local' },
      config: botConfig,
      ...spec,
    },
  });
const newFleet = async (name: string, environment: 'dev' | 'prod' = 'dev') => {
  const fleetId = newId();
  const outcome = await caller.send(CreateFleet, { fleetId, name, environment, description: '', tags: {} });
  expect(outcome).toEqual({ status: 'DONE', result: { version: 1 } });
  return fleetId;
};
const newBot = async (fleetId: string, name: string, id = newId()) => {
  const botId = newId();
  const outcome = await caller.send(CreateBot, { botId, fleetId, manifest: manifest(name) }, { id });
  expect(outcome).toMatchObject({ status: 'DONE', result: { botId, version: 1, generation: 1 } });
  return botId;
};
const codeOf = (outcome: Outcome | null) => (outcome?.status === 'REFUSED' ? outcome.code : outcome?.status);
const byText = (a = '', b = '') => (a < b ? -1 : Number(a > b));
const botRow = async (botId: string) =>
  (await config.log.reads('select * from config_read.bots where id = $1', [botId]))[0];

test('the workspace "default" exists after the start', async () => {
  const rows = () => config.log.reads("select id, name from config_read.workspaces where workspace = 'default'");
  await until(async () => (await rows()).length === 1, { what: 'the workspace' });
  expect(await rows()).toEqual([{ id: workspaceIdOf('default'), name: 'Default' }]);
});

test('a bot is created with the verdict of policy, and its reader sees it at once', async () => {
  const fleetId = await newFleet('support');
  const id = newId();
  const botId = await newBot(fleetId, 'anna', id);
  expect(await botRow(botId)).toMatchObject({ fleet_name: 'support', name: 'anna', manifest_version: 1, version: 3 });
  const [version] = await config.log.reads('select * from config_read.manifests where bot_id = $1', [botId]);
  expect(version).toMatchObject({ version: 1, origin: 'create', change_set_id: derivedId(id, 'change-set') });
  const [verdict] = await policy.log.reads('select * from policy_read.evaluations where bot_id = $1', [botId]);
  expect(verdict).toMatchObject({ proposal_id: id, valid: true, violations: [] });
});

test('a denied bot is refused with every violation, leaves nothing, and gives its name back', async () => {
  const fleetId = await newFleet('denied');
  const botId = newId();
  const open = manifest('berta', { gateway: { bind: 'lan' }, channels: { telegram: { dmPolicy: 'open' } } });
  expect(await caller.send(CreateBot, { botId, fleetId, manifest: open })).toMatchObject({
    status: 'REFUSED',
    code: 'policy.denied',
    errors: [
      { path: 'spec.config.channels.telegram.dmPolicy', code: 'dm-policy' },
      { path: 'spec.config.gateway.bind', code: 'gateway-host-binding' },
      { path: 'spec.config.channels.telegram.dmPolicy', code: 'channels.provider.dm.open' },
      { path: 'spec.config.gateway.controlUi.allowedOrigins', code: 'gateway.control_ui.allowed_origins_required' },
    ],
  });
  expect(await botRow(botId)).toBeUndefined();
  await newBot(fleetId, 'berta');
});

test('a manifest that is wrong in itself is refused before policy sees it', async () => {
  const fleetId = await newFleet('wrong');
  const given = manifest('carla', { hooks: { token: 'open sesame' } }, { target: { kind: 'simulated' } });
  const outcome = await caller.send(CreateBot, { botId: newId(), fleetId, manifest: given });
  expect(outcome).toMatchObject({
    status: 'REFUSED',
    code: 'config.manifest-invalid',
    errors: [
      { path: 'spec.target.kind', code: 'config.target-refused' },
      { path: 'spec.config.hooks.token', code: 'config.secret-literal' },
    ],
  });
});

test('a name is taken by the first that asks, at the same moment too', async () => {
  const fleetId = await newFleet('names');
  const asking = ['dora', 'dora', 'dora'].map((name) =>
    caller.send(CreateBot, { botId: newId(), fleetId, manifest: manifest(name) }),
  );
  expect((await Promise.all(asking)).map(codeOf).toSorted(byText)).toEqual([
    'DONE',
    'config.bot-name-taken',
    'config.bot-name-taken',
  ]);
  const fleets = ['twins', 'twins'].map((name) =>
    caller.send(CreateFleet, { fleetId: newId(), name, environment: 'dev', description: '', tags: {} }),
  );
  expect((await Promise.all(fleets)).map(codeOf).toSorted(byText)).toEqual(['DONE', 'config.fleet-name-taken']);
});

test('versions are appended, rolled back to with their own hash, and guarded by If-Match', async () => {
  const botId = await newBot(await newFleet('versions', 'prod'), 'emma');
  const before = await botRow(botId);
  const second = manifest('emma', { logging: { level: 'debug' } });
  const proposed = await caller.send(ProposeManifest, { botId, manifest: second, reason: 'look', expectedVersion: 3 });
  expect(proposed).toMatchObject({ status: 'DONE', result: { version: 2, generation: 2, changeSetId: null } });
  const stale = await caller.send(ProposeManifest, { botId, manifest: second, reason: '', expectedVersion: 3 });
  expect(codeOf(stale)).toBe('config.version-mismatch');
  const back = await caller.send(RollBackManifest, { botId, reason: 'back' });
  expect(back).toMatchObject({ status: 'DONE', result: { version: 3, generation: 3, hash: before?.['desired_hash'] } });
  expect(codeOf(await caller.send(RollBackManifest, { botId, reason: '', toVersion: 9 }))).toBe(
    'config.manifest-version-not-found',
  );
});

test('a fleet with bots stays; without them it goes, and its name is free', async () => {
  const fleetId = await newFleet('leaving');
  const botId = await newBot(fleetId, 'frieda');
  expect(codeOf(await caller.send(DeleteFleet, { fleetId }))).toBe('config.fleet-not-empty');
  expect(await caller.send(RetireBot, { botId })).toMatchObject({ status: 'DONE' });
  expect(codeOf(await caller.send(RetireBot, { botId }))).toBe('config.bot-not-found');
  expect(await caller.send(DeleteFleet, { fleetId })).toMatchObject({ status: 'DONE' });
  await newFleet('leaving');
});

test('nothing of another workspace can be reached', async () => {
  const fleetId = await newFleet('ours');
  const botId = await newBot(fleetId, 'gina');
  const elsewhere = { workspace: 'other' };
  const theirs = manifest('hanna');
  expect(
    await Promise.all([
      caller.send(UpdateFleet, { fleetId, name: 'theirs' }, elsewhere),
      caller.send(DeleteFleet, { fleetId }, elsewhere),
      caller.send(CreateBot, { botId: newId(), fleetId, manifest: theirs }, elsewhere),
      caller.send(ProposeManifest, { botId, manifest: theirs, reason: '' }, elsewhere),
      caller.send(RollBackManifest, { botId, reason: '' }, elsewhere),
      caller.send(RetireBot, { botId }, elsewhere),
    ]).then((outcomes) => outcomes.map(codeOf)),
  ).toEqual([
    'config.fleet-not-found',
    'config.fleet-not-found',
    'config.fleet-not-found',
    'config.bot-not-found',
    'config.bot-not-found',
    'config.bot-not-found',
  ]);
});

test('many bots at once all get their verdict', async () => {
  const fleetId = await newFleet('many');
  const outcomes = await Promise.all(
    Array.from({ length: 200 }, (_, i) =>
      caller.send(CreateBot, { botId: newId(), fleetId, manifest: manifest(`many-${i}`) }, { timeoutMs: 30_000 }),
    ),
  );
  expect(new Set(outcomes.map(codeOf))).toEqual(new Set(['DONE']));
});

test('the read model built anew from the log is the same', async () => {
  const all = async () =>
    JSON.stringify([
      await config.log.reads('select * from config_read.fleets order by id'),
      await config.log.reads('select * from config_read.bots order by id'),
      await config.log.reads('select * from config_read.manifests order by bot_id, version'),
    ]);
  const before = await all();
  expect(await caller.send(rebuildProjection('config'), { name: 'config' })).toMatchObject({ status: 'DONE' });
  expect(await all()).toBe(before);
});

test('validating and evaluating answer and record nothing', async () => {
  const count = async () => (await config.log.reads('select count(*)::int as n from events'))[0]?.['n'];
  const before = await count();
  const good = manifest('ida');
  const ask = async (definition: typeof ValidateManifest | typeof EvaluateManifest, given: unknown) =>
    caller.commander.request(
      {
        id: newId(),
        type: definition.type,
        data: { manifest: given },
        workspace: 'default',
        actor: { kind: 'user', id: 'test', name: 'Test' },
        correlationId: newId(),
        causationId: null,
        time: new Date().toISOString(),
        records: false,
      },
      { timeoutMs: 10_000 },
    );
  expect(await ask(ValidateManifest, good)).toMatchObject({ status: 'DONE', result: { valid: true, errors: [] } });
  expect(await ask(ValidateManifest, { kind: 'Nothing' })).toMatchObject({ status: 'DONE', result: { valid: false } });
  const open = manifest('ida', { gateway: { bind: 'lan' } });
  expect(await ask(EvaluateManifest, open)).toMatchObject({
    status: 'DONE',
    result: {
      valid: false,
      violations: [
        { ruleId: 'gateway-host-binding', suggestedValue: 'loopback' },
        { ruleId: 'gateway.control_ui.allowed_origins_required' },
      ],
    },
  });
  expect(await ask(EvaluateManifest, 7)).toMatchObject({ status: 'REFUSED', code: 'policy.manifest-invalid' });
  expect(await count()).toBe(before);
});
