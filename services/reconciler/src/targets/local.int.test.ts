// One real OpenClaw bot through what every target must do. The runtime is shared with other tests: 650 MB.
import { spawn } from 'node:child_process';
import { chmod, mkdtemp, readdir, readFile, rename, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ResolvedManifest } from '@molthub/contracts';
import {
  type BotDirs,
  botEnvironment,
  connectGateway,
  installOpenclaw,
  pickPort,
  waitReady,
  withOwned,
  writeConfigFile,
} from '@molthub/openclaw';
import { createLogger } from '@molthub/telemetry';
import { until } from '@molthub/testing';
import { afterAll, expect, test } from 'vitest';
import { z } from 'zod';
import { desiredBot, describeTarget, reach } from '../target.conformance.ts';
import type { Desired, Target } from '../target.ts';
import { openLocalTarget } from './local.ts';
import { placeOf, readIdentity, readToken } from './local-place.ts';

const runtimesDir = join(tmpdir(), 'molthub-test-runtimes');
const logger = createLogger('reconciler', 'error');
const homes: string[] = [];
const machineEnv = { PATH: process.env['PATH'], HOME: process.env['HOME'] };
let home = '';

afterAll(async () => {
  for (const folder of homes) await rm(folder, { recursive: true, force: true });
});

const manifest = (
  config: ResolvedManifest['spec']['config'],
  security: ResolvedManifest['spec']['security'] = {},
): ResolvedManifest => ({
  apiVersion: 'molthub/v1',
  kind: 'MoltbotInstance',
  metadata: { name: 'conform' },
  spec: { runtime: { engine: 'openclaw', version: '2026.9.6' }, target: { kind: 'local' }, config, security },
});
const open = async () => {
  home = await mkdtemp(join(tmpdir(), 'molthub-local-'));
  homes.push(home);
  return openLocalTarget({ home, runtimesDir, machineEnv }, logger);
};
const configFile = (desired: Desired) => placeOf(home, desired.botId).dirs.configFile;
const pidOf = async (target: Target, desired: Desired) => {
  const seen = await target.observe(desired);
  return seen.is === 'running' ? seen.endpoint.pid : null;
};

describeTarget('local', {
  open,
  manifests: [
    manifest({ tools: { deny: ['browser'] }, channels: { telegram: { enabled: true, botToken: '1:x' } } }),
    manifest({ tools: { deny: ['browser', 'canvas'] }, logging: { level: 'debug' } }),
  ],
  crash: async (target, desired) => {
    const pid = await pidOf(target, desired);
    if (pid !== null) process.kill(pid, 'SIGKILL');
  },
  drift: async (_target, desired) => {
    const file = configFile(desired);
    const config = z.looseObject({}).parse(JSON.parse(await readFile(file, 'utf8')));
    await writeFile(file, JSON.stringify({ ...config, tools: { deny: [] } }));
  },
  eventually: (condition, what) => until(condition, { what, timeoutMs: 30_000 }),
});

test('a bot whose port was taken while it was down gets another one', async () => {
  const target = await open();
  const desired = desiredBot(manifest({}));
  await target.configure(desired, () => {});
  const portOf = async () => (await readIdentity(placeOf(home, desired.botId)))?.port ?? 0;
  const port = await portOf();
  const thief = createServer();
  await new Promise<void>((resolve) => thief.listen(port, '127.0.0.1', resolve));
  const said: string[] = [];
  await target.configure(desired, (message) => said.push(message));
  await new Promise((resolve) => thief.close(resolve));
  expect(await portOf()).toBeGreaterThanOrEqual(port + 120);
  expect(said[0]).toContain('taken by someone else');
  expect(await readFile(configFile(desired), 'utf8')).toContain(`"port": ${await portOf()}`);
  await target.close();
});

test('what a bot leaves on disk is readable by its owner only, and belongs to this machine alone', async () => {
  const target = await open();
  const desired = desiredBot(manifest({}));
  await target.configure(desired, () => {});
  const root = placeOf(home, desired.botId).dirs.root;
  for (const name of ['openclaw.json', 'identity.json', 'gateway.token']) {
    expect((await stat(join(root, name))).mode & 0o077).toBe(0);
  }
  await writeFile(join(home, 'node-id'), 'another-machine');
  const other = await openLocalTarget({ home, runtimesDir, machineEnv }, logger);
  expect(await other.observe(desired)).toMatchObject({ is: 'foreign' });
  await expect(other.destroy(desired)).rejects.toMatchObject({ code: 'reconciler.foreign' });
  await expect(other.configure(desired, () => {})).rejects.toMatchObject({ code: 'reconciler.foreign' });
  await target.close();
  await other.close();
});

const modeOf = async (path: string) => ((await stat(path)).mode & 0o777).toString(8);

