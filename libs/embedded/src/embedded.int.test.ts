import { chmod, chown, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execFileSync } from 'node:child_process';
import { connect } from 'nats';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { startEmbedded } from './embedded.ts';
import { holdServers, processesNaming, query } from './held-servers.ts';
import { freePort } from './ports.ts';
import { findNatsServer } from './nats-server-binary.ts';
import { canRun } from './run-as.ts';

const PATH = '/usr/local/bin:/usr/bin:/bin';
const NOBODY = { uid: 65_534, gid: 65_534, name: 'nobody' };
const isRoot = process.getuid?.() === 0;
// Below a folder that only root may enter, such as /root, no ordinary user could start what is in this checkout.
const nobodyCanRead = isRoot && (await canRun(NOBODY, ['-r', import.meta.filename]));
let natsServer = '';
let root = '';
let home = '';

beforeAll(async () => {
  const cacheDir = join(import.meta.dirname, '../../../node_modules/.cache/molthub');
  natsServer = (await findNatsServer({ cacheDir, env: { PATH }, log: () => {} })).path;
  root = await mkdtemp(join(tmpdir(), `molthub-test-${process.pid}-`));
  await chmod(root, 0o755);
});
beforeEach(async () => {
  home = join(root, `home-${(await readdir(root)).length}`);
});
afterAll(async () => {
  await rm(root, { recursive: true, force: true });
});

describe('whoever starts them', () => {
  test('both servers answer, and stop without leaving a process', async () => {
    const held = await holdServers({ home, path: PATH, natsServer });
    expect(await query(held.postgres.url, 'select current_database() as name')).toEqual([{ name: 'molthub' }]);
    await talkToBus(held.nats);
    expect(await processesNaming(home)).not.toEqual([]);
    expect(await held.stop()).toBe(0);
    expect(await processesNaming(home)).toEqual([]);
  });

  test('what holds secrets or data is closed to other users', async () => {
    const held = await holdServers({ home, path: PATH, natsServer });
    await held.stop();
    const mode = async (path: string) => ((await stat(join(home, path))).mode & 0o777).toString(8);
    expect(await mode('.')).toBe(isRoot ? '710' : '700');
    expect(await mode('secrets')).toBe('700');
    expect(await mode('secrets/postgres.password')).toBe('600');
    expect(await mode('secrets/nats-tester.password')).toBe('600');
    expect(await mode('postgres')).toBe('700');
    expect(await mode('nats')).toBe('700');
    expect(await mode('nats/nats.conf')).toBe('600');
  });

  test.runIf(nobodyCanRead)('an ordinary user starts them as that user', async () => {
    await mkdir(home);
    await chown(home, NOBODY.uid, NOBODY.gid);
    const held = await holdServers({ home, path: PATH, natsServer, uid: NOBODY.uid, gid: NOBODY.gid });
    expect(held.uid).toBe(NOBODY.uid);
    expect((await stat(`/proc/${held.postgres.pid}`)).uid).toBe(NOBODY.uid);
    expect((await stat(join(home, 'postgres'))).uid).toBe(NOBODY.uid);
    await talkToBus(held.nats);
    expect(await held.stop()).toBe(0);
  });

  test.runIf(isRoot)('root starts them as a user who is not root', async () => {
    const held = await holdServers({ home, path: PATH, natsServer });
    expect((await stat(`/proc/${held.postgres.pid}`)).uid).not.toBe(0);
    expect((await stat(`/proc/${held.nats.pid}`)).uid).not.toBe(0);
    await held.stop();
  });
});

describe('after kill -9', () => {
  test('of the process that started them, no process is left', async () => {
    const held = await holdServers({ home, path: PATH, natsServer });
    await held.killHolder();
    await vi.waitFor(async () => expect(await processesNaming(home)).toEqual([]), { timeout: 10_000 });
    await expect(query(held.postgres.url, 'select 1')).rejects.toThrow();
  });

  test('of that process, the next start at once has the data, the ports and the passwords', async () => {
    const first = await holdServers({ home, path: PATH, natsServer });
    await query(first.postgres.url, 'create table kept as select 7 as value');
    await first.killHolder();
    const second = await holdServers({ home, path: PATH, natsServer });
    expect(second.postgres.url).toBe(first.postgres.url);
    expect(second.nats).toMatchObject({ port: first.nats.port, password: first.nats.password });
    expect(await query(second.postgres.url, 'select value from kept')).toEqual([{ value: 7 }]);
    await second.stop();
  });

  test('of everything at once, the next start recovers', async () => {
    const first = await holdServers({ home, path: PATH, natsServer });
    await query(first.postgres.url, 'create table kept as select 7 as value');
    await first.killHolder();
    await killAll([first.postgres.pid, first.nats.pid]);
    const second = await holdServers({ home, path: PATH, natsServer });
    expect(await query(second.postgres.url, 'select value from kept')).toEqual([{ value: 7 }]);
    await talkToBus(second.nats);
    await second.stop();
  });
});

describe('one clear sentence, and nothing left running', () => {
  const start = (more: Partial<Parameters<typeof startEmbedded>[0]> = {}) =>
    startEmbedded({
      home,
      users: [{ name: 'tester' }],
      log: () => {},
      env: { PATH, NATS_SERVER_BIN: natsServer },
      ...more,
    });

  test('when the home is a file', async () => {
    await writeFile(home, 'not a folder');
    await expect(start()).rejects.toThrow(/home .*(cannot be written|is not a folder)/i);
  });

  test('when a port is taken', async () => {
    const port = await freePort();
    const other = createServer().listen(port, '127.0.0.1');
    try {
      await expect(start({ natsPort: port })).rejects.toThrow(`Port ${port} on 127.0.0.1, wanted for NATS, is taken`);
      await expect(start({ postgresPort: port })).rejects.toThrow(`Port ${port} on 127.0.0.1, wanted for Postgres`);
      expect(await processesNaming(home)).toEqual([]);
    } finally {
      other.close();
    }
  });

  test('when another process holds the home', async () => {
    const held = await holdServers({ home, path: PATH, natsServer });
    await expect(start()).rejects.toThrow(/is in use by process \d+/);
    expect(await query(held.postgres.url, 'select 1 as one')).toEqual([{ one: 1 }]);
    await held.stop();
  });

  test.runIf(isRoot)('when the users of the servers cannot reach the home', async () => {
    const closed = join(root, 'closed');
    await mkdir(closed, { mode: 0o700 });
    await writeFile(join(closed, 'other'), '');
    await expect(start({ home: join(closed, 'home') })).rejects.toThrow(/cannot reach .* Choose a home outside \/root/);
  });

  test('when the home is a folder full of other things that everyone can write', async () => {
    await mkdir(home);
    await writeFile(join(home, 'other'), '');
    await chmod(home, 0o777);
    await expect(start()).rejects.toThrow('Choose an empty folder as home');
  });
});

async function talkToBus({ url, password }: { url: string; password: string }): Promise<void> {
  const connection = await connect({ servers: url, user: 'tester', pass: password });
  await connection.flush();
  await connection.close();
}

async function killAll(pids: readonly number[]): Promise<void> {
  // `kill` of the shell, since one of them may have ended by now.
  execFileSync('/bin/sh', ['-c', `kill -9 ${pids.join(' ')} 2>/dev/null; true`]);
}
