import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { claim, isAlive, stopLeftover } from './leftover.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), `molthub-test-${process.pid}-`));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test('a claim is held by one, and free again after its release', async () => {
  const path = join(folder, 'claimed');
  const claims = await Promise.all([claim(path), claim(path), claim(path)]);
  const ours = claims.filter((result) => result.kind === 'ours');
  expect(ours).toHaveLength(1);
  expect(claims.filter((result) => result.kind === 'held' && result.pid === process.pid)).toHaveLength(2);
  for (const result of ours) await result.release();
  expect((await claim(path)).kind).toBe('ours');
});

test('a claim of a process that is gone, or whose id another process has now, is taken over', async () => {
  const gone = spawn('/bin/true');
  await once(gone, 'exit');
  for (const content of [`${gone.pid} 12345\n`, `${process.pid} 1\n`, 'no claim at all']) {
    const path = join(folder, `stale-${(await readdir(folder)).length}`);
    await writeFile(path, content);
    expect((await claim(path)).kind).toBe('ours');
  }
});

test('a leftover is stopped, the harder way if it ignores the gentle one; a stranger with its id is not', async () => {
  const stubborn = spawn('/bin/sh', ['-c', 'trap "" TERM; echo up; while :; do sleep 1; done', 'sh', folder]);
  await once(stubborn.stdout, 'data');
  const pid = stubborn.pid ?? 0;
  expect(await stopLeftover(pid, join(folder, 'other'), ['SIGKILL', 'SIGKILL'])).toBe(false);
  expect(await isAlive(pid)).toBe(true);
  expect(await stopLeftover(pid, folder, ['SIGTERM', 'SIGKILL'], 200)).toBe(true);
  expect(await isAlive(pid)).toBe(false);
});
