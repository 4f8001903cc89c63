import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { networkInterfaces, tmpdir } from 'node:os';
import { connect } from 'node:net';
import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { query } from './held-servers.ts';
import type { EmbeddedPostgres } from './postgres.ts';
import { startPostgres } from './postgres.ts';
import { persistentSecret } from './secret-file.ts';

const env = { PATH: '/usr/local/bin:/usr/bin:/bin' };
const lines: string[] = [];
const running: EmbeddedPostgres[] = [];
let root = '';
let dataDir = '';

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), `molthub-test-${process.pid}-`));
  dataDir = join(root, 'postgres');
});
afterEach(async () => {
  for (const server of running.splice(0)) await server.stop();
  lines.length = 0;
});
afterAll(() => rm(root, { recursive: true, force: true }));

async function start(): Promise<EmbeddedPostgres> {
  const server = await startPostgres({ dataDir, durable: false, log: (line) => lines.push(line), env });
  running.push(server);
  return server;
}

test('it listens on loopback only, and on no socket file', async () => {
  const server = await start();
  expect(await query(server.url, 'show unix_socket_directories')).toEqual([{ unix_socket_directories: '' }]);
  expect(await query(server.url, 'show listen_addresses')).toEqual([{ listen_addresses: '127.0.0.1' }]);
  const outside = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  for (const { address, internal, family } of outside) {
    if (!internal && family === 'IPv4') await expect(dial(address, server.port)).rejects.toThrow('ECONNREFUSED');
  }
});

test('a wrong password and none at all are refused', async () => {
  const server = await start();
  await expect(query(server.url.replace(server.password, 'wrong'), 'select 1')).rejects.toThrow('password');
  await expect(query(server.url.replace(`:${server.password}`, ''), 'select 1')).rejects.toThrow('password');
});

test('text is UTF-8 and sorts by code point, whatever the machine speaks', async () => {
  const server = await start();
  const [row] = await query(
    server.url,
    `select string_agg(v, '' order by v) as text from unnest(array['é','Z','a']) v`,
  );
  expect(row).toEqual({ text: 'Zaé' });
});

test('killed, it comes back on the same port with everything it had acknowledged', async () => {
  const server = await start();
  await query(server.url, 'create table acknowledged as select 1 as value');
  const killed = server.pid;
  await server.kill();
  await vi.waitFor(async () => expect(await query(server.url, 'table acknowledged')).toEqual([{ value: 1 }]), 20_000);
  expect(server.pid).not.toBe(killed);
  expect(server.restarts).toBe(1);
  expect(lines).toEqual([`Postgres (process ${killed}) ended with code 137; restarting it on port ${server.port}`]);
});

test('when only its guard is killed, it is stopped and started under a new one', async () => {
  const server = await start();
  const before = server.pid;
  const guard = Number(/^PPid:\s*(\d+)/m.exec(await readFile(`/proc/${before}/status`, 'utf8'))?.[1]);
  process.kill(guard, 'SIGKILL');
  await vi.waitFor(() => expect(server.restarts).toBe(1), 20_000);
  expect(server.pid).not.toBe(before);
  expect(await query(server.url, 'select 1 as one')).toEqual([{ one: 1 }]);
});

test('a lock file with the id of an unrelated living process does not keep it from starting', async () => {
  await (await start()).stop();
  const stranger = spawn('/bin/sleep', ['60']);
  try {
    const lock = [stranger.pid, dataDir, 1_700_000_000, 5432, '', '127.0.0.1', '  1234567  0', 'ready', ''].join('\n');
    await writeFile(join(dataDir, 'postmaster.pid'), lock);
    const server = await start();
    expect(await query(server.url, 'select 1 as one')).toEqual([{ one: 1 }]);
    expect(stranger.exitCode).toBeNull();
  } finally {
    stranger.kill('SIGKILL');
    await once(stranger, 'exit');
  }
});

test('a cluster that was never finished is made anew', async () => {
  const other = join(root, 'other');
  await persistentSecret(`${other}.password`);
  await mkdir(`${other}.new.123`);
  await writeFile(`${other}.new.123/PG_VERSION`, 'the rest of a killed initdb');
  const server = await startPostgres({ dataDir: other, durable: false, log: () => {}, env });
  running.push(server);
  expect(await query(server.url, 'select 1 as one')).toEqual([{ one: 1 }]);
  expect((await readdir(root)).filter((name) => name.includes('.new'))).toEqual([]);
});

test('a folder that holds something else is refused and left as it is', async () => {
  const notes = join(root, 'notes');
  await mkdir(notes);
  await writeFile(join(notes, 'mine.txt'), 'keep this');
  await expect(startPostgres({ dataDir: notes, durable: false, log: () => {}, env })).rejects.toThrow(
    /holds something/,
  );
  expect(await readFile(join(notes, 'mine.txt'), 'utf8')).toBe('keep this');
});

test('data of another major version is refused, with the way out', async () => {
  await (await start()).stop();
  const version = await readFile(join(dataDir, 'PG_VERSION'), 'utf8');
  await writeFile(join(dataDir, 'PG_VERSION'), '16\n');
  try {
    await expect(start()).rejects.toThrow(/was made by Postgres 16, .* pg_dump/);
  } finally {
    await writeFile(join(dataDir, 'PG_VERSION'), version);
  }
});

test('stopping twice, or while it is restarting, stops it', async () => {
  const server = await start();
  await server.kill();
  await Promise.all([server.stop(), server.stop()]);
  await server.exited;
  await expect(dial('127.0.0.1', server.port)).rejects.toThrow('ECONNREFUSED');
});

async function dial(host: string, port: number): Promise<void> {
  const socket = connect({ host, port, timeout: 2_000 });
  try {
    await once(socket, 'connect');
  } finally {
    socket.destroy();
  }
}
