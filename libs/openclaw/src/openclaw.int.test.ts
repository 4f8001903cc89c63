// One real OpenClaw bot through everything a supervisor does with it. The runtime is shared with other tests: 650 MB.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { applyConfig } from './apply-config.ts';
import { findBotProcess, startBot, stopBot } from './bot-process.ts';
import { diffConfig } from './config-diff.ts';
import { readConfigFile, writeConfigFile } from './config-file.ts';
import { configSchema } from './config-schema.ts';
import { botDirs, botEnvironment } from './environment.ts';
import { connectGateway } from './gateway-client.ts';
import { configSchemaWithHints, getConfig } from './gateway-verbs.ts';
import { installOpenclaw, type OpenclawInstall } from './install.ts';
import type { JsonObject } from './json-tree.ts';
import { observedConfig, withOwned } from './owned-config.ts';
import { pickPort } from './ports.ts';
import { probe } from './probe.ts';
import { isAlive, type ProcessIdentity, processesWithEnv } from './process-identity.ts';
import { waitReady } from './ready.ts';
import { sensitivePaths } from './redaction.ts';
import { validateConfig } from './validate-config.ts';

const runtimesDir = join(tmpdir(), 'molthub-test-runtimes');
const root = mkdtempSync(join(tmpdir(), 'molthub-bot-'));
const dirs = botDirs(root);
const desired: JsonObject = { logging: { level: 'info' }, tools: { deny: ['browser', 'canvas'] } };
let install: OpenclawInstall;
let identity: ProcessIdentity;
let owned = {
  port: 0,
  token: 'a-token-of-this-test-0123456789abcdef',
  logFile: dirs.logFile,
  workspace: dirs.workspace,
};
const url = () => `ws://127.0.0.1:${owned.port}`;

beforeAll(async () => {
  install = await installOpenclaw({ version: '2026.9.6', runtimesDir, log: () => undefined });
  owned = { ...owned, port: await pickPort({ taken: [], base: 28_789 }) };
  await writeConfigFile(dirs.configFile, withOwned(desired, owned));
  const started = await startBot({ ...start() });
  identity = started.identity;
  const ready = await waitReady({ port: owned.port, timeoutMs: 110_000, identity });
  if (ready.state !== 'ready') throw new Error(`The bot is not ready: ${JSON.stringify(ready)}`);
}, 300_000);

afterAll(async () => {
  await stopBot({ dirs, port: owned.port, graceMs: 20_000 });
  rmSync(root, { recursive: true, force: true });
});

function start() {
  const env = botEnvironment({ dirs, node: install.node, hasChannels: false });
  return { entry: install.entry, node: install.node, dirs, env, port: owned.port };
}

async function observed(): Promise<JsonObject> {
  const file = await readConfigFile(dirs.configFile);
  if (file.state !== 'read') throw new Error(`The config file is ${file.state}.`);
  return observedConfig(file.parsed, { owned, desired });
}

test('the schema of this version accepts what a bot is given, and names what is wrong', async () => {
  const schema = await configSchema({ install, cacheDir: join(runtimesDir, 'schemas') });
  expect(await validateConfig(schema, withOwned(desired, owned))).toEqual([]);
  expect(
    await validateConfig(schema, { gateway: { port: 'x', nonsense: 1 }, logging: { level: 'loud' } }),
  ).toMatchObject([
    { path: 'gateway.nonsense', code: 'unknown-key' },
    { path: 'gateway.port', code: 'wrong-type' },
    { path: 'logging.level', code: 'wrong-value' },
  ]);
});

test('a ready bot answers a probe, and only to its own token', async () => {
  expect(await probe({ url: url(), token: owned.token, timeoutMs: 15_000 })).toMatchObject({
    status: 'HEALTHY',
    protocol: 4,
    version: '2026.9.6',
  });
  expect(await probe({ url: url(), token: 'another', timeoutMs: 15_000 })).toMatchObject({
    status: 'UNHEALTHY',
    detail: expect.stringContaining('AUTH_TOKEN_MISMATCH'),
  });
});

