// Starting and stopping as a user does it: the ready line, the second start, Ctrl-C, kill -9, refusals.
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { until } from '@molthub/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeBot, makeFleet, simulatedManifest, untilBot, isConverged } from './src/bots.ts';
import { environment } from './src/env.ts';
import { type Molthub, prepareMolthub } from './src/molthub.ts';

const program = join(import.meta.dirname, '../services/molthub/src/main.ts');

let molthub: Molthub;
beforeAll(async () => {
  molthub = await prepareMolthub();
});
afterAll(() => molthub.remove());

/** Processes whose command line or environment names the home. */
const processesOf = async (home: string): Promise<readonly number[]> => {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const found = await Promise.all(
    pids.map(async (pid) => {
      const texts = await Promise.allSettled([
        readFile(`/proc/${pid}/cmdline`, 'utf8'),
        readFile(`/proc/${pid}/environ`, 'utf8'),
      ]);
      return texts.some((text) => text.status === 'fulfilled' && text.value.includes(home)) ? pid : 0;
    }),
  );
  return found.filter((pid) => pid > 0);
};

const runProgram = async (env: Readonly<Record<string, string>>) => {
  const began = Date.now();
  const result = await promisify(execFile)(process.execPath, [program, 'up'], { env: { ...environment, ...env } }).then(
    () => ({ code: 0, stderr: '' }),
    (error: { code: number; stderr: string }) => ({ code: error.code, stderr: error.stderr }),
  );
  return { ...result, ms: Date.now() - began };
};

test('the first start says that it is ready, and where the key is', async () => {
  await molthub.start();
  expect(molthub.output()).toMatch(/^molthub ready {2}http:\/\/127\.0\.0\.1:\d+ {2}\(API key in .*admin\.key\)$/m);
  const ready = await fetch(new URL('/readyz', (await molthub.endpoints()).api));
  expect(ready.status).toBe(200);
});

test('the workspace default is there, and a fleet and a bot can be made', async () => {
  const fleet = await makeFleet(molthub, 'support');
  const bot = await makeBot(molthub, fleet.id, simulatedManifest('anna'));
  await untilBot(molthub, bot.id, 'converged', isConverged);
});

test('a clean stop exits 0 and leaves no process', async () => {
  expect(await molthub.stop()).toBe(0);
  await until(async () => (await processesOf(molthub.home)).length === 0, { what: 'no process of this home' });
});

test('the end of whoever started it stops it cleanly', async () => {
  await molthub.start();
  expect(await molthub.cutLifeline()).toBe(0);
  await until(async () => (await processesOf(molthub.home)).length === 0, { what: 'no process of this home' });
});

test('the second start has what the first one made', async () => {
  await molthub.start();
  const answer = await molthub.call('GET', '/bot-instances?name=anna');
  expect(answer.body).toMatchObject({ items: [{ name: 'anna', status: 'RUNNING' }] });
});

test('a second start in the same home says that it runs already, and where', async () => {
  const { api } = await molthub.endpoints();
  const second = await runProgram({ MOLTHUB_HOME: molthub.home, MOLTHUB_PORT: new URL(api).port });
  expect(second).toMatchObject({ code: 1, stderr: expect.stringContaining(`runs in this home already, at ${api}`) });
});

test('a kill -9 leaves no process, and the next start recovers', async () => {
  await molthub.kill();
  await until(async () => (await processesOf(molthub.home)).length === 0, { what: 'no process of this home' });
  await molthub.start();
  expect((await molthub.call('GET', '/fleets')).body).toMatchObject({ items: [{ name: 'support' }] });
});

test('a taken port is one clear line and exit 1', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  const home = await mkdtemp(join(tmpdir(), 'molthub-e2e-'));
  const result = await runProgram({ MOLTHUB_HOME: home, MOLTHUB_PORT: String(port), MOLTHUB_OTLP_PORT: '0' });
  server.close();
  await rm(home, { recursive: true, force: true });
  expect(result.code).toBe(1);
  expect(result.stderr).toMatch(new RegExp(`^molthub: .*${port}.*MOLTHUB_PORT`, 'm'));
  expect(result.ms).toBeLessThan(10_000);
});

test('a home that cannot be written is one clear line and exit 1', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'molthub-e2e-'));
  const file = join(folder, 'file');
  await writeFile(file, '');
  const result = await runProgram({ MOLTHUB_HOME: join(file, 'home') });
  await rm(folder, { recursive: true, force: true });
  expect(result.code).toBe(1);
  expect(result.stderr.trim().split('\n')).toHaveLength(1);
  expect(result.stderr).toContain('MOLTHUB_HOME');
});

test('a server that cannot be reached is one clear line and exit 1', async () => {
  const home = await mkdtemp(join(tmpdir(), 'molthub-e2e-'));
  const result = await runProgram({
    MOLTHUB_HOME: home,
    DATABASE_URL: 'postgres://nobody:secret-password@127.0.0.1:9/none',
    NATS_URL: 'nats://127.0.0.1:9',
  });
  await rm(home, { recursive: true, force: true });
  expect(result.code).toBe(1);
  expect(result.stderr.trim().split('\n')).toHaveLength(1);
  expect(result.stderr).toContain('DATABASE_URL');
  expect(result.stderr).not.toContain('secret-password');
  expect(result.ms).toBeLessThan(10_000);
});