test('a bot’s files have the modes that its manifest says; others are told and put right without a restart', async () => {
  const target = await open();
  const desired = desiredBot(manifest({}, { configFileMode: '640', stateDirMode: '750' }));
  const { dirs } = placeOf(home, desired.botId);
  const modes = async () => [await modeOf(dirs.configFile), await modeOf(dirs.root), await modeOf(dirs.state)];
  expect(await reach(target, desired)).toMatchObject({ is: 'running', differences: [] });
  expect(await modes()).toEqual(['640', '750', '750']);
  const pid = await pidOf(target, desired);
  await chmod(dirs.configFile, 0o644);
  const seen = await target.observe(desired);
  expect(seen).toMatchObject({
    differences: [{ class: 'config', path: 'spec.security.configFileMode', desired: '640', observed: '644' }],
  });
  const strict = { ...desired, resolved: manifest({}) };
  expect(await reach(target, strict)).toMatchObject({ is: 'running', differences: [] });
  expect(await modes()).toEqual(['600', '700', '700']);
  expect(await pidOf(target, desired)).toBe(pid);
  await reach(target, { ...desired, run: 'DESTROYED' });
  await target.close();
});

test('a token that is past its time is made anew, and the bot starts with it', async () => {
  const target = await open();
  const desired = desiredBot(manifest({}, { tokenMaxAgeDays: 30 }));
  expect(await reach(target, desired)).toMatchObject({ is: 'running', differences: [] });
  const place = placeOf(home, desired.botId);
  const [file, before] = [join(place.dirs.root, 'gateway.token'), await readToken(place)];
  const longAgo = new Date(Date.now() - 31.5 * 86_400_000);
  await utimes(file, longAgo, longAgo);
  expect(await target.observe(desired)).toMatchObject({
    differences: [{ class: 'secret', path: 'spec.security.tokenMaxAgeDays', desired: 30, observed: 'older' }],
  });
  expect(await reach(target, desired)).toMatchObject({ is: 'running', answers: 'yes', differences: [] });
  const after = await readToken(place);
  expect(after).not.toBe(before);
  const { port = 0 } = (await readIdentity(place)) ?? {};
  const lets = async (token: string) => {
    const client = await connectGateway({ url: `ws://127.0.0.1:${port}`, token, timeoutMs: 10_000 });
    client.close();
  };
  await lets(after);
  await expect(lets(before)).rejects.toMatchObject({ code: 'AUTH_TOKEN_MISMATCH' });
  await reach(target, { ...desired, run: 'DESTROYED' });
  await target.close();
});

test('a bot whose state another OpenClaw process holds is not called wrong, and starts when that one ends', async () => {
  const target = await open();
  const desired = desiredBot(manifest({}));
  await reach(target, desired);
  await reach(target, { ...desired, run: 'STOPPED' });
  const { dirs } = placeOf(home, desired.botId);
  const intruder = await startIntruder(dirs);
  await target.configure(desired, () => {});
  await expect(target.start(desired, () => {})).rejects.toThrow(/Another OpenClaw process holds the state of this bot/);
  await intruder.end();
  expect(await reach(target, desired)).toMatchObject({ is: 'running', answers: 'yes' });
  await reach(target, { ...desired, run: 'DESTROYED' });
  await target.close();
});

/** OpenClaw on the state of this bot by another path, with another configuration: started by somebody, not by Molthub. */
const startIntruder = async (dirs: BotDirs) => {
  const elsewhere = await mkdtemp(join(tmpdir(), 'molthub-intruder-'));
  homes.push(elsewhere);
  const [state, configFile] = [join(elsewhere, 'state'), join(elsewhere, 'openclaw.json')];
  await symlink(dirs.state, state);
  const port = await pickPort({ taken: [], base: 27_789 });
  const owned = {
    port,
    token: 'a-token-of-this-test-0123456789abcdef',
    logFile: join(elsewhere, 'log'),
    workspace: dirs.workspace,
  };
  await writeConfigFile(configFile, withOwned({}, owned));
  const { entry, node } = await installOpenclaw({ version: '2026.9.6', runtimesDir, log: () => undefined });
  const env = botEnvironment({ dirs: { ...dirs, state, configFile }, node, hasChannels: false, env: {}, machineEnv });
  const child = spawn(node, [entry, 'gateway', 'run'], { env, stdio: 'ignore' });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const readiness = await waitReady({ port, timeoutMs: 110_000 });
  expect(readiness).toMatchObject({ state: 'ready' });
  return {
    end: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
};

test('a destroy that was cut off is not taken for done, and the next one finishes it', async () => {
  const target = await open();
  const desired = desiredBot(manifest({}));
  const gone: Desired = { ...desired, run: 'DESTROYED' };
  const { root } = placeOf(home, desired.botId).dirs;
  // Ended while it removed the folder, by this version and by those that removed it in place.
  for (const leftOver of [`${root}.deleting`, root]) {
    await target.configure(desired, () => {});
    await rename(root, leftOver);
    await rm(join(leftOver, 'identity.json'));
    expect(await target.observe(gone)).toMatchObject({ is: 'stopped' });
    expect(await reach(target, gone)).toEqual({ is: 'absent' });
    expect(await readdir(join(home, 'bots'))).toEqual([]);
  }
  await target.close();
});

test('what a destroy that was cut off left behind goes when the target opens', async () => {
  const target = await open();
  const desired = desiredBot(manifest({}));
  await target.configure(desired, () => {});
  await target.close();
  const { root } = placeOf(home, desired.botId).dirs;
  await rename(root, `${root}.deleting`);
  const again = await openLocalTarget({ home, runtimesDir, machineEnv }, logger);
  expect(await readdir(join(home, 'bots'))).toEqual([]);
  await again.close();
});
