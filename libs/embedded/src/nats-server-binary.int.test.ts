import { copyFile, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { NatsServerBinary } from './nats-server-binary.ts';
import { fetchOnce, findNatsServer, hasKnownHoles, isNewEnough, sha256 } from './nats-server-binary.ts';

const PATH = '/usr/local/bin:/usr/bin:/bin';
const lines: string[] = [];
const log = (line: string) => lines.push(line);
let real: NatsServerBinary;
let root = '';
let cacheDir = '';

beforeAll(async () => {
  const shared = join(import.meta.dirname, '../../../node_modules/.cache/molthub');
  real = await findNatsServer({ cacheDir: shared, env: { PATH }, log });
  root = await mkdtemp(join(tmpdir(), `molthub-test-${process.pid}-`));
});
beforeEach(async () => {
  lines.length = 0;
  cacheDir = await mkdtemp(join(root, 'cache-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

/** A source that gives the real program, as a download would. */
const fetchReal = async (into: string) => {
  fetches += 1;
  await copyFile(real.path, into);
  return 'a test';
};
let fetches = 0;

test('NATS_SERVER_BIN decides alone, and says what is wrong with it', async () => {
  const found = await findNatsServer({ cacheDir, env: { NATS_SERVER_BIN: real.path }, log });
  expect(found).toEqual(real);
  const missing = findNatsServer({ cacheDir, env: { NATS_SERVER_BIN: join(root, 'missing') }, log });
  await expect(missing).rejects.toThrow(/NATS_SERVER_BIN: .*missing is not there.*2\.10\.27 or newer, or unset it/);
  const other = findNatsServer({ cacheDir, env: { NATS_SERVER_BIN: process.execPath }, log });
  await expect(other).rejects.toThrow('NATS_SERVER_BIN');
});

test('of several processes that need it at once, one fetches it, and then the cache answers', async () => {
  fetches = 0;
  const search = { cacheDir, env: {}, log };
  const found = await Promise.all([1, 2, 3].map(() => fetchOnce(search, [], [['test', fetchReal]])));
  expect(fetches).toBe(1);
  expect(new Set(found.map(({ path }) => path)).size).toBe(1);
  expect(await findNatsServer(search)).toEqual(found[0]);
  expect((await readdir(cacheDir)).toSorted()).toEqual([
    basename(found[0]?.path ?? ''),
    `${basename(found[0]?.path ?? '')}.sha256`,
  ]);
});

test('a cached program that was changed is not run but fetched again', async () => {
  fetches = 0;
  const search = { cacheDir, env: {}, log };
  const { path } = await fetchOnce(search, [], [['test', fetchReal]]);
  await writeFile(path, '#!/bin/sh\necho nats-server: v9.9.9\n', { flag: 'a' });
  const again = await fetchOnce(search, [], [['test', fetchReal]]);
  expect(fetches).toBe(2);
  expect(await sha256(again.path)).toBe(await sha256(real.path));
  expect(lines.join('\n')).toContain('its sha256 differs');
});

test('when nothing works, the error lists every attempt and how to install', async () => {
  const failing = async () => {
    throw new Error('no answer');
  };
  const none = fetchOnce(
    { cacheDir, env: {}, log },
    ['/usr/sbin/nats-server is 2.9.10, older than 2.10.27'],
    [
      ['the official release', failing],
      ["the distribution's mirror", failing],
    ],
  );
  await expect(none).rejects.toThrow(
    /2\.9\.10[\s\S]*the official release: no answer[\s\S]*mirror: no answer[\s\S]*NATS_SERVER_BIN.*NATS_URL/,
  );
  expect(await readdir(cacheDir)).toEqual([]);
});

test('versions are compared as numbers', () => {
  expect(['2.10.27', '2.11.0', '2.15.1', '3.0.0'].map(isNewEnough)).toEqual([true, true, true, true]);
  expect(['2.10.26', '2.9.10', '1.99.99'].map(isNewEnough)).toEqual([false, false, false]);
  expect(['2.10.27', '2.12.11', '2.13.9', '2.14.2'].map(hasKnownHoles)).toEqual([true, true, true, true]);
  expect(['2.12.12', '2.14.3', '2.15.1'].map(hasKnownHoles)).toEqual([false, false, false]);
});
