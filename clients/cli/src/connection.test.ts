import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { connection } from './connection.ts';

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'molthub-cli-'));
});
afterEach(() => rm(home, { recursive: true }));

const at = (more: { server?: string; key?: string; port?: string } = {}) => ({
  server: more.server,
  key: more.key,
  port: more.port,
  home,
  lifelineFd: undefined,
  path: '',
});
const started = async (api: string) => {
  await writeFile(join(home, 'endpoints.json'), JSON.stringify({ api, otlp: '', nats: '', postgres: '' }));
  await writeFile(join(home, 'admin.key'), 'of-this-home\n');
};

test('without anything said it is port 4000 of this machine', async () => {
  expect(await connection({}, at())).toMatchObject({ server: 'http://127.0.0.1:4000', key: undefined });
});

test('a home without a Molthub is talked to where one would be started', async () => {
  expect(await connection({}, at({ port: '4200' }))).toMatchObject({
    server: 'http://127.0.0.1:4200',
    isOfHome: false,
    unstartedHome: home,
  });
  await expect(connection({}, at({ port: 'http' }))).rejects.toMatchObject({
    exitCode: 2,
    message: expect.stringContaining('MOLTHUB_PORT'),
  });
  expect(await connection({ server: 'http://a:1' }, at({ port: 'http' }))).toMatchObject({ server: 'http://a:1' });
});

test('where a Molthub of the home was started, the port that is set now says nothing', async () => {
  await started('http://127.0.0.1:5001');
  const own = await connection({}, at({ port: '4200' }));
  expect(own).toMatchObject({ server: 'http://127.0.0.1:5001', isOfHome: true });
  expect(own.unstartedHome).toBe(undefined);
  expect(await connection({ server: 'http://127.0.0.1:5001' }, at())).toMatchObject({ isOfHome: false });
});

test('the home knows its own server and key', async () => {
  await started('http://127.0.0.1:5001');
  expect(await connection({}, at())).toMatchObject({ server: 'http://127.0.0.1:5001', key: 'of-this-home' });
});

test('the environment wins over the home, and the command line over both', async () => {
  await started('http://127.0.0.1:5001');
  const environment = at({ server: 'http://a:1', key: 'env' });
  expect(await connection({}, environment)).toMatchObject({ server: 'http://a:1', key: 'env' });
  expect(await connection({ server: 'https://b/', key: 'cli' }, environment)).toMatchObject({
    server: 'https://b',
    key: 'cli',
  });
});

test("this machine's key is sent to no other server", async () => {
  await started('https://molthub.example');
  expect(await connection({}, at())).toMatchObject({ key: 'of-this-home' });
  expect(await connection({ server: 'http://localhost:4000' }, at())).toMatchObject({ key: 'of-this-home' });
  expect(await connection({ server: 'https://molthub.exampel' }, at())).toMatchObject({ key: undefined });
  expect(await connection({ server: 'http://127.0.0.1.example' }, at())).toMatchObject({ key: undefined });
});

test('what is no address is a usage error, and a broken endpoints.json is named', async () => {
  await expect(connection({ server: '127.0.0.1:4000' }, at())).rejects.toMatchObject({ exitCode: 2 });
  await writeFile(join(home, 'endpoints.json'), '{');
  await expect(connection({}, at())).rejects.toThrow('endpoints.json is not what Molthub writes there');
});