test('a second process on the same state is impossible, and a bot is found again without its record', async () => {
  expect(await startBot(start())).toMatchObject({ outcome: 'already-running', identity });
  rmSync(join(root, 'process.json'));
  expect(await startBot(start())).toMatchObject({ outcome: 'already-running', identity });
  expect(await findBotProcess(dirs)).toEqual(identity);
});

test('a plain start changes nothing: what is observed is what was desired', async () => {
  expect(await observed()).toEqual(desired);
});

test('a hot change keeps the process; a removal and a shorter list are applied; a repeat does nothing', async () => {
  const client = await connectGateway({ url: url(), token: owned.token, timeoutMs: 30_000 });
  const request = { owned, configFile: dirs.configFile };
  const louder: JsonObject = { logging: { level: 'debug' }, tools: { deny: ['browser'] } };
  expect(await applyConfig(client, { ...request, desired: louder })).toMatchObject({ outcome: 'hot' });
  expect(diffConfig(louder, await observed())).toEqual([]);
  expect(await applyConfig(client, { ...request, desired: { logging: { level: 'debug' } } })).toMatchObject({
    outcome: 'hot',
  });
  expect(await applyConfig(client, { ...request, desired })).toMatchObject({ outcome: 'hot' });
  expect(await applyConfig(client, { ...request, desired })).toMatchObject({ outcome: 'noop' });
  expect(await observed()).toEqual(desired);
  expect(await isAlive(identity)).toBe(true);
  client.close();
});

test('a hand edit is announced by the bot and seen in its file', async () => {
  const changed = Promise.withResolvers<void>();
  const onEvent = ({ event }: { event: string }) => event === 'config.changed' && changed.resolve();
  const client = await connectGateway({ url: url(), token: owned.token, timeoutMs: 30_000, onEvent });
  const edited = readFileSync(dirs.configFile, 'utf8').replace('"info"', '"warn"');
  writeFileSync(dirs.configFile, edited);
  await changed.promise;
  expect(diffConfig(desired, await observed())).toEqual([{ path: 'logging.level', desired: 'info', observed: 'warn' }]);
  expect(await getConfig(client)).toMatchObject({ valid: true, parsed: { logging: { level: 'warn' } } });
  client.close();
});

test('the bot says which paths of its config are secret', async () => {
  const client = await connectGateway({ url: url(), token: owned.token, timeoutMs: 30_000 });
  const paths = sensitivePaths(await configSchemaWithHints(client));
  expect(paths).toContain('gateway.auth.token');
  expect(paths.length).toBeGreaterThan(100);
  client.close();
});

test('a change that needs a restart is asked for first, then waited out by reconnecting', async () => {
  const client = await connectGateway({ url: url(), token: owned.token, timeoutMs: 30_000 });
  const request = {
    owned,
    configFile: dirs.configFile,
    desired: { ...desired, gateway: { controlUi: { basePath: '/ui' } } },
  };
  expect(await applyConfig(client, { ...request, mayRestart: false })).toMatchObject({
    outcome: 'restart-needed',
    paths: ['gateway.controlUi.basePath'],
  });
  expect(await applyConfig(client, request)).toMatchObject({ outcome: 'restarted' });
  expect(await isAlive(identity)).toBe(true);
  client.close();
});

test('a stopped bot is gone, with all its workers and its port', async () => {
  expect(await stopBot({ dirs, port: owned.port, graceMs: 20_000 })).toMatchObject({
    how: 'terminated',
    portFree: true,
  });
  expect(await isAlive(identity)).toBe(false);
  expect(await processesWithEnv('OPENCLAW_STATE_DIR', (value) => value === dirs.state)).toEqual([]);
  expect(await stopBot({ dirs, port: owned.port })).toMatchObject({ how: 'not-running' });
});
